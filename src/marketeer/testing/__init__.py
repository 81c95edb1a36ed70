"""Stand-ins for the outside world, for this package's tests and for those of whoever extends it.

    FakeClock        time that moves when told to (`marketeer.testing.clock`)
    ScriptedModel    a model that gives scripted answers and records requests (`marketeer.testing.model`)
    FakeClaude       the Messages API on a real local socket, with faults and an exact bill of its own
                     (`marketeer.testing.fake_claude`, also `python -m marketeer.testing.fake_claude`)
    Fault, FaultKind what FakeClaude can be told to do wrong (`marketeer.testing.faults`)
    plain_answer     texts of a given length for FakeClaude (`marketeer.testing.answers`)
    in_memory_office the whole machine in memory (`marketeer.testing.office`)
    RedisServer      a real Redis on a free port, which can be killed and hung (`marketeer.testing.redis_server`)
    forbid_network   makes every attempt to leave this machine an error (`marketeer.testing.guard`)

`python -m marketeer.testing.doomed` is the command line, killed at a chosen commit or file of its own.

Names are loaded when first used, so that taking one does not import the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers only: at run time `__getattr__` below loads what is asked for
    from marketeer.testing.answers import RehearsedAnswers as RehearsedAnswers
    from marketeer.testing.answers import plain_answer as plain_answer
    from marketeer.testing.clock import FakeClock as FakeClock
    from marketeer.testing.fake_claude import FakeClaude as FakeClaude
    from marketeer.testing.faults import Fault as Fault
    from marketeer.testing.faults import FaultKind as FaultKind
    from marketeer.testing.guard import NetworkForbidden as NetworkForbidden
    from marketeer.testing.guard import forbid_network as forbid_network
    from marketeer.testing.model import ScriptedModel as ScriptedModel
    from marketeer.testing.office import in_memory_office as in_memory_office
    from marketeer.testing.redis_server import RedisServer as RedisServer

_HOMES = {
    "FakeClaude": "fake_claude",
    "FakeClock": "clock",
    "Fault": "faults",
    "FaultKind": "faults",
    "NetworkForbidden": "guard",
    "RedisServer": "redis_server",
    "RehearsedAnswers": "answers",
    "ScriptedModel": "model",
    "forbid_network": "guard",
    "in_memory_office": "office",
    "plain_answer": "answers",
}

__all__ = tuple(sorted(_HOMES))


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
