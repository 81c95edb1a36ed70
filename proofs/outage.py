"""Two hours without the API, for goals of every age and priority: nothing fails, and then the oldest goes first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.goal import Goal, GoalStatus, Priority
from marketeer.domain.task import WAITS_FOR_API, TaskStatus
from marketeer.ports import CallLost, ModelRequest, ModelResponse
from marketeer.runtime import Office
from marketeer.testing.clock import FakeClock
from proofs.figures import Figure, Options, Proof, quietly
from tests.integration.desk import FUNNEL, SOLO, Clerk, Shift, an_office, at_work, check_books, submit

OUTAGE_S = 7_200.0
GOALS = 60
STEP_S = 10.0
PARALLEL = 3
BEFORE = 2
LIMIT_S = 240.0


def _lost() -> CallLost:
    error = CallLost("the stream broke off")
    error.__cause__ = ApiUnavailable("the stream broke off")
    return error


# What every call meets while it lasts.
WAYS: dict[str, Callable[[], Exception]] = {
    "no connection": lambda: ApiUnavailable("cannot reach the model API; check the network"),
    "529": lambda: ApiUnavailable("the model API cannot take the call now (HTTP 529)"),
    "streams that break": _lost,
    "429 alone": lambda: ApiUnavailable("the model API cannot take the call now (HTTP 429)", rate_limited=True),
    "429 with a wish": lambda: ApiUnavailable("busy (HTTP 429)", rate_limited=True, retry_after_s=45.0),
}


class Away(Clerk):
    """Answers two calls, and then nobody for two hours. `answered` are the goals' tokens by call."""

    def __init__(self, clock: FakeClock, error: Callable[[], Exception]) -> None:
        super().__init__(clock=clock)
        self._fake = clock
        self._error = error
        self.back_at = OUTAGE_S
        self.asked_in_vain = 0
        self.answered: list[str] = []

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        if len(self.answered) >= BEFORE and self._fake.monotonic() < self.back_at:
            self.asked_in_vain += 1
            raise self._error()
        self.answered.append(request.call_id.partition("-")[0])
        return await super().complete(request, on_text)

    async def answers(self) -> bool:
        return self._fake.monotonic() >= self.back_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What came of one outage. `late_s` is the time from its end to the last goal's."""

    way: str
    goals: int
    in_vain: int
    most_attempts: int
    late_s: float


async def outlast(way: str, seed: int, folder: Path, goals: int = GOALS) -> Waited:
    """Raises AssertionError when a promise is broken."""
    clock = FakeClock()
    chance = random.Random(f"{seed}-{way}")  # noqa: S311 - ages and priorities, no secrets
    clerk = Away(clock, WAYS[way])
    async with (
        an_office(folder, clerk, clock=clock, max_parallel_agents=PARALLEL, budget_monthly=10**6) as office,
        asyncio.timeout(LIMIT_S),
    ):
        # The first goal's later calls meet the outage, and the others come in while it lasts.
        made = [await submit(office, FUNNEL, priority=Priority.P1)]
        arrivals = sorted(chance.uniform(0, OUTAGE_S * 0.9) for _ in range(goals - 1))
        async with at_work(office) as shift:
            for arrival in arrivals:
                await _until(office, clock, shift, arrival)
                made.append(await submit(office, SOLO, priority=chance.choice(list(Priority))))
            await _until(office, clock, shift, clerk.back_at - STEP_S)
            await _settled(office, shift)
            await _check_waiting(office, made)
            while not await _all_final(office, made):
                await _pass(office, clock, shift, STEP_S)
        late_s = clock.monotonic() - clerk.back_at
        attempts = [await _check_done(office, goal) for goal in made]
        _check_order(made, clerk.answered)
    return Waited(
        way=way, goals=goals, in_vain=clerk.asked_in_vain, most_attempts=max(attempts), late_s=round(late_s, 1)
    )


async def _until(office: Office, clock: FakeClock, shift: Shift, moment_s: float) -> None:
    while clock.monotonic() < moment_s:
        await _pass(office, clock, shift, min(STEP_S, moment_s - clock.monotonic()))


async def _pass(office: Office, clock: FakeClock, shift: Shift, seconds: float) -> None:
    """Let time pass, and then whatever follows from it happen."""
    clock.advance(seconds)
    for _ in range(3):
        await office.store.flush()
    while shift.session is not None and shift.session.busy:
        await office.store.flush()


async def _settled(office: Office, shift: Shift) -> None:
    """Returns when one that asks for all has had its answer: the clock stands still, so nothing else begins."""
    quiet = 0
    while quiet < 20:
        await office.store.flush()
        quiet = 0 if shift.session is None or shift.session.busy else quiet + 1
        await asyncio.sleep(0.002)


async def _check_waiting(office: Office, goals: Sequence[Goal]) -> None:
    for goal in goals:
        stands = await office.store.goal(goal.goal_id)
        # Those that came in during the outage have not been taken up at all.
        unharmed = (GoalStatus.PLANNING, GoalStatus.RUNNING, GoalStatus.WAITING, GoalStatus.COMPLETED)
        assert stands.status in unharmed, (stands.goal_id, stands.status)
        for task in await office.store.tasks(goal.goal_id):
            assert task.status is not TaskStatus.FAILED, task.reason
            assert task.status is not TaskStatus.DEFERRED or task.waits_for == WAITS_FOR_API


async def _all_final(office: Office, goals: Sequence[Goal]) -> bool:
    unfinished = await office.store.goals(limit=len(goals), unfinished_only=True)
    return not unfinished


async def _check_done(office: Office, goal: Goal) -> int:
    """The most attempts that were held against one of its tasks."""
    done = await office.store.goal(goal.goal_id)
    assert done.status is GoalStatus.COMPLETED, (done.goal_id, done.status, done.error)
    await check_books(office, goal)
    return max(task.attempts for task in await office.store.tasks(goal.goal_id))


def _check_order(goals: Sequence[Goal], answered: Sequence[str]) -> None:
    """By priority, and then by age; calls that go out side by side may change places."""
    alone = goals[1:]
    wanted = [goal.token for goal in sorted(alone, key=lambda goal: (goal.effective_priority.rank, goal.created_at))]
    order = [token for token in answered if token in set(wanted)]
    assert sorted(order) == sorted(wanted), "a goal was answered twice, or not at all"
    out_of_place = [abs(order.index(token) - place) for place, token in enumerate(wanted)]
    assert max(out_of_place) < PARALLEL, list(zip(wanted, order, strict=True))


def run(options: Options) -> Proof:
    with ProcessPoolExecutor(options.jobs, initializer=quietly) as pool:
        done = list(pool.map(partial(_in_a_folder, options.seed), WAYS))
    return Proof(
        name="outage",
        shows="The API is away for two hours (of a clock that the proof moves), each time in another way. Goals of all "
        "priorities come in before it and meanwhile. None fails and nothing is taken up; a free question every half "
        "minute asks whether it is back; when it is, the calls go out by priority and age, and every goal completes.",
        figures=tuple(
            Figure(
                each.way,
                f"{each.goals} goals waited and completed, the last {each.late_s:g} s after its end; "
                f"{each.in_vain} calls in vain; at most {each.most_attempts} counted attempts of a task",
            )
            for each in done
        ),
    )


def _in_a_folder(seed: int, way: str) -> Waited:
    with TemporaryDirectory(prefix="marketeer-outage-") as folder:
        return asyncio.run(outlast(way, seed, Path(folder)))
