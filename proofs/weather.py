"""Goals against an API of which three calls in ten fail, in every passing way the fake server knows."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from marketeer.adapters.claude import ClaudeModel
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.task import TaskStatus
from marketeer.runtime import Office
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.faults import Fault, FaultKind, Faults, at_random
from proofs.figures import Figure, Options, Proof, quietly
from tests.integration.desk import FAN, FUNNEL, KEY, QuickClock, an_office, check_books, submit

RATE = 0.3
GOALS = 200
MIXED_GOALS = 40
SPEED = 1_000.0
LIMIT_S = 240.0
# So that most goals meet one.
OFTEN = 5
PLANS = (FUNNEL, FAN)

_STATUSES = (408, 409, 425, 429, 499, 500, 502, 503, 504, 529)
# Seconds, a date by the clock of these goals, and waits far beyond the ten minutes of a task's patience.
_WISHES = ("0", "2", "90", "900", "3600", "Sun, 22 Nov 2026 12:03:00 GMT")
PASSING: tuple[Fault, ...] = (
    *(Fault(kind=FaultKind.STATUS, status=status) for status in _STATUSES),
    *(Fault(kind=FaultKind.STATUS, status=429, retry_after=wish) for wish in _WISHES),
    *(Fault(kind=FaultKind.STREAM_ERROR, status=status) for status in (429, 500, 504, 529)),
    Fault(kind=FaultKind.DISCONNECT_BEFORE),
    *(Fault(kind=FaultKind.DISCONNECT_AFTER, after_events=events) for events in (0, 1, 4)),
    *(Fault(kind=FaultKind.CUT_SHORT, after_events=events) for events in (1, 4)),
    *(Fault(kind=FaultKind.BAD_JSON, after_events=events) for events in (1, 4)),
    *2 * (Fault(kind=FaultKind.HTML),),
    *2 * (Fault(kind=FaultKind.TRUNCATE),),
    *2 * (Fault(kind=FaultKind.EMPTY),),
    Fault(kind=FaultKind.NO_USAGE),
    Fault(kind=FaultKind.THINK),
    Fault(kind=FaultKind.SLOW, delay_s=0.02),
)
LASTING: tuple[Fault, ...] = (
    Fault(kind=FaultKind.STATUS, status=400),
    Fault(kind=FaultKind.STATUS, status=413),
    Fault(kind=FaultKind.REFUSE),
)
_LASTING_WORDS = ("rejects this request", "declined to answer")


@dataclass(slots=True)
class Weathered:
    """What came of one goal."""

    status: GoalStatus
    asked: int
    failed: Counter[str] = field(default_factory=Counter)
    most_attempts: int = 0


def weathered(seed: str, folder: Path, faults: Sequence[Fault], *, lasting: bool = False) -> Weathered:
    """One goal from start to end. Raises AssertionError when a promise is broken."""
    return asyncio.run(one_goal(seed, folder, faults, lasting=lasting))


async def one_goal(seed: str, folder: Path, faults: Sequence[Fault], *, lasting: bool = False) -> Weathered:
    # a text's own hash differs from process to process
    number = int.from_bytes(seed.encode()[-8:])
    weather = at_random(number, RATE, faults)
    async with FakeClaude(faults=weather) as server:
        clock = QuickClock(SPEED)
        model = ClaudeModel(api_key=KEY, base_url=server.base_url, clock=clock, max_parallel=3)
        try:
            async with an_office(folder, model, clock=clock, marketeer_lease_s=86_400, budget_monthly=10**6) as office:
                submitted = await submit(office, PLANS[number % len(PLANS)])
                async with asyncio.timeout(LIMIT_S):
                    await office.work(submitted.goal_id)
                goal = await office.store.goal(submitted.goal_id)
                await _check(office, goal, server, lasting=lasting)
                tasks = await office.store.tasks(goal.goal_id)
        finally:
            await model.aclose()
    return Weathered(
        status=goal.status,
        asked=server.number,
        failed=_failures(weather, server.number),
        most_attempts=max(task.attempts for task in tasks),
    )


def _failures(weather: Faults, asked: int) -> Counter[str]:
    met = (weather(number) for number in range(1, asked + 1))
    return Counter(f"{fault.status}" if fault.kind is FaultKind.STATUS else fault.kind.value for fault in met if fault)


async def _check(office: Office, goal: Goal, server: FakeClaude, *, lasting: bool) -> None:
    await check_books(office, goal)
    tasks = await office.store.tasks(goal.goal_id)
    if lasting:
        failed = [task for task in tasks if task.status is TaskStatus.FAILED]
        assert all(any(words in (task.reason or "") for words in _LASTING_WORDS) for task in failed), goal.error
        assert (goal.status is GoalStatus.COMPLETED) is not bool(failed)
    else:
        assert goal.status is GoalStatus.COMPLETED, goal.error
    for task in tasks:
        if task.status is TaskStatus.APPROVED:
            document = await office.store.document(task.output_path or "", task.output_version)
            assert document is not None
            assert not document.truncated, "a cut answer was shipped"
            assert (office.workspace.root / document.path).read_text() == document.content
    await _check_bill(office, goal, server)


async def _check_bill(office: Office, goal: Goal, server: FakeClaude) -> None:
    calls = await office.store.calls(goal.goal_id)
    billed = {f"req_{line['number']:06d}": line["cost_usd"] for line in server.bill}
    observed = [call for call in calls if not call.estimated]
    assert all(billed[call.request_id or ""] == call.cost_usd for call in observed), "ledger and bill differ"
    assert sum(call.cost_usd for call in calls) >= server.total_usd, "the server billed more than was booked"


def run(options: Options) -> Proof:
    batch = partial(_in_a_folder, options.seed)
    jobs = [(number, False) for number in range(GOALS)] + [(number, True) for number in range(MIXED_GOALS)]
    with ProcessPoolExecutor(options.jobs, initializer=quietly) as pool:
        done = list(pool.map(batch, jobs, chunksize=4))
    passing, mixed = done[:GOALS], done[GOALS:]
    failures = sum((each.failed for each in passing), Counter[str]())
    asked = sum(each.asked for each in passing)
    return Proof(
        name="weather",
        shows="Three calls in ten fail, in every way that passes by itself: rate limits with and without a wish (up to "
        "an hour), timeouts, overload and server errors before and within the stream, hang-ups before and behind the "
        "first byte, streams that end early, web pages with status 200, broken JSON, cut and empty answers, missing "
        "usage. Every goal completes, nothing that was cut is shipped, observed calls are booked at the server's own "
        "figures and no call at less. Then bad requests and refusals come in between: they fail their task by name, "
        "and nothing else does.",
        figures=(
            Figure("goals", f"{len(passing)}, all completed" if _all_completed(passing) else "not all completed"),
            Figure("calls made", f"{asked:,}"),
            Figure("of them disturbed", f"{failures.total():,} ({failures.total() / asked:.0%})"),
            Figure("by kind", ", ".join(f"{kind} {count}" for kind, count in sorted(failures.items()))),
            Figure("most counted attempts of a task", f"{max(each.most_attempts for each in passing)}"),
            Figure(
                "goals with lasting failures mixed in",
                f"{len(mixed)}: {sum(each.status is GoalStatus.COMPLETED for each in mixed)} completed, the others "
                "failed by name",
            ),
        ),
    )


def _all_completed(done: Sequence[Weathered]) -> bool:
    return all(each.status is GoalStatus.COMPLETED for each in done)


def _in_a_folder(seed: int, job: tuple[int, bool]) -> Weathered:
    number, lasting = job
    with TemporaryDirectory(prefix="marketeer-weather-") as folder:
        name = f"{seed}-{'mixed' if lasting else 'passing'}-{number}"
        try:
            return weathered(name, Path(folder), PASSING + OFTEN * LASTING if lasting else PASSING, lasting=lasting)
        except BaseException as exc:
            exc.add_note(f"weather {name!r} in process {os.getpid()}")
            raise
