"""The daemon: parts side by side, of which none takes another down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from marketeer.domain.errors import StoreUnavailable, UsageError
from marketeer.engine.daemon import LONGEST_PAUSE_S, STEADY_S, Daemon, Fault, Part, Recovery
from marketeer.testing.clock import FakeClock
from tests.support.waiting import wait_until


@dataclass(slots=True)
class Loop:
    """A part that fails as often as told, and then runs until it is cancelled or asked to finish."""

    name: str
    errors: list[Exception] = field(default_factory=list)
    began: int = 0
    ended: int = 0
    asked: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.began += 1
        if self.errors:
            raise self.errors.pop(0)
        try:
            await self.finished.wait()
            self.finished.clear()
        finally:
            self.ended += 1

    def finish(self) -> None:
        self.asked += 1
        if self.asked % 2 == 0:
            self.finished.set()

    def part(self, *, finishes: bool = False) -> Part:
        return Part(name=self.name, run=self.run, finish=self.finish if finishes else None)


class Office:
    """What a daemon tells of its faults."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Fault]] = []
        self.trouble: StoreUnavailable | None = None

    async def tell(self, faults: Mapping[str, Fault]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told.append(faults)

    @property
    def last(self) -> Mapping[str, Fault]:
        return self.told[-1] if self.told else {}


@asynccontextmanager
async def running(daemon: Daemon) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.run())
        yield task
        daemon.stop()
        daemon.stop()


def a_daemon(clock: FakeClock, office: Office, *parts: Part, recoveries: tuple[Recovery, ...] = ()) -> Daemon:
    return Daemon(
        parts,
        clock=clock,
        recoveries=recoveries,
        on_faults=office.tell,
        masked=lambda text: text.replace("hunter2", "***"),
    )


async def test_a_part_that_fails_is_begun_anew_while_the_others_run_on() -> None:
    clock, office = FakeClock(auto=True), Office()
    weak, strong = Loop("weak", [ValueError("no such thing"), UsageError("wrong hunter2")]), Loop("strong")
    async with running(a_daemon(clock, office, weak.part(), strong.part())):
        await wait_until(lambda: weak.began == 3)
        assert (strong.began, strong.ended) == (1, 0)
        assert office.last["weak"].failures == 2
        assert office.last["weak"].error == "wrong ***"


async def test_a_fault_is_over_when_its_part_has_run_for_a_while() -> None:
    clock, office = FakeClock(auto=True), Office()
    weak = Loop("weak", [ValueError("once")])
    began = clock.monotonic()
    async with running(a_daemon(clock, office, weak.part())):
        await wait_until(lambda: "weak" in office.last)
        await wait_until(lambda: office.last == {})
        assert clock.monotonic() - began >= STEADY_S


async def test_the_pause_before_a_new_beginning_grows_to_a_limit() -> None:
    clock, office = FakeClock(auto=True), Office()
    weak = Loop("weak", [ValueError(str(number)) for number in range(14)])
    async with running(a_daemon(clock, office, weak.part())):
        await wait_until(lambda: weak.began == 15)
    pauses = [told["weak"].pause_s for told in office.told if "weak" in told]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(pauses) == LONGEST_PAUSE_S


async def test_a_part_that_ends_by_itself_is_a_fault() -> None:
    clock, office = FakeClock(auto=True), Office()
    loop = Loop("loop")
    async with running(a_daemon(clock, office, loop.part())):
        await wait_until(lambda: loop.began == 1)
        loop.finished.set()
        await wait_until(lambda: loop.began == 2)
        assert "ended by itself" in office.last["loop"].error


async def test_the_first_stop_asks_and_the_second_hurries() -> None:
    clock, office = FakeClock(), Office()
    work, other = Loop("work"), Loop("other")
    daemon = a_daemon(clock, office, work.part(finishes=True), other.part())
    async with running(daemon) as task:
        await wait_until(lambda: work.began == 1)
        daemon.stop()
        await wait_until(lambda: other.ended == 1 and work.asked == 1)
        assert work.ended == 0
        daemon.stop()
        await wait_until(task.done)
        assert (work.asked, work.ended) == (2, 1)


async def test_a_reload_begins_every_part_anew_and_ends_the_pause_of_a_failed_one() -> None:
    clock, office = FakeClock(), Office()
    well, failed = Loop("well"), Loop("failed", [ValueError("once")])
    daemon = a_daemon(clock, office, well.part(), failed.part())
    async with running(daemon):
        await wait_until(lambda: "failed" in daemon.faults)
        daemon.reload()
        await wait_until(lambda: well.began == 2 and failed.began == 2)
        assert clock.monotonic() == 0


async def test_nothing_begins_before_the_recovery_has_ended_and_it_waits_for_the_store() -> None:
    clock, office = FakeClock(auto=True), Office()
    done: list[str] = []
    trouble = [StoreUnavailable("locked"), StoreUnavailable("locked")]
    part = Loop("part")

    async def leases() -> int:
        assert part.began == 0
        if trouble:
            raise trouble.pop()
        done.append("leases")
        return 3

    async def inbox() -> int:
        assert part.began == 0
        done.append("inbox")
        return 0

    recoveries = (Recovery(name="leases", run=leases), Recovery(name="inbox", run=inbox))
    async with running(a_daemon(clock, office, part.part(), recoveries=recoveries)):
        await wait_until(lambda: part.began == 1)
        assert done == ["leases", "inbox"]


async def test_a_fault_is_told_as_soon_as_the_store_is_back() -> None:
    clock, office = FakeClock(auto=True), Office()
    office.trouble = StoreUnavailable("full")
    weak = Loop("weak", [ValueError("once")])
    async with running(a_daemon(clock, office, weak.part())):
        await wait_until(lambda: weak.began == 2)
        assert office.told == []
        office.trouble = None
        await wait_until(lambda: bool(office.told))


async def test_a_store_out_of_reach_is_waited_for_and_no_fault_of_the_part() -> None:
    clock, office = FakeClock(auto=True), Office()
    loop = Loop("loop", [StoreUnavailable("the database is locked") for _ in range(20)])
    async with running(a_daemon(clock, office, loop.part())):
        await wait_until(lambda: loop.began == 21)
        assert clock.monotonic() < 60, "it is looked at every second, without longer and longer pauses"
        assert all(told == {} for told in office.told)
