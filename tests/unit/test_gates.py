"""Questions by policy: what gates.yaml may say, whom a question holds, and what time does to it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.adapters.team_files import BUILT_IN, FileTeam
from marketeer.domain.approval import Approval, ApprovalKind, ApprovalStatus, Decision, OnExpiry
from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.domain.gates import (
    LONGEST,
    MOST_REMINDERS,
    SHORTEST,
    GateKind,
    Gates,
    Policy,
    Stops,
    gate_of,
    parse_span,
    span_words,
)
from marketeer.domain.goal import GoalStatus
from marketeer.domain.outcome import PartDecided, QuestionsLooked, Reviewed
from marketeer.domain.plan import Gate
from marketeer.domain.plan_gates import by_policy, plan_gates
from marketeer.domain.routing import Escalation, EscalationKind
from tests.support.builders import CRITICAL, a_plan, a_task, task_id
from tests.support.play import Play

LAW = Gate(kind=ApprovalKind.LEGAL_RISK, question="On what basis?")


def policies(folder: Path, text: str) -> Gates:
    (folder / "gates.yaml").write_text(text, encoding="utf-8")
    return FileTeam(built_in=BUILT_IN, workspace=folder).gates()


def played(*gates: Gate, by: Gates | None = None) -> Play:
    """Three tasks, the third on the second."""
    play = Play(a_plan([a_task(1), a_task(2), a_task(3, 2)], gates=gates), gates=by)
    play.make_plan()
    return play


def expiring(on_expiry: OnExpiry, kind: GateKind = GateKind.LEGAL_RISK) -> Gates:
    return Gates(policies={kind: Policy(expires_after=timedelta(days=2), on_expiry=on_expiry)})


# -- the file --------------------------------------------------------------------------------------------------


def test_the_built_in_policies_keep_every_question_waiting_and_remind_after_a_day() -> None:
    gates = FileTeam(built_in=BUILT_IN).gates()
    assert gates.policies.keys() == set(GateKind)
    assert {p.remind_after for p in gates.policies.values()} == {timedelta(hours=24)}
    assert {(p.expires_after, p.on_expiry) for p in gates.policies.values()} == {(None, OnExpiry.WAIT)}
    assert gates.policy(GateKind.LOOP).stops is Stops.ALWAYS


def test_every_kind_of_question_has_a_policy() -> None:
    assert {kind for kind in ApprovalKind if gate_of(kind) is None} == set()


def test_a_workspace_changes_policies_key_by_key(tmp_path: Path) -> None:
    gates = policies(tmp_path, "pricing_change:\n  stops: always\n  expires_after: 7 days\n  on_expiry: reject\n")
    pricing = gates.policy(GateKind.PRICING_CHANGE)
    assert (pricing.stops, pricing.expires_after, pricing.on_expiry) == (
        Stops.ALWAYS,
        timedelta(days=7),
        OnExpiry.REJECT,
    )
    assert pricing.holds == ("pricing-strategy", "paywall-upgrade-cro")
    assert gates.policy(GateKind.LOOP).stops is Stops.ALWAYS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budget:\n  expires_after: 1 day\n  on_expiry: approve\n", "gates.yaml:3: silence never approves budget"),
        ("legal_risk:\n  on_expiry: approve\n", "gates.yaml:2: silence never approves legal_risk"),
        ("loop:\n  on_expiry: reject\n", "gates.yaml:2: loop has on_expiry 'reject' but never expires"),
        ("loop:\n  stops: marked\n", "gates.yaml:2: nothing marks a loop"),
        ("failure:\n  stops: never\n", "gates.yaml:2: failure always stops"),
        ("loop:\n  holds: [copywriting]\n", "gates.yaml:2: loop is about one task"),
        ("budget:\n  holds:\n    - paid-add\n", "gates.yaml:3: no skill 'paid-add'; did you mean 'paid-ads'?"),
        ("loop:\n  remind_after: soon\n", "gates.yaml:2: remind_after: 'soon' is no span"),
        ("loop:\n  stop: always\n", "gates.yaml:2: unknown key 'stop' in loop; did you mean 'stops'?"),
        ("lop:\n  stops: always\n", "gates.yaml:1: unknown key 'lop'; did you mean 'loop'?"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        policies(tmp_path, text)
    assert f"team/{said}" in str(raised.value)


@given(span=st.timedeltas(SHORTEST, LONGEST).map(lambda s: timedelta(minutes=s // timedelta(minutes=1))))
def test_a_span_is_read_as_it_is_written(span: timedelta) -> None:
    assert parse_span(span_words(span)) == span


@given(text=st.text(max_size=20))
def test_whatever_is_written_as_a_span_is_one_within_bounds_or_refused(text: str) -> None:
    try:
        span = parse_span(text)
    except UsageError:
        return
    assert span is None or SHORTEST <= span <= LONGEST


# -- at planning -----------------------------------------------------------------------------------------------


@given(marked=st.booleans(), stops=st.sampled_from(Stops), kind=st.sampled_from(EscalationKind))
def test_a_risk_stops_work_by_its_policy_and_lies_and_laws_of_honesty_always_as_they_are(
    marked: bool, stops: Stops, kind: EscalationKind
) -> None:
    gates = Gates(policies={gate: Policy(stops=stops) for gate in GateKind})
    (risk,) = by_policy([Escalation(kind=kind, text="Look at it.", stops=marked)], gates)
    governed = kind not in (EscalationKind.REFUSED, EscalationKind.CLAIM)
    expected = {Stops.ALWAYS: True, Stops.NEVER: False, Stops.MARKED: marked}[stops] if governed else marked
    assert risk.stops is expected
    assert len(plan_gates(None, [risk], gates, ())) == expected


def test_a_question_holds_those_of_its_skills_that_take_part_or_else_everything() -> None:
    gates = Gates(policies={GateKind.BUDGET: Policy(stops=Stops.ALWAYS, holds=("paid-ads", "referral-program"))})
    risks = by_policy([Escalation(kind=EscalationKind.BUDGET, text="Agree.", stops=False)], gates)
    (some,) = plan_gates(None, risks, gates, ["copywriting", "paid-ads"])
    assert (some.kind, some.holds) == (ApprovalKind.BUDGET, ("paid-ads",))
    (every,) = plan_gates(None, risks, gates, ["copywriting"])
    assert every.holds == ()


# -- holding and releasing -------------------------------------------------------------------------------------


def test_the_goal_goes_on_with_what_does_not_depend_on_the_answer() -> None:
    play = played(Gate(kind=ApprovalKind.PRICING_CHANGE, question="New prices?", holds=("skill-2",)))
    assert play.statuses() == ["queued", "pending", "pending"]
    play.finish(1)
    assert play.status() is GoalStatus.BLOCKED
    play.decide(Decision.APPROVE)
    assert play.statuses() == ["approved", "queued", "pending"]


def test_a_no_drops_what_waits_and_the_rest_is_finished_and_reported() -> None:
    play = played(Gate(kind=ApprovalKind.PRICING_CHANGE, question="New prices?", holds=("skill-2",)))
    play.decide(Decision.REJECT)
    play.run()
    assert play.statuses() == ["approved", "cancelled", "cancelled"]
    assert play.status() is GoalStatus.FAILED
    assert "skill-2 was dropped: rejected by a human" in (play.goal.error or "")


def test_an_answer_in_part_frees_a_task_with_what_it_needs_and_leaves_the_question_open() -> None:
    play = played(LAW)
    play.apply(PartDecided(task_ids=(task_id(3),), decision=Decision.APPROVE, by="ana"))
    assert play.statuses() == ["pending", "queued", "pending"]
    (question,) = play.questions()
    assert question.released == (task_id(2), task_id(3))
    play.apply(PartDecided(task_ids=(task_id(1),), decision=Decision.REJECT, by="ana", note="no such list"))
    assert not play.questions()
    assert play.approvals[question.approval_id].status is ApprovalStatus.APPROVED
    play.run()
    assert play.statuses() == ["cancelled", "approved", "approved"]


def test_part_of_nothing_is_refused() -> None:
    play = played()
    with pytest.raises(UsageError, match="no open question is about abc123-01-skill-1 alone"):
        play.apply(PartDecided(task_ids=(task_id(1),), decision=Decision.APPROVE, by="ana"))


def test_a_question_nobody_answered_is_asked_again_when_its_tasks_come_back() -> None:
    play = played(Gate(kind=ApprovalKind.PRICING_CHANGE, question="New prices?", holds=("skill-3",)))
    play.fail(2)
    assert [a.status for a in play.approvals.values()] == [ApprovalStatus.VOID]
    play.redo(2)
    assert [a.question for a in play.questions()] == ["New prices?"]


def test_a_note_becomes_a_learning_and_silence_teaches_nothing() -> None:
    play = played(LAW, by=expiring(OnExpiry.REJECT))
    play.wait(days=3)
    play.apply(QuestionsLooked())
    assert play.learnings == []
    noted = played(Gate(kind=ApprovalKind.PRICING_CHANGE, question="New prices?", holds=("skill-2",)))
    noted.decide(Decision.APPROVE, note="Never below cost")
    (learned,) = noted.learnings
    assert (learned.agent, learned.action) == ("skill-2", "Never below cost")


def test_a_loop_that_does_not_stop_is_let_through_and_said_before_publishing() -> None:
    play = played(by=Gates(policies={GateKind.LOOP: Policy(stops=Stops.NEVER)}))
    for _ in range(4):
        play.execute(1)
        item = play.start(1)
        play.apply(Reviewed(item=item, findings=(CRITICAL,), waived=(), asked_for=frozenset()))
    assert play.task(1).status.value == "approved"
    assert not play.questions()
    assert "let through with 1 critical finding" in play.goal.before_you_publish[-1]


# -- time ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_expiry", "status"), [(OnExpiry.REJECT, "rejected"), (OnExpiry.APPROVE, "approved")])
def test_an_expired_question_is_answered_by_its_policy(on_expiry: OnExpiry, status: str) -> None:
    play = played(LAW, by=expiring(on_expiry))
    (question,) = play.questions()
    play.wait(days=1)
    play.apply(QuestionsLooked())
    assert [q.approval_id for q in play.questions()] == [question.approval_id]
    play.wait(days=1)
    play.apply(QuestionsLooked())
    answered = play.approvals[question.approval_id]
    assert (answered.status.value, answered.decided_by) == (status, "gates.yaml")


def test_one_that_goes_on_waiting_is_marked_overdue_once() -> None:
    play = played(LAW, by=expiring(OnExpiry.WAIT))
    play.wait(days=3)
    play.apply(QuestionsLooked())
    play.apply(QuestionsLooked())
    assert play.journaled().count("approval_overdue") == 1
    assert [(q.overdue, q.expires_at) for q in play.questions()] == [(True, None)]


@given(looks=st.lists(st.integers(1, 100), max_size=40))
def test_reminders_are_a_day_apart_at_least_and_come_to_an_end(looks: list[int]) -> None:
    play = played(LAW)
    for hours in looks:
        play.wait(hours=hours)
        play.apply(QuestionsLooked())
    reminded = [entry.at for entry in play.entries if entry.what == "approval_reminded"]
    asked_at = next(iter(play.approvals.values())).created_at
    times = [asked_at, *reminded]
    assert all(later - earlier >= timedelta(hours=24) for earlier, later in pairwise(times))
    assert len(reminded) == min(MOST_REMINDERS, _due(looks))


def _due(looks: list[int]) -> int:
    """How often a day or more had passed since the last time."""
    count, since = 0, 0
    for hours in looks:
        since += hours
        if since >= 24:
            count, since = count + 1, 0
    return count


def test_old_questions_without_terms_never_become_due() -> None:
    bare = Approval(
        approval_id="a-1",
        goal_id="g",
        kind=ApprovalKind.QUALITY,
        question="?",
        choices=(),
        created_at=Play(a_plan([a_task(1)])).now,
    )
    assert (bare.remind_at, bare.expires_at, bare.gate) == (None, None, False)
