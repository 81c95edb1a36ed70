"""Agreement: what the approved outputs of a goal are held against before its report is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketeer.domain.agreement import Compared, compared_tasks, to_do_over
from marketeer.domain.contradiction import CONTEXT, GOAL, Comparison, Contradiction, Output
from marketeer.domain.document import Author, Document
from marketeer.domain.errors import ApiUnavailable, BudgetExceeded
from marketeer.domain.goal import Goal
from marketeer.domain.second_look import shown_contradictions
from marketeer.domain.task import Task
from marketeer.domain.usage import Tier
from marketeer.domain.work import WorkItem, WorkKind
from marketeer.engine.agreement_form import question
from marketeer.engine.ledger import Ledger
from marketeer.engine.library import Library
from marketeer.engine.structured import Structured, Unusable
from marketeer.logs import get_logger
from marketeer.ports import Clock, Examiner, Store, Team

BY_RULES = "by rules"
BY_MODEL = "by rules and by a model"

log = get_logger(__name__)


class Agreement:
    """`asks`: whether a model looks too, once a goal, where the rules find nothing to do over."""

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        ledger: Ledger,
        team: Team,
        examiner: Examiner,
        clock: Clock,
        asks: bool,
    ) -> None:
        self._store = store
        self._library = library
        self._ledger = ledger
        self._examiner = examiner
        self._team = team
        self._asks = asks
        self._structured = Structured(store=store, ledger=ledger, team=team, clock=clock)

    async def look(self, item: WorkItem, goal: Goal, tasks: Sequence[Task]) -> Compared:
        """The outputs as they are by now, a human's edits included. What a model is asked is booked under the item."""
        made = await self._made(tasks)
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        comparison = Comparison(
            outputs=tuple(Output(name=task.task_id, text=document.content) for task, document in made),
            context=context.content if context is not None else "",
            goal=goal.description,
            inputs=await self._inputs(goal),
        )
        found = await self._examiner.compare(comparison)
        edited = {task.task_id for task, document in made if document.author is Author.HUMAN}
        over = to_do_over(found, tasks, edited=edited)
        by = BY_RULES
        if not over and len(made) > 1 and self._asks and not goal.rehearsal:
            texts = {GOAL: goal.description, CONTEXT: comparison.context}
            added, by = await self._asked(item, goal, texts | {t.task_id: d.content for t, d in made}, found)
            found = (*found, *added)
            over = to_do_over(found, tasks, edited=edited)
        if over and not await self._may_spend(goal):
            over = ()
        return Compared(found=found, over=over, by=by if len(made) > 1 else None)

    async def _may_spend(self, goal: Goal) -> bool:
        """Whether the month leaves money for work like this. Else a goal that is done would wait for the next one."""
        try:
            await self._ledger.tier(Tier.SONNET, goal)
        except BudgetExceeded:
            return False
        return True

    async def _made(self, tasks: Sequence[Task]) -> list[tuple[Task, Document]]:
        made = []
        for task in compared_tasks(tasks):
            document = await self._library.in_force(task.output_path or "", task.output_version)
            if document is not None:
                made.append((task, document))
        return made

    async def _asked(
        self, item: WorkItem, goal: Goal, texts: Mapping[str, str], known: Sequence[Contradiction]
    ) -> tuple[Sequence[Contradiction], str]:
        """What a model adds, and who has compared by then."""
        calls = await self._store.calls(goal.goal_id)
        if any(call.kind is WorkKind.REPORT and call.work_item_id != item.work_item_id for call in calls):
            return (), BY_MODEL  # in an earlier pass
        try:
            answer = await self._structured.ask(
                question(texts, house_rules=self._team.house_rules()), goal=goal, item=item
            )
        except ApiUnavailable as exc:
            answer = Unusable(reason=f"the API could not be asked ({exc})")
        if isinstance(answer, Unusable):
            log.warning("compared_by_rules_alone", goal_id=goal.goal_id, why=answer.reason)
            return (), f"{BY_RULES}; no model could be asked: {answer.reason}"
        return shown_contradictions(answer.said(), texts, known=known), BY_MODEL

    async def _inputs(self, goal: Goal) -> dict[str, str]:
        texts = {}
        for path, _, version in (one.rpartition("@") for one in goal.inputs):
            document = await self._library.in_force(path, int(version))
            if document is not None:
                texts[path] = document.content
        return texts
