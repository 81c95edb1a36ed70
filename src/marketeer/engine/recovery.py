"""Recovery: what a process that is gone held is made free again. Only for the holder of the working lock."""

from __future__ import annotations

from marketeer.domain.errors import StaleClaim
from marketeer.domain.outcome import HandedBack, ItemRef
from marketeer.domain.work import WorkItem
from marketeer.engine.progress import Progress
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store

log = get_logger(__name__)


async def hand_back(progress: Progress, item: WorkItem, reason: str) -> None:
    """Make a claimed item ready again, whoever holds it."""
    ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
    try:
        await progress.apply(item.goal_id, HandedBack(item=ref, reason=reason))
    except StaleClaim:
        log.info("item_already_free", item=item.work_item_id)


async def free_leases(store: Store, progress: Progress) -> int:
    """Every claimed item; returns how many there were."""
    held = await store.claimed_items(lease_before=None)
    for item in held:
        await hand_back(progress, item, "the process that held it is gone")
    return len(held)


async def free_reservations(store: Store, clock: Clock, *, owner_not: str) -> int:
    """Calls that were in flight are booked at the most they can have cost; returns how many there were."""
    booked = await store.book_orphans(owner_not=owner_not, now=clock.now())
    if booked:
        log.warning("calls_of_dead_process_booked_as_estimates", calls=booked)
    return booked
