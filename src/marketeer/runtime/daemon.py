"""The daemon put together: the working lock, what is recovered first, and the parts that run side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.work import Scope
from marketeer.engine.daemon import Daemon, Fault, Part, Recovery
from marketeer.engine.daily import Daily
from marketeer.engine.event_bus import EventBus
from marketeer.engine.recovery import free_leases, free_reservations
from marketeer.engine.session import Session
from marketeer.masking import Masking
from marketeer.runtime.crew import new_session
from marketeer.runtime.reloading import Reloading
from marketeer.runtime.telling import announce

if TYPE_CHECKING:  # the office is what a daemon is made in
    from marketeer.runtime.office import Office

ALL = "all"
EVERYBODY_ELSE = ""
DAEMON = "daemon"


class Work:
    """The session over all goals as a part. It never comes to rest, and waits for a store out of reach for ever."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._session: Session | None = None
        self._asked_to_finish = 0
        self.handed_back: list[str] = []

    @property
    def busy(self) -> int:
        """Items in hand."""
        return self._session.busy if self._session is not None else 0

    @property
    def has_begun(self) -> bool:
        """There is a session by now."""
        return self._session is not None

    async def run(self) -> None:
        office = self._office
        try:
            if office.has_model:
                await office.adopt_month_cap()
            scope = Scope(rehearsals_only=not office.has_model)
            session = self._session = new_session(office, scope, patience_s=None)
            for _ in range(self._asked_to_finish):
                session.interrupt()
            await session.run(None, rests=False)
            await office.metrics_page.flush()
        finally:
            if self._session is not None:
                self.handed_back += self._session.handed_back
            self._session, self._asked_to_finish = None, 0

    def finish(self) -> None:
        self._asked_to_finish += 1
        if self._session is not None:
            self._session.interrupt()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A daemon with the working lock in its hand, about to run."""

    daemon: Daemon
    work: Work
    events: EventBus
    reloading: Reloading


@asynccontextmanager
async def open_watch(
    office: Office, *, parts: Sequence[Part] = (), on_reload: Callable[[Sequence[str]], None] | None = None
) -> AsyncIterator[Watch]:
    """`parts` run beside the work; `on_reload` is told what a reload has changed. Raises WorkspaceBusy."""
    async with office.workspace.work_lock(scope=ALL, is_daemon=True, shared=office.link is not None):
        work = Work(office)
        reloading = Reloading(office, on_reload)
        events = office.event_bus()
        daemon = Daemon(
            [
                Part(name="work", run=work.run, finish=work.finish),
                Part(name="events", run=events.run),
                Part(name="schedules", run=lambda: office.scheduler().run()),
                *parts,
                Part(name="notices", run=lambda: announce(office)),
                Part(name="daily pages", run=_daily(office).run),
                Part(name="configuration", run=reloading.run),
            ],
            clock=office.clock,
            recoveries=recoveries(office, events),
            on_faults=_Faults(office).tell,
            masked=lambda text: Masking(office.settings.secrets())(text),
        )
        reloading.begin_anew = daemon.reload
        yield Watch(daemon=daemon, work=work, events=events, reloading=reloading)


def _daily(office: Office) -> Daily:
    return Daily(budget=office.budget_page, metrics=office.metrics_page, doorbell=office.doorbell, clock=office.clock)


def recoveries(office: Office, events: EventBus) -> Sequence[Recovery]:
    """What a process that died here has left is put right in this order."""
    store, progress, clock = office.store, office.progress, office.clock
    if office.link is not None:
        return []  # in company only silence tells who is dead: each session sees to that
    return [
        Recovery(name="leases", run=lambda: free_leases(store, progress)),
        Recovery(name="reservations", run=lambda: free_reservations(store, clock, owner_not=EVERYBODY_ELSE)),
        Recovery(name="inbox", run=events.recover),
        Recovery(name="firings", run=lambda: office.scheduler().start()),
    ]


class _Faults:
    """What a daemon knows of its parts, as a condition that every process can read."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def tell(self, faults: Mapping[str, Fault]) -> None:
        store, now = self._office.store, self._office.clock.now()
        known = {each.name: each for each in await store.conditions()}.get(ConditionName.PART_DOWN)
        why = "; ".join(f"{name}: {fault.error}" for name, fault in sorted(faults.items())) or None
        if known is not None and known.why == why:
            return
        if known is not None:
            await store.end_condition(ConditionName.PART_DOWN, who=DAEMON, now=now)
        if why is not None:
            since = min(fault.since for fault in faults.values())
            await store.begin_condition(Condition(name=ConditionName.PART_DOWN, since=since, who=DAEMON, why=why))
        self._office.doorbell.ring()
