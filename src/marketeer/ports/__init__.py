"""What the engine needs of the outside world. Each docstring is the contract an adapter is held to.

Every method may raise errors of `domain.errors` and no others. All times are aware UTC.
"""

from marketeer.ports.clock import Clock
from marketeer.ports.dispatch import Doorbell, WorkQueue
from marketeer.ports.documents import DocumentStore
from marketeer.ports.events import EventFiles, EventStore
from marketeer.ports.examiner import Examiner
from marketeer.ports.goals import Commit, GoalStore
from marketeer.ports.model import CallLost, Material, ModelClient, ModelRequest, ModelResponse, PromptBlock
from marketeer.ports.money import MoneyStore
from marketeer.ports.notices import NoticeStore, Notifier, NotSent, Untold
from marketeer.ports.schedules import ScheduleFiles, ScheduleStore
from marketeer.ports.state import StateStore
from marketeer.ports.store import Store
from marketeer.ports.team import Team
from marketeer.ports.tracing import ChatSpan, Tracer
from marketeer.ports.workspace import Stamp, Workspace

__all__ = [
    "CallLost",
    "ChatSpan",
    "Clock",
    "Commit",
    "DocumentStore",
    "Doorbell",
    "EventFiles",
    "EventStore",
    "Examiner",
    "GoalStore",
    "Material",
    "ModelClient",
    "ModelRequest",
    "ModelResponse",
    "MoneyStore",
    "NotSent",
    "NoticeStore",
    "Notifier",
    "PromptBlock",
    "ScheduleFiles",
    "ScheduleStore",
    "Stamp",
    "StateStore",
    "Store",
    "Team",
    "Tracer",
    "Untold",
    "WorkQueue",
    "Workspace",
]
