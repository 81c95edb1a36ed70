"""Working on goals in the foreground: progress, Ctrl-C in two stages, and following another process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from marketeer.cli import output, text
from marketeer.cli.common import Call, progress_line
from marketeer.cli.conditions import Weather
from marketeer.cli.outcome import at_rest
from marketeer.cli.views import View, progress_view
from marketeer.domain.errors import MarketeerError, WorkspaceBusy
from marketeer.engine.session import Session
from marketeer.runtime import Office

EVERYTHING = "all"
FOLLOW_LOOK_S = 1.0
# A terminal that is closed hangs up: the work stops as cleanly as with Ctrl-C.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopper:
    """Ctrl-C: the first asks the session to stop, the second to stop now. `asked` is set from the first on.

    `wake` rings whoever waits for something to happen.
    """

    def __init__(self, grace_s: float, wake: Callable[[], None]) -> None:
        self.asked = asyncio.Event()
        self._grace_s = grace_s
        self._wake = wake
        self._session: Session | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        # `nohup` has switched one off, and means it
        heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        for number in heeded:
            loop.add_signal_handler(number, self._heard)
        try:
            yield
        finally:
            for number in heeded:
                loop.remove_signal_handler(number)

    def attach(self, session: Session) -> None:
        """What there is to stop from now on."""
        self._session = session
        if self.asked.is_set():
            session.interrupt()

    def _heard(self) -> None:
        first, busy = not self.asked.is_set(), self._session.busy if self._session else 0
        self.asked.set()
        if self._session is not None:
            self._session.interrupt()
        self._wake()
        if not first:
            output.note("marketeer: stopping now; calls cut off are booked at the most they can have cost")
        elif busy:
            output.note(
                f"marketeer: stopping: {text.counted(busy, 'step')} in flight may finish within {self._grace_s:g} s; "
                "press Ctrl-C again to stop now"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A command at work."""

    call: Call
    office: Office
    stopper: Stopper


async def carry_out(desk: Desk, goal_id: str, *, after: int) -> None:
    """Work on the goal until it is at rest, or follow the process that works on all goals, and take over if it ends.

    `after` is the journal entry progress starts behind. Raises WorkspaceBusy when a process works here on other goals.
    """
    with progress_view(desk.call, desk.office.store, desk.office.clock, goal_id, desk.office.live.characters) as view:
        while True:
            holder = desk.office.workspace.worker()
            if holder is not None and covers(holder, goal_id) and not (holder.get("shared") and desk.office.link):
                progress_line(desk.call, f"process {holder.get('pid')} works here and takes this goal; following it")
                after = await follow(desk, goal_id, view, after=after)
                if desk.stopper.asked.is_set() or await _rests(desk, goal_id):
                    return
                progress_line(desk.call, "the process that worked here has ended; going on in its place")
                continue
            try:
                await _work(desk, goal_id, view, after=after)
            except WorkspaceBusy:
                # Somebody began in the moment between looking and locking.
                if not covers(desk.office.workspace.worker() or {}, goal_id):
                    raise
                continue
            return


async def leave_to_others(desk: Desk, goal_id: str, *, after: int) -> None:
    """Put the goal's work on the queue and follow it as long as somebody works here."""
    office, waits = desk.office, f"`{desk.call.command('worker')}` or `{desk.call.command('resume')}`"
    await office.enqueue(goal_id)
    if office.workspace.worker() is None:
        output.note(f"marketeer: nobody works here yet: the goal waits for {waits}")
        return
    if not (office.has_model or (await office.store.goal(goal_id)).rehearsal):
        output.note("marketeer: no ANTHROPIC_API_KEY here: the goal waits for a worker that has one")
    with progress_view(desk.call, office.store, office.clock, goal_id, {}) as view:
        await follow(desk, goal_id, view, after=after)
    if not (desk.stopper.asked.is_set() or await _rests(desk, goal_id)):
        output.note(f"marketeer: those who worked here have ended: the goal waits for {waits}")


async def carry_out_all(desk: Desk, *, after: int) -> None:
    """Work on every unfinished goal until none moves by itself; without a key on the rehearsals only."""
    with progress_view(desk.call, desk.office.store, desk.office.clock, None, {}) as view:
        await _work(desk, None, view, after=after)


def covers(holder: dict[str, object], goal_id: str) -> bool:
    return holder.get("scope") in (EVERYTHING, goal_id)


async def _work(desk: Desk, goal_id: str | None, view: View, *, after: int) -> None:
    done = asyncio.Event()
    trouble: MarketeerError | BaseExceptionGroup[BaseException] | None = None
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch(desk, goal_id, view, done, after), name="progress")
        try:
            await desk.office.work(goal_id, on_session=desk.stopper.attach)
        except (MarketeerError, BaseExceptionGroup) as exc:
            # Kept until the last progress has been shown.
            trouble = exc
        finally:
            done.set()
            desk.office.doorbell.ring()
    if trouble is not None:
        raise trouble


async def _watch(desk: Desk, goal_id: str | None, view: View, done: asyncio.Event, after: int) -> None:
    """Show what the journal gains until the work is done."""
    while True:
        seen, last = desk.office.doorbell.rings, done.is_set()
        after = await _show_new(desk, goal_id, view, after)
        if last:
            return
        await desk.office.doorbell.wait(seen, view.look_every_s)


async def _show_new(desk: Desk, goal_id: str | None, view: View, after: int) -> int:
    entries = await desk.office.store.journal(goal_id=goal_id, after=after)
    await view.update(entries)
    return entries[-1].entry_id if entries else after


async def follow(desk: Desk, goal_id: str, view: View, *, after: int) -> int:
    """Show a goal's progress until it rests, nobody works on it, or the user stops. Returns the last entry shown."""
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(desk.office.doorbell.watch(), name="doorbell")
        try:
            return await _follow(desk, goal_id, view, after)
        finally:
            watch.cancel()


async def _follow(desk: Desk, goal_id: str, view: View, after: int) -> int:
    weather = Weather(desk.call, desk.office.store, lambda line: output.note(f"marketeer: {line}"))
    while True:
        seen = desk.office.doorbell.rings
        await weather.look()
        # Looked at first: what is committed before the end is then still shown.
        worked_on = covers(desk.office.workspace.worker() or {}, goal_id)
        over = desk.stopper.asked.is_set() or not worked_on or await _rests(desk, goal_id)
        after = await _show_new(desk, goal_id, view, after)
        if over:
            return after
        await desk.office.doorbell.wait(seen, min(view.look_every_s, FOLLOW_LOOK_S))


async def _rests(desk: Desk, goal_id: str) -> bool:
    return at_rest(await desk.office.store.goal(goal_id), await desk.office.store.tasks(goal_id))
