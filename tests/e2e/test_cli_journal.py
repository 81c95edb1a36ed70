"""`marketeer journal`: who did what and why, from then on, of one goal, and as it happens."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import marketeer
from marketeer.cli.journal import moment
from marketeer.domain.errors import UsageError
from marketeer.engine.library import Library
from tests.e2e.conftest import Cli, wait_for_line
from tests.e2e.harness import end_of
from tests.integration import desk
from tests.support.waiting import LIMIT_S

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=1)))


async def rehearsed(cli: Cli) -> str:
    desk.add_small_plans(cli.folder / "workspace")
    result = await marketeer.run_goal(None, pipeline=desk.SOLO, workspace=cli.folder / "workspace", rehearse=True)
    return result.goal_id


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("30m", NOON - timedelta(minutes=30)),
        ("12 h", NOON - timedelta(hours=12)),
        ("7d", NOON - timedelta(days=7)),
        ("2W", NOON - timedelta(days=14)),
        ("2026-11-20", NOON.replace(day=20, hour=0)),
        ("2026-11-22T08:15", NOON.replace(hour=8, minute=15)),
        ("2026-11-22T08:15Z", datetime(2026, 11, 22, 8, 15, tzinfo=UTC)),
    ],
)
def test_since_takes_an_age_or_a_date_in_the_users_zone(words: str, at: datetime) -> None:
    assert moment(words, NOON) == at


@pytest.mark.parametrize("words", ["", "yesterday", "7", "7y", "-1d", "2026-13-01", "999999w", "١d"])
def test_what_is_no_moment_is_refused_with_examples(words: str) -> None:
    with pytest.raises(UsageError, match="is no moment; give 30m"):
        moment(words, NOON)


async def test_the_journal_tells_who_did_what_and_why_of_one_goal_or_all(cli: Cli) -> None:
    first, second = await rehearsed(cli), await rehearsed(cli)
    document = cli("journal", "--json", "--all").document
    assert {entry["goal_id"] for entry in document["entries"]} == {first, second}
    assert all(entry["who"] for entry in document["entries"])
    of_one = cli("journal", "--goal", first, "--json").document["entries"]
    assert of_one == [entry for entry in document["entries"] if entry["goal_id"] == first]
    assert [entry["what"] for entry in of_one][-1] == "goal_completed"
    lines = cli("journal", "--goal", first).out.splitlines()
    assert len(lines) == len(of_one)
    assert all(entry["what"] in line for entry, line in zip(of_one, lines, strict=True))
    assert cli("journal", "--goal", first, "--since", of_one[-1]["at"], "--json").document["entries"][-1] == of_one[-1]
    assert cli("journal", "--since", "2099-01-01", "--json").document == {"entries": []}


async def test_what_belongs_to_no_goal_is_read_and_verified_by_the_name_of_its_journal(cli: Cli) -> None:
    goal_id = await rehearsed(cli)
    cli("budget", "raise", "5")
    cli("pause", "--all")
    told = {name: cli("journal", "--goal", name, "--json").document["entries"] for name in ("budget", "workspace")}
    assert [entry["what"] for entry in told["budget"]] == ["budget_set", "budget_raised"]
    assert [entry["what"] for entry in told["workspace"]][-1] == "everything_paused"
    for name in told:
        assert {entry["goal_id"] for entry in told[name]} == {name}
        assert cli("journal", "verify", name).code == 0
    assert cli("journal", "--goal", goal_id.rsplit("-", 1)[-1], "--json").document["entries"]


async def test_without_a_workspace_or_with_a_wrong_moment_it_says_what_to_do(cli: Cli) -> None:
    assert "marketeer start" in cli("journal").complaint
    await rehearsed(cli)
    result = cli("journal", "--since", "soon")
    assert (result.code, "2w" in result.complaint) == (2, True)


async def test_following_shows_what_another_process_does_until_ctrl_c(cli: Cli) -> None:
    await rehearsed(cli)
    with cli.running("journal", "--follow", "--json", "--since", "2099-01-01") as silent:
        with cli.running("journal", "--follow", "--json") as process:
            wait_for_line(process, "goal_completed")
            goal_id = await rehearsed(cli)
            entry = json.loads(wait_for_line(process, "goal_completed"))
            assert entry["goal_id"] == goal_id
            process.send_signal(signal.SIGINT)
            _, _, err = end_of(process)
            assert (process.returncode, err) == (130, "")
        silent.send_signal(signal.SIGINT)
        assert end_of(silent)[1:] == ("", "")


async def test_following_ends_when_its_reader_goes(cli: Cli, tmp_path: Path) -> None:
    await rehearsed(cli)
    with cli.running("journal", "--follow") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        await rehearsed(cli)
        process.wait(timeout=LIMIT_S)


async def test_a_humans_edit_stands_in_the_journal_of_its_goal_or_of_the_workspace(tmp_path: Path) -> None:
    async with desk.an_office(tmp_path, desk.Clerk()) as office:
        goal = await desk.finish(office)
        (task,) = await office.store.tasks(goal.goal_id)
        assert task.output_path is not None
        (office.workspace.root / task.output_path).write_text("# Better\n", encoding="utf-8")
        await Library(office.store, office.workspace, office.clock).refresh(task.output_path)
        told = [e for e in await office.store.journal(limit=10_000) if e.what == "document_edited"]
        assert [(entry.goal_id, entry.task_id, entry.who) for entry in told] == [
            ("workspace", None, "a human"),
            (goal.goal_id, task.task_id, "a human"),
        ]
        assert told[-1].data == {"path": task.output_path, "version": 2}
        for goal_id in await office.store.journals():
            _, flaws = await office.store.examine_journal(goal_id)
            assert flaws == []
