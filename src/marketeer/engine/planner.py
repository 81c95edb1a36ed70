"""Planning by model: what the Director is told of a goal, and what of its answer becomes the plan.

A plan by the rules exists before anything is asked, so nothing hangs on the answer: without one, with one that does not
hold, or with one that would cost too much, the goal goes on by the rules and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from pathlib import Path
from string import Template

from marketeer.domain.budget import month_key
from marketeer.domain.document import Document
from marketeer.domain.errors import ApiUnavailable, ConfigurationError
from marketeer.domain.forecast import LONGEST_HISTORY
from marketeer.domain.goal import Category, Goal
from marketeer.domain.plan import Plan
from marketeer.domain.plan_cast import cast, steps_of
from marketeer.domain.plan_check import PlanFrame, cost_fault, faults_in
from marketeer.domain.plan_draft import clean_line, draft_of
from marketeer.domain.plan_shape import MAX_TASKS
from marketeer.domain.skill import FOUNDATION_SKILL, SkillInfo
from marketeer.domain.usage import Tier, dollars
from marketeer.domain.work import WorkItem
from marketeer.engine.forecasting import History, forecast_of
from marketeer.engine.plan_form import PlanForm, draft_from
from marketeer.engine.prompts import fence
from marketeer.engine.structured import Question, Structured, Unusable
from marketeer.logs import get_logger
from marketeer.ports import CallLost, Clock, PromptBlock, Store, Team

MAX_OUTPUT_TOKENS = 10_000
TIMEOUT_S = 150.0
# So often the API is asked in vain: then the goal goes on without it, whose tasks have the patience a plan has not.
MAX_TRIES = 2
LONGEST_WISH_S = 10.0
# Of what is left for the goal and for the month, at most so much goes into one call for its plan.
PLANNING_SHARE = Decimal("0.25")
MAX_CONTEXT_CHARS = 20_000
MAX_LINE_CHARS = 240
EARLIER_GOALS = 5

TASK = Path(__file__).parent / "templates" / "planning.md"
FOUNDATION_MISSING = (
    f"There is no product context yet: the plan begins with a task of {FOUNDATION_SKILL}, in a phase of its own, and "
    "everything else waits for it by itself."
)
FOUNDATION_THERE = "The product context is there (or being written): plan no task for writing it."

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the prompt is made of besides the frame. Money is US dollars."""

    context: Document | None
    earlier: Sequence[Goal]
    left_usd: Decimal
    history: History


class Planner:
    """`enabled` is False where the user wants the rules alone. `parallel` tasks run at a time."""

    def __init__(
        self,
        *,
        structured: Structured,
        store: Store,
        team: Team,
        clock: Clock,
        zone: tzinfo,
        parallel: int,
        enabled: bool,
    ) -> None:
        self._structured = structured
        self._store = store
        self._team = team
        self._clock = clock
        self._zone = zone
        self._parallel = parallel
        self._enabled = enabled

    async def propose(self, item: WorkItem, frame: PlanFrame, context: Document | None) -> Plan | Unusable:
        """The model's plan, or why the rules' plan is the one to go by.

        Raises ApiUnavailable where the step should be tried again soon, and StaleClaim and StoreUnavailable.
        """
        if (why := self._without_asking(item, frame)) is not None:
            return Unusable(reason=why)
        known = await self._look_around(frame, context)
        question = self._question(frame, known)
        try:
            answer = await self._structured.ask(question, goal=frame.goal, item=item)
        except ConfigurationError as exc:
            # Tasks may do without what is wrong for this call; if they cannot, they say so as they always did.
            return Unusable(reason=str(exc).rstrip("."))
        except ApiUnavailable as exc:
            if self._is_tried_again(item, exc):
                raise
            return Unusable(reason=f"the model API did not answer: {exc}".rstrip("."))
        if isinstance(answer, Unusable):
            return answer
        log.info("planned_by_model", goal_id=frame.goal.goal_id)
        return cast(draft_from(answer, frame), frame)

    def _without_asking(self, item: WorkItem, frame: PlanFrame) -> str | None:
        goal = frame.goal
        if not self._enabled:
            return "MARKETEER_PLANNER is set to template"
        if goal.rehearsal:
            return "a rehearsal has no model that plans"
        if goal.pipeline is not None or frame.template.reading is not None:
            return "the pipeline was named, and is followed as it is"
        if item.attempts > MAX_TRIES:
            return f"no plan came of {item.attempts - 1} tries"
        return None

    def _is_tried_again(self, item: WorkItem, error: ApiUnavailable) -> bool:
        """A call that was lost has perhaps been paid for, and a server that hangs would be waited for once more."""
        wish = error.retry_after_s or 0
        return item.attempts < MAX_TRIES and wish <= LONGEST_WISH_S and not isinstance(error.__cause__, CallLost)

    # -- what it is told -------------------------------------------------------------------------------------

    async def _look_around(self, frame: PlanFrame, context: Document | None) -> _Known:
        goals = await self._store.goals(limit=EARLIER_GOALS * 4)
        others = [g for g in goals if g.goal_id != frame.goal.goal_id and g.rehearsal is frame.goal.rehearsal]
        skills = sorted(frame.team)
        return _Known(
            context=context,
            earlier=others[:EARLIER_GOALS],
            left_usd=await left_for(self._store, self._clock, frame.goal),
            history=await self._store.costs_of_skills(skills, limit=LONGEST_HISTORY),
        )

    def _question(self, frame: PlanFrame, known: _Known) -> Question[PlanForm]:
        def wrong_with(form: PlanForm) -> Sequence[str]:
            return self._wrong_with(form, frame, known)

        return Question(
            form=PlanForm,
            system=(PromptBlock(text=_rules(frame)),),
            user=self._told(frame, known),
            tier=Tier.OPUS,
            max_output_tokens=MAX_OUTPUT_TOKENS,
            timeout_s=TIMEOUT_S,
            effort="medium",
            most_usd=known.left_usd * PLANNING_SHARE,
            wrong_with=wrong_with,
        )

    def _wrong_with(self, form: PlanForm, frame: PlanFrame, known: _Known) -> Sequence[str]:
        draft = draft_from(form, frame)
        faults = faults_in(draft, frame)
        if faults:
            return [fault.line() for fault in faults]
        context = known.context.content if known.context else None
        forecast = forecast_of(
            frame.goal, cast(draft, frame), self._team, context=context, history=known.history, parallel=self._parallel
        )
        fault = cost_fault(forecast.cost.expected_usd, known.left_usd)
        return [fault.line()] if fault else []

    def _told(self, frame: PlanFrame, known: _Known) -> str:
        goal, today = frame.goal, self._clock.now().astimezone(self._zone)
        asked = f"The user wants it read as {goal.category.value}." if goal.category else ""
        parts = [
            f"Date: {today:%Y-%m-%d} ({today:%A})",
            f"# The goal\n\n{fence('goal', goal.description)}\n\n{asked}".rstrip(),
            f"# What is known of the product\n\n{_context(known.context)}",
            f"# Material from the user\n\n{_inputs(goal)}",
            f"# Earlier goals\n\n{_earlier(known.earlier)}",
            f"# Past learnings\n\n{_learnings(frame)}",
            f"# Money\n\nFor this goal {dollars(known.left_usd)} is left; a task costs a few cents to a dollar.",
            f"# What the rules suggest\n\n{_suggestion(frame)}",
        ]
        return "\n\n".join(parts)


async def left_for(store: Store, clock: Clock, goal: Goal) -> Decimal:
    """What may still be spent on the goal, by its own cap and the month's, in US dollars."""
    month = month_key(clock.now())
    budget, spend = await store.month_budget(month), await store.month_spend(month)
    if budget is None:
        return Decimal(0)
    bill = (await store.goal_bill(goal.goal_id)).total
    of_month = budget.cap_usd - spend.settled_usd - spend.reserved_usd
    cap = budget.goal_cap_usd if goal.budget_usd is None else goal.budget_usd
    return max(Decimal(0), min(of_month, cap - bill.settled_usd - bill.reserved_usd))


def _rules(frame: PlanFrame) -> str:
    values = {
        "MAX_TASKS": str(MAX_TASKS),
        "FOUNDATION": FOUNDATION_MISSING if frame.needs_foundation else FOUNDATION_THERE,
        "CATEGORIES": ", ".join(Category),
        "TEAM": "\n".join(_member(info) for info in frame.team.values()),
        "PIPELINES": _pipelines(frame),
    }
    return Template(TASK.read_text("utf-8")).substitute(values)


def _member(info: SkillInfo) -> str:
    reads = f"; reads {', '.join(info.upstream)}" if info.upstream else ""
    needs = f"; works from {', '.join(info.needs)} of the context" if info.needs else ""
    cues = f"; asked for by {', '.join(info.cues[:5])}" if info.cues else ""
    about = clean_line(info.description, MAX_LINE_CHARS)
    return f"- {info.name} ({info.squad or 'foundation'}): {about}{reads}{needs}{cues}"


def _pipelines(frame: PlanFrame) -> str:
    lines = []
    for pipeline in frame.pipelines:
        if pipeline.reading is None:
            steps = " > ".join(dict.fromkeys(step.skill for step in steps_of(pipeline) if step.skill))
            lines.append(f"- {pipeline.name} ({pipeline.category.value}): {pipeline.description} Steps: {steps}")
    return "\n".join(lines) or "There are none."


def _context(context: Document | None) -> str:
    if context is None:
        return "Nothing yet."
    text, cut = context.content[:MAX_CONTEXT_CHARS], len(context.content) > MAX_CONTEXT_CHARS
    return fence("product context", text) + ("\n\n(It goes on, and is longer than fits here.)" if cut else "")


def _inputs(goal: Goal) -> str:
    names = "\n".join(reference.rpartition("@")[0] for reference in goal.inputs)
    return f"{fence('names of files', names)}\n\nEvery specialist is given them." if names else "None."


def _earlier(goals: Sequence[Goal]) -> str:
    lines = [
        f"- {goal.created_at:%Y-%m-%d}, {goal.category.value if goal.category else 'unplanned'}, {goal.status.value}: "
        f"{clean_line(goal.description, MAX_LINE_CHARS)}"
        for goal in goals
    ]
    return fence("earlier goals, newest first", "\n".join(lines)) if lines else "None: this is the first."


def _learnings(frame: PlanFrame) -> str:
    lines = [f"- {one.learning_id}: {one.learning} -> {one.action}" for one in frame.learnings]
    return fence("learnings", "\n".join(lines)) if lines else "None that fit."


def _suggestion(frame: PlanFrame) -> str:
    draft = draft_of(frame.template)
    lines = [f"Category {draft.category}, template {draft.pipeline or 'none'}."]
    for phase in draft.phases:
        tasks = ", ".join(f"{t.key} (needs {', '.join(t.needs)})" if t.needs else t.key for t in phase.tasks)
        lines.append(f"- {phase.name}: {tasks}" + (f"; then a review: {phase.review}" if phase.review else ""))
    return "\n".join(lines)
