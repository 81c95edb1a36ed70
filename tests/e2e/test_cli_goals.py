"""Goals from one sentence to deliverables, as separate processes see them."""

from __future__ import annotations

import pytest

from marketeer.adapters.team_files import load_team
from tests.e2e.conftest import GOAL, Cli

FIELDS = {
    "goal_id", "description", "status", "category", "pipeline", "priority", "rehearsal", "phases", "tasks_completed",
    "tasks_failed", "calls", "input_tokens", "output_tokens", "cost_usd", "duration_s", "report_path", "error",
    "created_at", "finished_at", "continues_when",
}  # fmt: skip
TASK_FIELDS = {
    "task_id", "skill", "squad", "status", "revision", "attempts", "depends_on", "output_path", "cost_usd", "verdict",
    "reason", "supersedes", "superseded_by",
}  # fmt: skip
PIPELINES = [pipeline.name for pipeline in load_team(None).pipelines()]
NEEDS_APPROVAL = "Outreach Campaign"


def test_a_first_goal_in_an_empty_folder_completes_and_says_where_everything_is(cli: Cli) -> None:
    result = cli("start", GOAL, "--rehearse")
    assert result.code == 0
    assert result.err == ""
    for part in ("made a workspace", "Made:", "Before you publish:", "nothing was spent", "report.md"):
        assert part in result.out
    paths = [word for word in result.out.split() if word.endswith(".md")]
    assert len(paths) > 3
    assert all((cli.folder / path).is_file() for path in paths)


def test_json_is_one_document_with_exactly_these_fields_and_show_prints_it_again(cli: Cli) -> None:
    result = cli("start", GOAL, "--rehearse", "--json", "--priority", "p2", "--category", "Optimization")
    document = result.document
    assert result.code == 0
    assert set(document) == FIELDS
    assert {field for phase in document["phases"] for task in phase["tasks"] for field in task} == TASK_FIELDS
    assert (document["status"], document["priority"], document["category"]) == ("completed", "P2", "optimization")
    assert (cli.folder / "workspace" / document["report_path"]).is_file()
    shown = cli("show", document["goal_id"][-8:], "--json").document
    assert shown == document
    assert cli("show", "last", "--json").document == document


def test_a_dry_run_shows_the_plan_and_its_price_and_writes_nothing(cli: Cli) -> None:
    result = cli("start", GOAL, "--dry-run", "--json")
    document = result.document
    assert result.code == 0
    assert set(document) >= FIELDS
    assert (document["goal_id"], document["status"], document["calls"]) == (None, "planned", 0)
    assert 0 < document["cost_low_usd"] < document["cost_expected_usd"] < document["cost_high_usd"]
    assert "Nothing was called" in cli("start", GOAL, "--dry-run").out
    assert cli.files == []


@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_runs_by_name_alone(cli: Cli, name: str) -> None:
    result = cli("start", "--rehearse", "--json", "--pipeline", name.upper())
    assert result.document["description"] == f"Run {name}"
    assert result.document["pipeline"] == name
    expected = (4, "blocked") if name == NEEDS_APPROVAL else (0, "completed")
    assert (result.code, result.document["status"]) == expected


def test_a_gate_waits_for_its_answer_and_then_the_goal_completes(cli: Cli) -> None:
    blocked = cli("start", "--rehearse", "--pipeline", NEEDS_APPROVAL)
    (question,) = cli("approvals", "--json").document["approvals"]
    assert blocked.code == 4
    assert f"marketeer approve {question['approval_id']}" in blocked.out
    answer = cli("approve", question["approval_id"], "--note", "own customers only")
    assert answer.code == 0
    assert f"now run: marketeer resume {question['goal_id']}" in answer.out
    assert cli("resume", question["goal_id"]).code == 0
    again = cli("approve", question["approval_id"])
    assert (again.code, "not waiting" in again.complaint) == (2, True)


def test_a_rejected_gate_cancels_the_goal(cli: Cli) -> None:
    cli("start", "--rehearse", "--pipeline", NEEDS_APPROVAL)
    (question,) = cli("status", "--json").document["approvals"]
    rejected = cli("reject", question["approval_id"], "--json")
    assert (rejected.code, rejected.document["status"]) == (0, "cancelled")
    assert cli("resume", "last").code == 1


@pytest.mark.parametrize(
    "goal", ["サインアップを20%増やす", "🚀 Launch 🎉", 'Two lines:\nsecond, with "quotes" and \\']
)
def test_any_language_emoji_and_several_lines_survive_every_round_trip(cli: Cli, goal: str) -> None:
    document = cli("start", goal, "--rehearse", "--json").document
    assert document["status"] == "completed"
    assert document["description"] == goal
    assert cli("show", "last", "--json").document["description"] == goal
    assert cli("status", "--json").document["goals"][0]["description"] == goal


def test_a_goal_that_begins_with_a_dash_goes_behind_two_dashes(cli: Cli) -> None:
    assert cli("start", "--dry-run", "--json", "--", "-5% churn, please").document["description"] == "-5% churn, please"


def test_inputs_are_kept_under_names_that_tell_them_apart(cli: Cli) -> None:
    for folder in ("a", "b"):
        (cli.folder / folder).mkdir()
        (cli.folder / folder / "my notes.txt").write_text(f"\ufeffNotes of {folder}: 41% of visitors leave.", "utf-8")
    inputs = ("--input", "a/my notes.txt", "--input", "b/my notes.txt", "--input", "a/my notes.txt")
    assert cli("start", GOAL, "--rehearse", *inputs).code == 0
    kept = cli.folder / "workspace" / "rehearsal" / "inputs"
    assert sorted(path.name for path in kept.iterdir()) == ["my-notes-2.txt", "my-notes.txt"]
    assert (kept / "my-notes.txt").read_text("utf-8").startswith("Notes of a")


def test_redo_makes_a_new_task_that_supersedes_the_old_and_resume_does_it(cli: Cli) -> None:
    before = cli("start", "--rehearse", "--json", "--pipeline", "Social Content").document
    task_id = before["phases"][-1]["tasks"][0]["task_id"]
    asked = cli("redo", task_id, "--note", "shorter, please", "--json")
    assert (asked.code, asked.document["status"]) == (0, "running")
    assert "marketeer resume" in asked.complaint
    after = cli("resume", before["goal_id"], "--json")
    tasks = {task["task_id"]: task for phase in after.document["phases"] for task in phase["tasks"]}
    replacement = tasks[tasks[task_id]["superseded_by"]]
    assert (after.code, after.document["status"]) == (0, "completed")
    assert (replacement["supersedes"], replacement["status"]) == (task_id, "approved")


def test_resume_with_nothing_to_do_says_so(cli: Cli) -> None:
    cli("init")
    cli("start", "--rehearse", "--pipeline", "Social Content")
    result = cli("resume")
    assert (result.code, result.out) == (0, "nothing to resume: every goal is finished\n")


def test_pause_holds_a_goal_and_unpause_lets_it_go_on(cli: Cli) -> None:
    cli("start", "--rehearse", "--pipeline", NEEDS_APPROVAL)
    assert cli("pause", "last", "--json").document["status"] == "paused"
    resumed = cli("resume", "last")
    assert resumed.code == 4
    assert "marketeer unpause" in resumed.out
    assert cli("unpause", "last", "--json").document["status"] == "blocked"
