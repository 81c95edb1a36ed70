"""What failed for good stays to be looked at, done over, or put away."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.conftest import Cli
from tests.e2e.harness import fake_claude

PIPELINE = ("--pipeline", "SEO Audit Cycle")


def test_a_failed_task_is_listed_with_its_error_done_over_with_what_it_took_down_or_put_away(
    cli: Cli, tmp_path: Path
) -> None:
    script = tmp_path / "script.json"
    # The first call makes the product context; the second is refused.
    script.write_text(json.dumps({"by_number": {"2": {"kind": "refuse"}}}))
    with fake_claude(tmp_path, "--script", str(script)) as server:
        cli.variables |= {"ANTHROPIC_API_KEY": "sk-ant-test-key", "ANTHROPIC_BASE_URL": server.url}
        goal = cli("start", *PIPELINE, "--json")
        assert (goal.code, goal.document["status"]) == (1, "failed")
        (listed,) = cli("failed", "--json").document["failed"]
        task_id = listed["task_id"]
        assert (listed["goal_id"], listed["attempts"]) == (goal.document["goal_id"], 1)
        assert task_id in cli("failed", "list").out
        shown = cli("failed", "show", task_id, "--json").document
        assert shown["cancelled"], "what needed it was cancelled"
        assert [call["stop_reason"] for call in shown["calls"]] == ["refusal"]
        assert "task_failed" in [entry["what"] for entry in shown["history"]]
        assert f"failed retry {task_id}" in cli("failed", "show", task_id).out

        again = cli("failed", "retry", task_id, "--json")
        assert (again.code, again.document["status"]) == (0, "running")
        cli("resume", goal.document["goal_id"])
        assert cli("failed", "--json").document == {"failed": []}
        tasks = [t for phase in cli("show", "last", "--json").document["phases"] for t in phase["tasks"]]
        done_over = {task["supersedes"] for task in tasks if task["supersedes"]}
        assert done_over == {task_id, *shown["cancelled"]}
        (new,) = (task for task in tasks if task["supersedes"] == task_id)
        assert new["status"] == "approved"


def test_what_is_put_away_is_listed_no_more_and_the_journal_says_who_did_it(cli: Cli, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"by_number": {"2": {"kind": "refuse"}}}))
    with fake_claude(tmp_path, "--script", str(script)) as server:
        cli.variables |= {"ANTHROPIC_API_KEY": "sk-ant-test-key", "ANTHROPIC_BASE_URL": server.url}
        assert cli("start", *PIPELINE).code == 1
    (listed,) = cli("failed", "--json").document["failed"]
    assert cli("failed", "discard", listed["task_id"], "--note", "no longer needed").code == 0
    assert cli("failed", "--json").document == {"failed": []}
    assert "no longer needed" in cli("journal", "--goal", "last").out
    approved = next(
        t["task_id"]
        for phase in cli("show", "last", "--json").document["phases"]
        for t in phase["tasks"]
        if t["status"] == "approved"
    )
    for words in ("show", "retry", "discard"):
        refused = cli("failed", words, approved)
        assert (refused.code, "not failed" in refused.complaint) == (2, True)
