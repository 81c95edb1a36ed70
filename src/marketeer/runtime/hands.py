"""Many hands: what stands between a working process and the others, where Redis is configured."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from uuid import uuid4

from marketeer.adapters.local_queue import LocalQueue
from marketeer.domain.roll import WorkerEntry
from marketeer.engine.roll import Roll
from marketeer.engine.session import Company
from marketeer.ports import WorkQueue

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.runtime.office import Office

# In company a dead worker's steps must not wait for a minute.
LEASE_IN_COMPANY_S = 10.0
SWEEP_IN_COMPANY_S = 2.0


def new_queue(office: Office, *, rehearsals_only: bool) -> WorkQueue:
    """Who has no key shares a queue of its own with its like: off the others' it would take what it must not do. A
    rehearsal that both may do is on both, and whoever claims it does it."""
    if office.link is None:
        return LocalQueue()
    from marketeer.adapters.bullmq_queue import BullmqQueue

    return BullmqQueue(office.link, office.clock, rehearsals_only=rehearsals_only)


def new_owner() -> str:
    """Names a session in leases, reservations and on the roll."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def lease_s(office: Office) -> float:
    settings = office.settings
    if office.link is None or settings.sets_lease:
        return settings.marketeer_lease_s
    return LEASE_IN_COMPANY_S


def new_company(office: Office, owner: str) -> Company | None:
    """None for a session that works alone."""
    if office.link is None:
        return None
    now = office.clock.now()
    entry = WorkerEntry(
        owner=owner,
        host=socket.gethostname(),
        pid=os.getpid(),
        parallel=office.settings.max_parallel_agents,
        lease_s=lease_s(office),
        started_at=now,
        seen_at=now,
    )
    return Company(roll=Roll(office.store, office.clock, entry), turn_at_files=office.workspace.turn_at_files)
