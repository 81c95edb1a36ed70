"""A player who does anything that workers, budgets, APIs, other goals and humans can do to a goal, in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from marketeer.domain.advance import advance
from marketeer.domain.agreement import compared_tasks, to_do_over
from marketeer.domain.approval import Decision
from marketeer.domain.errors import StaleClaim, UsageError
from marketeer.domain.outcome import (
    ApiLooked,
    BudgetLooked,
    CancelAsked,
    Claimed,
    Decided,
    Disagreed,
    DoneOver,
    Failed,
    FailureKind,
    HandedBack,
    ItemRef,
    Judgement,
    Looked,
    Occurrence,
    OverBudget,
    PartDecided,
    PauseAsked,
    QuestionsLooked,
    RedoAsked,
    Reviewed,
    Taker,
    UnpauseAsked,
)
from marketeer.domain.task import TaskStatus
from marketeer.domain.work import WorkItem, WorkKind
from tests.support.builders import CRITICAL, MAJOR, MINOR, contradiction
from tests.support.laws import check_all
from tests.support.play import LEASE, Play, ref_of

CHANCES = (None, None, None, None, (MINOR,), (MAJOR,), (MAJOR, MINOR), (CRITICAL, MAJOR))


class Player:
    """`step` makes one move and checks every law."""

    def __init__(self, play: Play, random: Random) -> None:
        self.play = play
        self._random = random

    def step(self) -> None:
        moves: dict[Callable[[], None], int] = {
            self._claim: 8,
            self._hand_in: 10,
            self._wait: 2,
            self._decide: 3,
            self._decide_in_part: 2,
            self._come_late: 1,
            self._redo: 1,
            self._pause_or_go_on: 1,
            self._another_goal: 1,
            self._look: 1,
        }
        if self._random.random() < 0.004:
            self._do(CancelAsked(by="ana"))
            return
        (move,) = self._random.choices(list(moves), weights=list(moves.values()))
        move()

    def _do(self, occurrence: Occurrence, *, taker: Taker | None = None) -> None:
        """Apply it twice to the same snapshot (one answer), once for good, and look at what became of it."""
        play = self.play
        snapshot = play.snapshot()
        try:
            first = advance(snapshot, occurrence, play.now, taker=taker)
        except UsageError:
            return
        assert advance(snapshot, occurrence, play.now, taker=taker) == first
        play.apply(occurrence, taker=taker)
        check_all(play)

    # -- workers ---------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        if ready := self.play.ready():
            item = self._random.choice(ready)
            until = self.play.now + LEASE
            self._do(Claimed(item_id=item.work_item_id, owner="worker-1", lease_until=until))

    def _hand_in(self) -> None:
        if claimed := self.play.claimed():
            item = self._random.choice(claimed)
            hands = self._random.choice([0, 0, 1, 3])
            self._do(self._outcome(item, ref_of(item)), taker=self.play.taker(hands=hands) if hands else None)

    def _outcome(self, item: WorkItem, ref: ItemRef) -> Occurrence:
        luck = self._random.random()
        if luck < 0.08:
            return HandedBack(item=ref, reason="the process is stopping")
        if luck < 0.22:
            kind = self._random.choice([*FailureKind, FailureKind.TRANSIENT])
            wish = self._random.choice([None, 5.0, 90.0])
            return Failed(item=ref, kind=kind, error="it broke", retry_after_s=wish)
        if luck < 0.32 and item.kind is WorkKind.EXECUTE:
            until = self.play.now + timedelta(days=9)
            scope = self._random.choice(["month", "goal", "task"])
            return OverBudget(item=ref, scope=scope, reason="too dear", until=until, ask_usd=Decimal(2))
        if item.kind is WorkKind.REVIEW and item.task_id:
            judged = self._judgement()
            return Reviewed(item=ref, findings=judged.findings, waived=(), asked_for=judged.asked_for)
        if item.kind is WorkKind.REPORT and luck < 0.5 and (contradicting := self._contradicting()):
            return Disagreed(item=ref, tasks=contradicting)
        if item.kind is WorkKind.EXECUTE and luck < 0.7:
            return self.play.executed(ref, judged=self._judgement())
        return self.play.succeed(item, ref)

    def _contradicting(self) -> tuple[DoneOver, ...]:
        """Some outputs that contradict what was there before them, in the eyes of whoever compares."""
        tasks = [task for task in compared_tasks(list(self.play.tasks.values())) if self._random.random() < 0.4]
        found = [contradiction(later=task.task_id) for task in tasks]
        return to_do_over(found, list(self.play.tasks.values()))

    def _judgement(self) -> Judgement:
        skills = [task.skill for task in self.play.tasks.values()]
        asked_for = frozenset(skill for skill in skills if self._random.random() < 0.5)
        return self.play.judged(*(self._random.choice(CHANCES) or ()), asked_for=asked_for)

    def _come_late(self) -> None:
        """A result under a claim that is over changes nothing."""
        items = [item for item in self.play.items.values() if item.claim]
        if items:
            item = self._random.choice(items)
            claim = item.claim - 1 if item.state.is_open else item.claim
            late = self.play.succeed(item, ItemRef(item_id=item.work_item_id, claim=claim))
            with pytest.raises(StaleClaim):
                self.play.apply(late)

    # -- the world -------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        self.play.wait(seconds=self._random.choice([1, 30, 700, 40_000]))

    def _look(self) -> None:
        looks: list[Occurrence] = [Looked(), BudgetLooked(), ApiLooked(), QuestionsLooked()]
        self._do(self._random.choice(looks))

    def _another_goal(self) -> None:
        for task in list(self.play.external.values()):
            if not task.status.is_final:
                end = self._random.choice([TaskStatus.APPROVED, TaskStatus.FAILED, TaskStatus.CANCELLED])
                self.end_elsewhere(end)

    def end_elsewhere(self, end: TaskStatus) -> None:
        for task in list(self.play.external.values()):
            if not task.status.is_final:
                self.play.external[task.task_id] = replace(task, status=end, finished_at=self.play.now)
                self._do(Looked())

    # -- humans ----------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        if questions := self.play.questions():
            question = self._random.choice(questions)
            choices = [choice for choice, _ in question.choices]
            # a rejected gate ends the goal: seldom, so that there is something to see
            weights = [1 if choice is Decision.REJECT else 4 for choice in choices]
            (decision,) = self._random.choices(choices, weights=weights)
            self._do(Decided(approval_id=question.approval_id, decision=decision, by="ana", note="do"))

    def _decide_in_part(self) -> None:
        if self.play.questions() and (live := sorted(t for t, task in self.play.tasks.items() if not task.finished_at)):
            some = self._random.sample(live, k=min(len(live), self._random.randint(1, 3)))
            decision = self._random.choice([Decision.APPROVE, Decision.APPROVE, Decision.REJECT])
            self._do(PartDecided(task_ids=tuple(some), decision=decision, by="ana", note=None))

    def _redo(self) -> None:
        if self.play.tasks:
            task_id = self._random.choice(sorted(self.play.tasks))
            self._do(RedoAsked(task_id=task_id, note=None, by="ana"))

    def _pause_or_go_on(self) -> None:
        go_on = self.play.goal.paused or self._random.random() < 0.5
        self._do(UnpauseAsked(by="ana") if go_on else PauseAsked(by="ana"))

    # -- the end ---------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """From here on everybody answers and everything succeeds."""
        play = self.play
        if not play.goal.status.is_final:
            self._do(UnpauseAsked(by="ana"))
        self.end_elsewhere(TaskStatus.APPROVED)
        for _ in range(100):
            for question in play.questions():
                if question.approval_id in {q.approval_id for q in play.questions()}:
                    self._do(Decided(approval_id=question.approval_id, decision=Decision.APPROVE, by="ana"))
            play.run()
            check_all(play)
            if play.goal.status.is_final:
                return
        msg = f"everybody answers, everything succeeds, and the goal is still {play.goal.status.value}"
        raise AssertionError(msg)
