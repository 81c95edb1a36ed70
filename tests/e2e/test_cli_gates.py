"""Questions by policy, as users meet them: who waits, answers in part, edited files, mistakes in gates.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Inside

PRICES = "Raise our prices by ten percent and tell customers why"
OUTREACH = ("start", "--rehearse", "--pipeline", "Outreach Campaign", "Write to our own customers")


def put_gates(folder: Path, text: str) -> None:
    team = folder / "workspace" / "team"
    team.mkdir(parents=True, exist_ok=True)
    (team / "gates.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def desk(inside: Inside) -> Inside:
    assert inside("init", "--example").code == 0
    return inside


def question(desk: Inside) -> dict[str, object]:
    (asked,) = desk("approvals", "--json").document["approvals"]
    return dict(asked)


def states(desk: Inside) -> dict[str, str]:
    return {task["skill"]: task["status"] for task in tasks(desk)}


def tasks(desk: Inside) -> list[dict[str, str]]:
    phases = desk("show", "last", "--json").document["phases"]
    return [task for phase in phases for task in phase["tasks"]]


def test_a_price_change_stops_only_what_rests_on_it_once_the_policy_says_so(desk: Inside) -> None:
    without = desk("start", "--rehearse", PRICES)
    assert (without.code, "Decide yourself on every price" in without.out) == (0, True)
    put_gates(desk.folder, "pricing_change:\n  stops: always\n  expires_after: 7 days\n  on_expiry: reject\n")
    blocked = desk("start", "--rehearse", PRICES)
    assert blocked.code == 4
    assert "Waits for it: pricing-strategy." in blocked.out
    asked = question(desk)
    assert (asked["policy"], asked["holds"], asked["on_expiry"]) == ("pricing_change", ["pricing-strategy"], "reject")
    assert str(asked["expires_at"]) > str(asked["remind_at"]) > str(asked["created_at"])
    assert states(desk)["pricing-strategy"] == "pending"
    assert desk("approve", str(asked["approval_id"]), "--note", "At most ten percent").code == 0
    assert desk("resume", "last").code == 0
    learned = desk("learnings", "list", "--rehearsal", "--json").document["learnings"]
    assert [one["agent"] for one in learned if one["action"] == "At most ten percent"] == ["pricing-strategy"]


def test_a_no_drops_what_waits_and_the_rest_is_kept_and_reported(desk: Inside) -> None:
    put_gates(desk.folder, "pricing_change:\n  stops: always\n")
    desk("start", "--rehearse", PRICES)
    assert desk("reject", str(question(desk)["approval_id"]), "--note", "not this year").code == 0
    ended = desk("resume", "last")
    assert ended.code == 1
    assert "pricing-strategy: rejected by a human: not this year" in ended.out
    assert "cancelled" in states(desk).values()


def test_an_answer_can_be_for_one_task_and_the_question_waits_for_the_rest(desk: Inside) -> None:
    assert desk(*OUTREACH).code == 4
    assert "for cold-email" in desk("approve", "last", "--only", "cold-email").out
    assert desk("resume", "last").code == 4
    assert states(desk) == {"cold-email": "approved", "ab-test-setup": "pending", "analytics-tracking": "pending"}
    asked = question(desk)
    assert asked["released"] == [tasks(desk)[0]["task_id"]]
    assert desk("reject", str(asked["approval_id"]), "--only", "ab-test-setup", "--only", "3").code == 0
    assert desk("resume", "last").code == 1
    assert states(desk) == {"cold-email": "approved", "ab-test-setup": "cancelled", "analytics-tracking": "cancelled"}


def test_wrong_answers_are_one_line_with_the_remedy_and_change_nothing(desk: Inside) -> None:
    desk(*OUTREACH)
    asked = str(question(desk)["approval_id"])
    for arguments, said in (
        (("last", "--only", "copywriting"), "no unfinished task 'copywriting'"),
        (("nothing", "--only", "cold-email"), "no goal and no open question 'nothing'"),
        (("last", "--only", "cold-email", "--edited"), "give one of them"),
        ((asked, "--edited"), "asks about no output"),
    ):
        refused = desk("approve", *arguments)
        assert (refused.code, said in refused.complaint) == (2, True), refused.err
    assert question(desk)["released"] == []


def test_a_mistake_in_the_policies_is_told_before_anything_begins(desk: Inside) -> None:
    put_gates(desk.folder, "budget:\n  expires_after: 1 day\n  on_expiry: approve\n")
    refused = desk("start", "--rehearse", PRICES)
    assert (refused.code, refused.complaint) == (
        2,
        "marketeer: team/gates.yaml:3: silence never approves budget; use `reject` or `wait`",
    )
    assert desk("status").code == 0
