"""The daemon: named parts at work side by side, day and night. A fault in one is told, and mended by beginning it anew;
it never takes the others down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketeer.domain.errors import MarketeerError, StoreUnavailable
from marketeer.engine.racing import race
from marketeer.logs import get_logger
from marketeer.ports import Clock

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
# A part that has run for so long again is well.
STEADY_S = 60.0
STORE_AGAIN_S = 1.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A loop of the daemon. `run` makes it, and goes on until it is cancelled.

    `finish` is for a part that must not be cut off: it asks the running loop to end by itself, and when it is called
    again, to end at once.
    """

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    finish: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A step of the start-up, before any part begins. `run` returns how many things it put right."""

    name: str
    run: Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A part that has failed: when first, how often since, with what, and when it begins anew."""

    since: datetime
    failures: int
    error: str
    pause_s: float


class Daemon:
    """`run()` works until `stop()`: the first asks the parts to end in order, the second to end at once.

    `reload()` begins every part anew, with whatever it finds then. `on_faults` is told the faults by part whenever they
    change, and again while it cannot be told. `masked` takes secrets out of what errors say.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        clock: Clock,
        recoveries: Sequence[Recovery] = (),
        on_faults: Callable[[Mapping[str, Fault]], Awaitable[None]],
        masked: Callable[[str], str],
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._recoveries = recoveries
        self._on_faults = on_faults
        self._masked = masked
        self._stopping = asyncio.Event()
        self._anew = asyncio.Event()
        self._told = asyncio.Event()
        self._running: set[str] = set()
        self.faults: Mapping[str, Fault] = {}

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Safe to call from a signal handler of the loop, any number of times."""
        if self._stopping.is_set():
            self._finish_parts()
        self._stopping.set()

    def reload(self) -> None:
        """Begin every part anew, also one that pauses after a fault."""
        anew, self._anew = self._anew, asyncio.Event()
        anew.set()

    async def run(self) -> None:
        await self._recover()
        async with asyncio.TaskGroup() as group:
            teller = group.create_task(self._tell(), name="faults")
            async with asyncio.TaskGroup() as parts:
                for part in self._parts:
                    parts.create_task(self._keep(part), name=part.name)
            teller.cancel()

    def _finish_parts(self) -> None:
        for part in self._parts:
            if part.finish is not None and part.name in self._running:
                part.finish()

    # -- before anything begins ------------------------------------------------------------------------------

    async def _recover(self) -> None:
        for step in self._recoveries:
            if self._stopping.is_set():
                return
            found = await self._patiently(step)
            log.info("recovered", step=step.name, found=found)

    async def _patiently(self, step: Recovery) -> int:
        while True:
            try:
                return await step.run()
            except StoreUnavailable as exc:
                log.warning("recovery_waits_for_the_store", step=step.name, error=str(exc))
                if self._stopping.is_set():
                    return 0
                await race(self._clock.sleep(STORE_AGAIN_S), self._stopping.wait())

    # -- one part --------------------------------------------------------------------------------------------

    async def _keep(self, part: Part) -> None:
        """Run the part until the daemon stops, beginning it anew after each fault."""
        failures = 0
        while not self._stopping.is_set():
            began, anew = self._clock.monotonic(), self._anew
            try:
                await self._run(part, anew)
            except Exception as exc:  # noqa: BLE001 - a part's fault ends here: it is told, and the part begins anew
                if isinstance(innermost(exc), StoreUnavailable):
                    # Nobody's fault of the parts, and the store's own check in health says it.
                    log.warning("part_waits_for_the_store", part=part.name, error=str(innermost(exc)))
                    await race(self._clock.sleep(STORE_AGAIN_S), self._stopping.wait())
                    continue
                if self._clock.monotonic() - began >= STEADY_S:
                    failures = 0
                failures += 1
                await self._pause(part, exc, failures, anew)
        self._mended(part)

    async def _run(self, part: Part, anew: asyncio.Event) -> None:
        """Returns when the daemon stops or the part is to begin anew."""
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(_first(self._stopping, anew))
            steady = group.create_task(self._watch_recovery(part))
            work = group.create_task(part.run(), name=part.name)
            self._running.add(part.name)
            try:
                await asyncio.wait((asked, work), return_when=asyncio.FIRST_COMPLETED)
                if work.done() and not asked.done():
                    work.result()
                    raise _EndedByItself(part.name)
                if part.finish is None:
                    work.cancel()
                else:
                    part.finish()
                    await asyncio.wait((work,))
            finally:
                self._running.discard(part.name)
                asked.cancel()
                steady.cancel()

    async def _watch_recovery(self, part: Part) -> None:
        if part.name in self.faults:
            await self._clock.sleep(STEADY_S)
            self._mended(part)

    def _mended(self, part: Part) -> None:
        if part.name in self.faults:
            self.faults = {name: fault for name, fault in self.faults.items() if name != part.name}
            log.info("part_is_well", part=part.name)
            self._told.set()

    async def _pause(self, part: Part, exc: Exception, failures: int, anew: asyncio.Event) -> None:
        error = innermost(exc)
        ours = isinstance(error, MarketeerError)
        said = self._masked(str(error) if ours else f"unexpected {type(error).__name__}: {error}")
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 20))
        log.error("part_failed", part=part.name, error=said, pause_s=pause_s, exc_info=None if ours else error)
        known = self.faults.get(part.name)
        since = known.since if known else self._clock.now()
        fault = Fault(since=since, failures=failures, error=said, pause_s=pause_s)
        self.faults = {**self.faults, part.name: fault}
        self._told.set()
        await race(self._clock.sleep(pause_s), self._stopping.wait(), anew.wait())

    # -- telling ---------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        """Until cancelled. The first look also ends what a process that died here has left standing."""
        self._told.set()
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                await self._on_faults(self.faults)
            except StoreUnavailable as exc:
                log.warning("faults_not_told", error=str(exc))
                await self._clock.sleep(STORE_AGAIN_S)
                self._told.set()


class _EndedByItself(MarketeerError):
    """A part returned though nobody had asked it to."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} ended by itself")


def innermost(error: BaseException) -> BaseException:
    """What went wrong, out of the task groups that wrapped it; our own errors first."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(MarketeerError)
        error = (ours or error).exceptions[0]
    return error


async def _first(*events: asyncio.Event) -> None:
    await race(*(event.wait() for event in events))
