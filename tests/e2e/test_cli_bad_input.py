"""Bad input: one line that says what and what to do, exit 2, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import GOAL, Cli, Inside

BAD_CALLS: dict[str, tuple[tuple[str | bytes, ...], str]] = {
    "no goal": (("start", "--rehearse"), "no goal"),
    "empty goal": (("start", "", "--rehearse"), "empty"),
    "blank goal": (("start", " \t ", "--rehearse"), "empty"),
    "goal that nobody sees": (("start", "\u200b\u2060", "--rehearse"), "empty"),
    "a hundred thousand characters": (("start", "a" * 100_000, "--rehearse"), "100000 characters"),
    "control characters": (("start", "ring\a", "--rehearse"), "control character"),
    "bytes that are no text": (("start", b"caf\xe9", "--rehearse"), "control character"),
    "two words without quotes": (("start", "Increase", "signups"), '"Increase signups"'),
    "unknown pipeline": (("start", GOAL, "--pipeline", "Content Prodution"), "did you mean 'Content Production'"),
    "unknown priority": (("start", GOAL, "--priority", "P9"), "P0, P1, P2, P3"),
    "unknown category": (("start", GOAL, "--category", "contnt"), "did you mean content?"),
    "budget that is no number": (("start", GOAL, "--budget", "lots"), "US dollars"),
    "negative budget": (("start", GOAL, "--budget", "-1"), "US dollars"),
    "budget that is not a number": (("start", GOAL, "--budget", "nan"), "US dollars"),
    "missing input": (("start", GOAL, "--input", "nowhere.txt"), "does not exist"),
    "folder as input": (("start", GOAL, "--input", "."), "is a folder"),
    "device as input": (("start", GOAL, "--input", "/dev/null"), "is a pipe or a device"),
    "workspace that is a file": (("start", GOAL, "--workspace", "/dev/null", "--rehearse"), "is a file"),
    "empty workspace": (("start", GOAL, "--workspace", "", "--rehearse"), "--workspace is empty"),
    "unknown option": (("start", GOAL, "--rehears"), "--rehearse"),
    "goal that looks like an option": (("start", "-5% churn"), "behind `--`"),
    "option without its value": (("start", GOAL, "--budget"), "requires an argument"),
    "unknown command": (("statsu",), "did you mean `marketeer status`"),
    "goal in place of a command": ((GOAL,), "marketeer start"),
    "no goal to show": (("show",), "'GOAL'"),
    "show where nothing is": (("show", "x"), "marketeer init"),
    "redo without a note": (("redo", "x"), "--note"),
    "revision without a word": (("revise", "x", "--note", "  "), "--note is empty"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_input_is_one_line_with_a_remedy_and_exit_2(cli: Cli, case: str) -> None:
    arguments, part = BAD_CALLS[case]
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.complaint.startswith("marketeer: ")
    assert part in result.complaint
    assert len(result.complaint) < 1_000
    assert cli.files == []


@pytest.mark.parametrize(
    ("variable", "value"), [("REDIS_PORT", "99999"), ("BUDGET_MONTHLY", "a lot"), ("MAX_PARALLEL_AGENTS", "0")]
)
def test_bad_settings_name_the_variable_and_the_value(cli: Cli, variable: str, value: str) -> None:
    result = cli("start", GOAL, "--rehearse", **{variable: value})
    assert result.code == 2
    assert f"{variable}={value!r}" in result.complaint
    assert cli.files == []


def test_without_a_key_both_remedies_are_named_and_nothing_is_rehearsed_silently(cli: Cli) -> None:
    result = cli("start", GOAL)
    assert (result.code, result.out) == (2, "")
    assert "ANTHROPIC_API_KEY" in result.complaint
    assert "--rehearse" in result.complaint
    assert cli.files == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("plan", "show", "x"), "no goal 'x'"),
        (("approve", "x"), "no approval 'x'"),
        (("failed", "retry", "x"), "no task 'x'"),
        (("learnings", "show", "x"), "no learning 'x'"),
        (("show", "last"), "there is no goal yet"),
    ],
)
def test_right_after_init_what_is_not_there_is_named(inside: Inside, words: tuple[str, ...], part: str) -> None:
    assert inside("init", "--no-input").code == 0
    result = inside(*words)
    assert (result.code, result.out) == (2, "")
    assert part in result.complaint
    assert inside("health").code == 0


def test_with_json_an_error_is_still_one_document(cli: Cli) -> None:
    result = cli("start", "", "--json")
    assert result.code == 2
    assert result.document["goal_id"] is None
    assert result.document["phases"] == []
    assert result.complaint == f"marketeer: {result.document['error']}"


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"\x00\x01", "UTF-8"), (b"caf\xe9", "UTF-8"), (b" \n", "empty"), (b"a" * 1_000_001, "larger")],
)
def test_an_input_that_is_no_text_of_reasonable_size_is_refused(cli: Cli, content: bytes, part: str) -> None:
    (cli.folder / "page.txt").write_bytes(content)
    result = cli("start", GOAL, "--rehearse", "--input", "page.txt")
    assert result.code == 2
    assert part in result.complaint
    assert cli.files == ["page.txt"]


def test_a_workspace_that_cannot_be_made_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = cli("start", GOAL, "--rehearse", "--workspace", str(tmp_path / "file" / "below"))
    assert result.code == 2
    assert "--workspace" in result.complaint
