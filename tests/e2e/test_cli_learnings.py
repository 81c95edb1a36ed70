"""`marketeer learnings`, as users meet it."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Cli

HERE = ("--workspace", "w")


@pytest.fixture
def told(cli: Cli) -> str:
    """A workspace in which a person has told cold-email something; the learning's id."""
    assert cli("init", "--example", *HERE).code == 0
    added = cli(*_added("Keep cold mails under 90 words"), "--tags", "mail, length", "--json")
    assert added.code == 0, added.err
    return str(added.document["learning_id"])


def _added(action: str) -> tuple[str, ...]:
    return ("learnings", "add", "Founders skip long mails", "--action", action, "--skill", "cold-email", *HERE)


def test_what_is_told_is_listed_shown_and_lies_in_the_page(cli: Cli, told: str) -> None:
    (listed,) = cli("learnings", "--json", *HERE).document["learnings"]
    assert listed == cli("learnings", "show", told[:6], "--json", *HERE).document
    assert (listed["agent"], listed["status"], listed["tags"]) == ("cold-email", "probation", ["mail", "length"])
    assert (listed["with"], listed["effect"]) == ({"tasks": 0, "mean_score": None}, None)
    assert "withheld from 50%" in cli("learnings", "show", told, *HERE).out
    assert f"## {told}" in (cli.folder / "w" / "memory" / "learnings.md").read_text(encoding="utf-8")


def test_near_duplicates_and_contradictions_are_said(cli: Cli, told: str) -> None:
    again = cli(*_added("Keep the cold mails under 90 words!"))
    assert f"{told} says nearly the same" in again.out
    against = cli(*_added("Avoid keeping cold mails under 90 words"))
    assert f"contradicts {told}" in against.err
    stats = cli("learnings", "stats", "--json", *HERE).document
    assert (stats["counts"], stats["contradictions"]) == ({"probation": 2, "promoted": 0, "retired": 0}, 2)
    assert cli("learnings", "retire", told, *HERE).code == 0
    (left,) = cli("learnings", "--json", *HERE).document["learnings"]
    assert left["contradicts"] == [], "what is retired contradicts nobody"
    assert "Contradicts:" not in (cli.folder / "w/memory/learnings.md").read_text("utf-8")


def test_a_retired_one_is_told_to_nobody_and_stays_on_record(cli: Cli, told: str) -> None:
    assert cli("learnings", "retire", told, "--note", "no longer true", *HERE).code == 0
    assert cli("learnings", "list", "--json", *HERE).document["learnings"] == []
    (gone,) = cli("learnings", "list", "--all", "--json", *HERE).document["learnings"]
    assert gone["retired_because"].endswith("no longer true")
    assert "retired already" in cli("learnings", "retire", told, *HERE).complaint
    assert cli("journal", "verify", *HERE).code == 0


def test_an_edit_of_the_page_is_read_by_the_next_command_and_what_is_wrong_in_it_named(cli: Cli, told: str) -> None:
    page = cli.folder / "w" / "memory" / "learnings.md"
    text = page.read_text(encoding="utf-8").replace("Confidence:** 0.50", "Confidence:** 0.9")
    page.write_text(text + "\n## Mine\n\n- **Learning:** x\n- **Confidence:** high\n", encoding="utf-8")
    line = page.read_text(encoding="utf-8").splitlines().index("- **Confidence:** high") + 1
    shown = cli("learnings", "show", told, "--json", *HERE)
    assert shown.document["confidence"] == 0.9
    assert f"memory/learnings.md:{line}: Confidence 'high' is no number" in shown.err
    assert "- **Confidence:** high" in page.read_text(encoding="utf-8")
    assert cli("learnings", *HERE).err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nothing"), "no learning 'nothing'"),
        (("add", "x", "--action", "y", "--skill", "seo"), "no skill 'seo'"),
        (("add", "x", "--action", "y", "--category", "sales"), "no category 'sales'"),
        (("add", "x", "--action", " "), "--action has 0 characters"),
        (("add", "x", "--action", "y", "--confidence", "2"), "from 0 to 1"),
        (("list", "--skill", "seo"), "no skill 'seo'"),
        (("lst",), "did you mean"),
    ],
)
def test_wrong_input_is_one_line_with_the_remedy(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    assert cli("learnings", "add", "x", "--action", "y", *HERE).code == 0
    refused = cli("learnings", *arguments, *HERE)
    assert (refused.code, said in refused.complaint) == (2, True), refused.err


def test_before_anything_was_learned_there_is_nothing_to_show(cli: Cli) -> None:
    assert "Nothing learned yet" in cli("learnings", *HERE).out
    assert cli("learnings", "stats", "--json", *HERE).document["learnings"] == []
    assert not (cli.folder / "w").exists()


def test_rehearsals_are_listed_apart(cli: Cli, told: str) -> None:
    assert cli("start", "Write three posts", "--rehearse", *HERE).code == 0
    (rehearsed,) = cli("learnings", "list", "--rehearsal", "--json", *HERE).document["learnings"]
    assert rehearsed["rehearsal"] is True
    assert [one["learning_id"] for one in cli("learnings", "--json", *HERE).document["learnings"]] == [told]
