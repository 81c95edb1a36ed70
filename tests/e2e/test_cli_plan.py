"""`marketeer plan`: reading a goal's plan, and answering one that waits, as a user types it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import GOAL, Inside


def test_a_plan_waits_is_read_edited_and_approved_and_then_carried_out(inside: Inside) -> None:
    waiting = inside("start", "--pipeline", "Social Content", "--rehearse", "--approve-plan")
    assert waiting.code == 4
    assert "the plan is made, and nothing is begun" in waiting.out
    plan = inside("plan", "show", "--json").document
    assert (plan["waits"], plan["planned_by"]) == (True, "template")
    assert {task["task_id"] for phase in plan["phases"] for task in phase["tasks"]} == {None}
    token = plan["goal_id"].rsplit("-", 1)[-1]

    text = (Path("workspace") / plan["page"]).read_text("utf-8")
    Path("mine.yaml").write_text(text.replace("skill: ", "skil: ", 1), "utf-8")
    refused = inside("plan", "edit", token, "--file", "mine.yaml")
    assert (refused.code, "mine.yaml:" in refused.complaint) == (2, True)
    Path("mine.yaml").write_text(text.replace('name: "', 'name: "First: ', 1), "utf-8")
    assert inside("plan", "edit", token, "--file", "mine.yaml").code == 0
    assert "First: " in inside("plan", "show").out

    approved = inside("plan", "approve", token)
    assert (approved.code, "now run: marketeer resume" in approved.out) == (0, True)
    assert inside("resume").code == 0
    done = inside("plan", "--json").document
    assert (done["waits"], done["planned_by"], done["status"]) == (False, "human", "completed")
    assert all(task["task_id"] for phase in done["phases"] for task in phase["tasks"])
    assert inside("plan", "approve", token).code == 2


def test_a_rejected_plan_cancels_the_goal_and_wrong_input_is_one_line(inside: Inside) -> None:
    assert inside("plan", "show").code == 2
    assert inside("start", GOAL, "--rehearse", "--approve-plan").code == 4
    rejected = inside("plan", "reject", "last", "--note", "not now", "--json")
    assert (rejected.code, rejected.document["status"]) == (0, "cancelled")
    assert "not now" in rejected.document["error"]
    assert inside("plan", "show", "last").complaint.startswith("marketeer: goal ")
    assert inside("plan", "aprove", "last").complaint.endswith("did you mean `marketeer plan approve`?")
