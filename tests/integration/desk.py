"""An office in a folder of its own and a model that answers as told: what the integration tests work with."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from marketeer.adapters.rehearsal.model import rehearse
from marketeer.adapters.team_files import FileTeam, load_team
from marketeer.domain.goal import Goal
from marketeer.domain.journal import replay
from marketeer.domain.submission import Submission
from marketeer.domain.task import Task
from marketeer.domain.usage import Usage, token_estimate
from marketeer.engine.session import Session
from marketeer.ports import Clock, ModelClient, ModelRequest, ModelResponse, Tracer
from marketeer.runtime import Office, open_office
from marketeer.settings import Settings
from marketeer.testing.answers import Asked, material_of
from marketeer.testing.reviews import comparison_of, review_of
from tests.support.builders import a_learning
from tests.support.waiting import LIMIT_S

# Plans of the tests' own, as a workspace's team file.
SMALL_PLANS = Path(__file__).parent.parent / "support" / "team" / "pipelines.yaml"

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "sk-ant-test-key"

# Small plans by their skills: two of the tests' own (see tests/support/team), the others built in.
SOLO = "Solo"  # analytics-tracking
FAN = "Social Content"  # social-content, then copy-editing and analytics-tracking side by side
FUNNEL = "Funnel"  # analytics-tracking, seo-audit and ab-test-setup, then marketing-ideas
GATED = "Outreach Campaign"  # waits for a human before cold-email, ab-test-setup, analytics-tracking
FOUNDATION = "product-marketing-context"
# Who compares variants: not a skill, but told apart like one.
JUDGE = "judge"

CONTEXT = """# Product Marketing Context: Harbourlog

## Product Overview

**One-liner:** Harbourlog keeps every berth of a small harbour booked and billed.
**Category:** Berth management
**Business model:** Subscription. Quay: €39 a month. Basin: €119 a month.

## Personas

| Persona | Role in purchase | Goal | Frustration | Promise |
|---|---|---|---|---|
| Mira, harbour master | decision maker | No empty berth in July | Paper plan | One plan |

## Problems and Pain Points

- Guests leave unpaid at dawn

## Competitive Landscape

| Alternative | Type | Why people pick it | Where it falls short |
|---|---|---|---|
| PierPal | direct | known | dear |

## Differentiation

- Offline first: the plan works without a signal
"""

# Writing a good answer takes a while, and what it says matters to no test.
_GOOD: dict[tuple[str, str], str] = {}

Answer = str | ModelResponse | Exception | Callable[[ModelRequest], "str | ModelResponse | Exception"] | None


class QuickClock:
    """Implements `ports.Clock`: real time, `speed` times as fast, so that minutes of waiting cost a moment."""

    def __init__(self, speed: float = 60.0) -> None:
        self._speed = speed
        self._began = asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return (asyncio.get_running_loop().time() - self._began) * self._speed

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One call as the model saw it."""

    skill: str
    request: ModelRequest
    at: datetime


class Clerk:
    """A model that answers with a document that passes its contract, unless told otherwise.

    `says[skill]` are the answers to that skill's next calls in turn: a text, a response, an error to raise, a function
    of the request, or None for the usual one. A held skill's calls wait until they are let go. `reachable` is what it
    says when it is asked at no cost.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.says: dict[str, list[Answer]] = defaultdict(list)
        self.seen: list[Seen] = []
        self.in_flight: Counter[str] = Counter()
        self.peak = 0
        self.reachable = True
        self._clock = clock
        self._gates: dict[str, asyncio.Event] = {}
        self._stirred = asyncio.Event()

    def hold(self, *skills: str) -> None:
        self._gates |= {skill: asyncio.Event() for skill in skills}

    def let_go(self, *skills: str) -> None:
        for skill in skills:
            self._gates.pop(skill).set()

    async def busy_with(self, *skills: str) -> None:
        """Returns when each of these has a call in flight."""
        await self.until(lambda: all(self.in_flight[skill] for skill in skills))

    async def until(self, met: Callable[[], bool]) -> None:
        """Returns when it holds; looked at whenever a call begins or ends."""
        async with asyncio.timeout(LIMIT_S):
            while not met():
                self._stirred.clear()
                await self._stirred.wait()

    def calls(self, skill: str) -> list[ModelRequest]:
        return [seen.request for seen in self.seen if seen.skill == skill]

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        skill = skill_of(request)
        self.seen.append(Seen(skill=skill, request=request, at=self._clock.now() if self._clock else START))
        self.in_flight[skill] += 1
        self.peak = max(self.peak, self.in_flight.total())
        self._stirred.set()
        try:
            if skill in self._gates:
                await self._gates[skill].wait()
            answer = self.says[skill].pop(0) if self.says[skill] else None
            return _response(request, answer)
        finally:
            self.in_flight[skill] -= 1
            self._stirred.set()

    async def answers(self) -> bool:
        return self.reachable

    async def aclose(self) -> None:
        """Nothing is held open."""


def _response(request: ModelRequest, answer: Answer) -> ModelResponse:
    if callable(answer):
        answer = answer(request)
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, ModelResponse):
        return answer
    if answer is None:
        compared = comparison_of([block.text for block in request.system])
        is_review = skill_of(request).startswith("review of ")
        answer = json.dumps(compared) if compared else rated()(request) if is_review else good_answer(request)
    return response(request, answer)


def response(request: ModelRequest, text: str, stop_reason: str = "end_turn") -> ModelResponse:
    prompt = "".join(block.text for block in request.system) + request.user
    return ModelResponse(
        text=text,
        stop_reason=stop_reason,
        usage=Usage(input_tokens=token_estimate(prompt), output_tokens=token_estimate(text)),
        model=request.model.model_id,
        request_id=None,
        latency_s=0.0,
    )


def skill_of(request: ModelRequest) -> str:
    """Whose call it is; of a review `review of SKILL`, and `# Comparison` of a look at all outputs."""
    if request.system[0].text.startswith("You compare two drafts"):
        return JUDGE
    first = request.system[1].text.splitlines()[0].removeprefix("# Skill: ")
    return first.replace("# Rubric: ", "review of ")


def rated(score: float = 8.0, **values: Any) -> Callable[[ModelRequest], str]:
    """A review that gives every dimension this score. See review_of for what else there is."""

    def answer(request: ModelRequest) -> str:
        return json.dumps(review_of([block.text for block in request.system], request.user, score=score, **values))

    return answer


@cache
def _team() -> FileTeam:
    return load_team(SMALL_PLANS.parent)


def good_answer(request: ModelRequest) -> str:
    """A document that passes the contract of the request's skill: one for each skill and product context."""
    key = (skill_of(request), request.system[0].text)
    if key not in _GOOD:
        _GOOD[key] = _written_for(request)
    return _GOOD[key]


def _written_for(request: ModelRequest) -> str:
    asked = Asked(
        number=1,
        model=request.model.model_id,
        system=tuple(block.text for block in request.system),
        user=request.user,
        max_tokens=request.max_output_tokens,
        stream=True,
        body={},
        headers={},
    )
    material = material_of(asked, _team())
    assert material is not None, "the prompt names no skill of the team"
    return re.sub(r"\A> Rehearsal:.*\n+", "", rehearse(material), flags=re.MULTILINE)


def without_summary(request: ModelRequest) -> str:
    """Good, but for its summary: a major finding."""
    return re.sub(r"^## Summary\n.*?(?=^## )", "", good_answer(request), flags=re.MULTILINE | re.DOTALL)


def with_secret(request: ModelRequest) -> str:
    """Good, but for a key in its text: a critical finding."""
    return good_answer(request).replace("\n\n", "\n\nThe key is sk-live-4f9a8b7c6d5e4f3a.\n\n", 1)


def cut_short(request: ModelRequest) -> ModelResponse:
    """Half a document: the output limit was hit."""
    text = good_answer(request)
    return response(request, text[: len(text) // 2], "max_tokens")


def too_long(request: ModelRequest) -> ModelResponse:
    """Half a document, and the output limit filled by it."""
    cut = cut_short(request)
    assert cut.usage is not None
    return replace(cut, usage=replace(cut.usage, output_tokens=request.max_output_tokens))


def refused(request: ModelRequest) -> ModelResponse:
    return response(request, "", "refusal")


def empty(request: ModelRequest) -> ModelResponse:
    return response(request, " \n", "end_turn")


def settings_for(folder: Path, **values: Any) -> Settings:
    usual: dict[str, Any] = {
        "anthropic_api_key": KEY,
        "marketeer_lease_s": 3600,
        "marketeer_timezone": "UTC",
        # Calls are counted: who wants a model's review says so.
        "marketeer_review": "quick",
    }
    return Settings(_env_file=None, workspace_dir=folder / "workspace", **(usual | values))  # type: ignore[call-arg]


@asynccontextmanager
async def an_office(
    folder: Path,
    model: ModelClient | None,
    *,
    clock: Clock | None = None,
    context: str | None = CONTEXT,
    tracer: Tracer | None = None,
    **values: Any,
) -> AsyncIterator[Office]:
    """`context` None leaves the workspace without a product context, so that a goal begins by writing one."""
    settings = settings_for(folder, **values)
    if context is not None:
        file = settings.workspace_dir / "context" / "product-marketing-context.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(context, encoding="utf-8")
    if (settings.workspace_dir / "team").exists() and not (settings.workspace_dir / "team/pipelines.yaml").exists():
        add_small_plans(settings.workspace_dir)
    async with open_office(settings, clock=clock or QuickClock(), model=model, tracer=tracer) as office:
        if not office.workspace.team_path.exists():
            office._team = _team()  # read once for all offices
        yield office


async def teach(office: Office, skill: str, *, lessons: int = 24, **fields: Any) -> None:
    """So many learnings of the skill that a task is told some and not others, but for one chance in a million."""
    told = [
        a_learning(f"taught-{number}", agent=skill, learning=f"Lesson {number}", action=f"Heed it {number}", **fields)
        for number in range(lessons)
    ]
    await office.store.put_learnings(told, ())


def add_small_plans(workspace: Path) -> None:
    """For commands, which read the workspace's own team."""
    (workspace / "team").mkdir(parents=True, exist_ok=True)
    shutil.copy(SMALL_PLANS, workspace / "team" / "pipelines.yaml")


async def submit(office: Office, pipeline: str = SOLO, **values: Any) -> Goal:
    asked = Submission(description="Get more signups from harbours", rehearsal=False, pipeline=pipeline)
    return await office.submit(replace(asked, **values))


async def work(office: Office, goal: Goal | None = None) -> Goal | None:
    """Work until at rest; the goal as it is then."""
    async with asyncio.timeout(LIMIT_S):
        await office.work(goal.goal_id if goal else None)
    return await office.store.goal(goal.goal_id) if goal else None


async def finish(office: Office, pipeline: str = SOLO, **values: Any) -> Goal:
    """Submit a goal and work on it until it is at rest."""
    return await again(office, await submit(office, pipeline, **values))


async def again(office: Office, goal: Goal) -> Goal:
    """Work on a goal until it is at rest."""
    done = await work(office, goal)
    assert done is not None
    return done


@dataclass(slots=True)
class Shift:
    """A session at work in the background. `session` is there once it has begun."""

    session: Session | None = None
    done: asyncio.Task[Any] | None = None

    def interrupt(self) -> None:
        assert self.session is not None
        self.session.interrupt()

    async def end(self) -> None:
        """Returns when the session has ended; raises what ended it."""
        assert self.done is not None
        async with asyncio.timeout(LIMIT_S):
            await self.done


@asynccontextmanager
async def at_work(office: Office, goal: Goal | None = None) -> AsyncIterator[Shift]:
    """A session runs while the block does; the block ends it or waits for its end, and for nothing without end."""
    shift = Shift()

    def began(session: Session) -> None:
        shift.session = session

    async def run() -> None:
        await office.work(goal.goal_id if goal else None, on_session=began)

    shift.done = asyncio.create_task(run(), name="a session")
    try:
        async with asyncio.timeout(LIMIT_S):
            yield shift
        await shift.end()
    finally:
        shift.done.cancel()
        await asyncio.gather(shift.done, return_exceptions=True)


async def task_of(office: Office, goal: Goal, skill: str) -> Task:
    """The goal's task of this skill; the newest when it was done over."""
    return next(t for t in reversed(await office.store.tasks(goal.goal_id)) if t.skill == skill)


async def statuses(office: Office, goal: Goal) -> dict[str, str]:
    return {task.skill: task.status.value for task in await office.store.tasks(goal.goal_id)}


async def journal_of(office: Office, goal: Goal, what: str | None = None) -> list[str | None]:
    """Why, of each of the goal's entries of this kind."""
    entries = await office.store.journal(goal_id=goal.goal_id, limit=10_000)
    return [entry.why for entry in entries if what is None or entry.what == what]


def files(office: Office, folder: str = "") -> list[str]:
    """The workspace's documents below a folder."""
    root = office.workspace.root
    return sorted(file.relative_to(root).as_posix() for file in (root / folder).rglob("*.md*") if file.is_file())


def read(office: Office, path: str | None) -> str:
    assert path is not None
    return (office.workspace.root / path).read_text(encoding="utf-8")


def texts(request: ModelRequest) -> str:
    """All that the model was told."""
    return "\n\n".join([*(block.text for block in request.system), request.user])


async def check_books(office: Office, goal: Goal) -> None:
    """At rest nothing is reserved, the sums are those of the calls, and the journal tells the state."""
    calls = await office.store.calls(goal.goal_id)
    bill = await office.store.goal_bill(goal.goal_id)
    assert bill.total.settled_usd == sum(call.cost_usd for call in calls)
    assert bill.total.calls == len(calls)
    assert bill.total.reserved_usd == 0
    await check_journal(office, goal)


async def check_journal(office: Office, goal: Goal) -> None:
    stored = await office.store.goal(goal.goal_id)
    tasks = await office.store.tasks(goal.goal_id)
    told = replay(await office.store.journal(goal_id=goal.goal_id, limit=10_000))
    assert told.goal_status == stored.status.value
    assert {task_id: values["status"] for task_id, values in told.tasks.items()} == {
        task.task_id: task.status.value for task in tasks
    }
    for task in tasks:
        values = told.tasks[task.task_id]
        names: Sequence[str] = ("generation", "revision", "attempts", "output_path", "output_version", "verdict")
        assert {name: values[name] for name in names} == {name: getattr(task, name) for name in names}
