"""Reports: `plan.md` when a goal is planned and `report.md` when it ends, written from the store alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from marketeer.domain.agreement import Compared
from marketeer.domain.contradiction import TO_AGREE
from marketeer.domain.document import goal_path
from marketeer.domain.forecast import PlanForecast, TimeRange, grade
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Call, GoalBill, Spend
from marketeer.domain.markdown import section_of
from marketeer.domain.plan import Plan, PlannedBy
from marketeer.domain.review import Review, Severity
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.usage import dollars
from marketeer.engine.review_summary import goal_reviews
from marketeer.engine.source_tables import source_tables
from marketeer.ports import Clock, Store

TEMPLATES = Path(__file__).parent / "templates"
LINE_CHARS = 80
ALWAYS_BEFORE_PUBLISHING = (
    "Read every deliverable: Marketeer drafts and measures, it publishes and sends nothing by itself.",
)
MAX_ASSUMPTIONS_A_TASK = 6
_FENCE_OR_GAP = re.compile(r"(?P<fence>^```.*?(?:^```|\Z))|\n\s*\n\s*?\n", re.MULTILINE | re.DOTALL)


class Reports:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def plan(self, goal: Goal, plan: Plan, forecast: PlanForecast) -> str:
        phases = []
        for index, name in enumerate(plan.phases):
            reviews = [b.title for b in plan.barriers if b.after and max(b.after) == index]
            tasks = [t for t in plan.tasks if t.phase == index]
            phases.append({"name": name, "tasks": tasks, "reviews": reviews, "forecast": forecast.phases[index]})
        return _render(
            "plan.md.j2", goal=goal, plan=plan, phases=phases, goal_line=one_line(goal.description),
            goal_quote=quoted(goal.description), forecast=forecast, planned_by=planned_by(plan),
        )  # fmt: skip

    async def report(
        self,
        goal: Goal,
        tasks: Sequence[Task],
        *,
        page: str | None = None,
        compared: Compared | None = None,
    ) -> str:
        """`page` is what a reading has written in place of deliverables, `compared` what came of
        holding its outputs against each other."""
        bill = await self._store.goal_bill(goal.goal_id)
        calls = await self._store.calls(goal.goal_id)
        reviews = await self._store.reviews(goal.goal_id)
        current = [task for task in tasks if task.superseded_by is None]
        approved = [task for task in current if task.status is TaskStatus.APPROVED]
        refused = [task for task in current if task.status is not TaskStatus.APPROVED]
        return _render(
            "report.md.j2",
            goal=goal,
            goal_line=one_line(goal.description),
            goal_quote=quoted(goal.description),
            result=_result(current, approved) if page is None else "the page is written",
            page={"name": page.rsplit("/", 1)[-1], "link": link_from_goal(goal, page)} if page is not None else None,
            bill=bill,
            cost_word="would have cost " if goal.rehearsal else "",
            duration=duration_text((self._clock.now() - goal.created_at).total_seconds()),
            made=[self._made(goal, task, bill, reviews) for task in approved],
            refused=[{"task": task} for task in refused],
            superseded=[{"task": task, "why": _why_over(task, tasks)} for task in tasks if task.superseded_by],
            contradictions=[one.line() for one in compared.found] if compared is not None else [],
            compared_by=compared.by if compared is not None else None,
            stale=_stale(tasks),
            reviews=goal_reviews(current, reviews),
            assumptions=await self._assumptions(approved, reviews),
            sources=source_tables(approved, reviews),
            before_you_publish=[*goal.before_you_publish, *ALWAYS_BEFORE_PUBLISHING],
            costs=[{"task_id": t.task_id, "spend": bill.by_task.get(t.task_id, Spend())} for t in tasks],
            of_no_task=_of_no_task(calls),
            estimated=sum(call.estimated for call in calls),
            forecast=_forecast_line(goal, bill),
        )

    def _made(self, goal: Goal, task: Task, bill: GoalBill, reviews: Sequence[Review]) -> dict[str, Any]:
        spend = bill.by_task.get(task.task_id, Spend())
        return {
            "task": task,
            "name": (task.output_path or "").rsplit("/", 1)[-1],
            "link": link_from_goal(goal, task.output_path or ""),
            "cost": spend.settled_usd,
            "verdict": _verdict(task, reviews),
        }

    async def _assumptions(self, approved: Sequence[Task], reviews: Sequence[Review]) -> list[str]:
        lines: list[str] = []
        for task in approved:
            document = await self._store.document(task.output_path or "", task.output_version)
            if document is not None:
                lines += [f"{task.skill}: {text}" for text in assumptions_in(document.content)]
            waived = [w for r in reviews if r.task_id == task.task_id for w in r.waived]
            lines += [f"{task.skill}: not checked: {reason}" for reason in dict.fromkeys(waived)]
        return lines


def _why_over(task: Task, tasks: Sequence[Task]) -> str | None:
    """Why a task was done over, where that was not somebody's wish."""
    new = next((other for other in tasks if other.task_id == task.superseded_by), None)
    if new is None or not new.why.startswith(TO_AGREE) or task.why.startswith(TO_AGREE):
        return None
    return new.why


def planned_by(plan: Plan) -> str:
    """Who made the plan, in words, and why no model did."""
    who = {
        PlannedBy.MODEL: "the Director, with a model",
        PlannedBy.TEMPLATE: "the rules and templates",
        PlannedBy.HUMAN: "a person",
    }[plan.made_by]
    return f"{who}: {plan.made_note}" if plan.made_note else who


def assumptions_in(text: str) -> list[str]:
    """The rows of an output's `## Assumptions` table, as lines."""
    section = section_of(text, "assumptions")
    rows = [row for table in section.tables for row in table.rows] if section is not None else []
    return [" ".join(row[:2]).strip() for row in rows][:MAX_ASSUMPTIONS_A_TASK]


def _forecast_line(goal: Goal, bill: GoalBill) -> str | None:
    low, expected, high = goal.forecast_low_usd, goal.forecast_usd, goal.forecast_high_usd
    if low is None or expected is None or high is None:
        return None
    graded = grade(low_usd=low, expected_usd=expected, high_usd=high, real_usd=bill.total.settled_usd)
    about = f", about {duration_text(goal.forecast_s)}" if goal.forecast_s else ""
    return f"{range_text(low, expected, high)}{about}; the cost was {graded}"


def range_text(low: Decimal, expected: Decimal, high: Decimal) -> str:
    return f"{dollars(round(expected, 4))} ({dollars(round(low, 4))} to {dollars(round(high, 4))})"


def span_text(time: TimeRange) -> str:
    return f"{duration_text(time.expected_s)} ({duration_text(time.low_s)} to {duration_text(time.high_s)})"


def _verdict(task: Task, reviews: Sequence[Review]) -> str:
    last = max((r for r in reviews if r.task_id == task.task_id), key=lambda r: r.number, default=None)
    verdict = task.verdict or "approved"
    if task.revision:
        verdict += f" after {_counted(task.revision, 'revision')}"
    if last is None:
        return verdict
    if task.verdict != "approved" and task.kept:
        left = list(task.kept[0].findings)
    else:
        left = [f for f in last.findings if f.severity is not Severity.MINOR or task.verdict != "approved"]
    return verdict + "".join(f"; {finding.line()}" for finding in left)


def _of_no_task(calls: Sequence[Call]) -> Spend | None:
    """What the goal itself cost: its plan, its report. None: nothing."""
    own = [call for call in calls if call.task_id is None]
    if not own:
        return None
    return Spend(
        calls=len(own),
        input_tokens=sum(call.usage.total_input_tokens for call in own),
        output_tokens=sum(call.usage.output_tokens for call in own),
        settled_usd=sum((call.cost_usd for call in own), Decimal(0)),
    )


def _result(current: Sequence[Task], approved: Sequence[Task]) -> str:
    failed = [task for task in current if task.status is TaskStatus.FAILED]
    skipped = [task for task in current if (task.reason or "").startswith("skipped:")]
    text = f"{len(approved)} of {len(current) - len(skipped)} deliverables approved"
    if skipped:
        text += f", {len(skipped)} skipped as not needed"
    return text + (f", {len(failed)} failed" if failed else "")


def _stale(tasks: Sequence[Task]) -> list[str]:
    """Finished work that was made from an output which has been done over since."""
    replaced = {t.task_id: t.superseded_by for t in tasks if t.superseded_by}
    return [
        f"{task.task_id} was made from {old}, before {new} replaced it"
        for task in tasks
        if task.status is TaskStatus.APPROVED and task.superseded_by is None
        for old, new in replaced.items()
        if old in task.depends_on
    ]


def one_line(text: str, limit: int = LINE_CHARS) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def quoted(text: str) -> str:
    """A goal's own words, as a Markdown quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def link_from_goal(goal: Goal, path: str) -> str:
    """The way from the goal's folder to another document of the workspace."""
    *here, _ = goal_path(goal_id=goal.goal_id, name="report.md", rehearsal=goal.rehearsal).split("/")
    there = path.split("/")
    shared = next((at for at, (one, other) in enumerate(zip(here, there, strict=False)) if one != other), len(here))
    return "/".join([*[".."] * (len(here) - shared), *there[shared:]])


def duration_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _line(text: str) -> str:
    """What stands in a list stays in its item, whatever was written: notes and reasons come from people, too."""
    return " ".join(text.split())


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _render(name: str, **values: Any) -> str:
    text: str = _environment().get_template(name).render(**values)
    return tidy(text)


def tidy(text: str) -> str:
    """Markdown with one empty line where several stood, but for what is fenced, and one end of line at its end."""
    return _FENCE_OR_GAP.sub(lambda found: found["fence"] or "\n\n", text.strip()) + "\n"


@cache
def _environment() -> Any:
    # jinja2 costs 60 ms to import; only processes that write a report need it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - the product is Markdown, not HTML
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    environment.filters["line"] = _line
    environment.filters["counted"] = _counted
    environment.filters["cost"] = lambda cost: range_text(cost.low_usd, cost.expected_usd, cost.high_usd)
    environment.filters["span"] = span_text
    return environment
