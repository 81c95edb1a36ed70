"""`marketeer context`: what is in force, what is missing and whom it costs, and changing it without losing anything."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from marketeer.cli.interview import blank_context, without_help
from marketeer.runtime import load_workspace_team
from marketeer.settings import load_settings
from tests.e2e.conftest import Finished, Inside

PATH = "workspace/context/product-marketing-context.md"
GOAL = "Write one landing page"


@pytest.fixture
def known(inside: Inside) -> Inside:
    """A workspace with the example company's context."""
    inside("init", "--example")
    return inside


def text_of(inside: Inside) -> str:
    return (inside.folder / PATH).read_text("utf-8")


def edit(inside: Inside, old: str, new: str, *options: str) -> Finished:
    """Give the changed text with --file."""
    before = text_of(inside)
    assert old in before
    draft = inside.folder / "draft.md"
    draft.write_text(before.replace(old, new, 1), "utf-8")
    return inside("context", "edit", "--file", "draft.md", *options)


def versions(inside: Inside) -> list[tuple[int | None, str, bool]]:
    rows = inside("context", "history", "--json").document["versions"]
    return [(row["version"], row["who"], row["in_force"]) for row in rows]


def test_show_prints_the_text_alone_and_says_beside_it_which_version_it_is(known: Inside) -> None:
    result = known("context", "show")
    assert result.out == text_of(known)
    assert (result.code, "your edited file" in result.err) == (0, True)
    assert known("context").out == result.out
    assert known("context", "show", "--json").document["content"] == text_of(known)


def test_without_a_context_show_says_how_to_get_one(inside: Inside) -> None:
    result = inside("context", "show")
    assert (result.code, "context edit" in result.complaint) == (2, True)
    assert list(inside.folder.iterdir()) == []


def test_reading_commands_change_nothing(known: Inside) -> None:
    before = sorted(known.folder.rglob("*"))
    for name in ("show", "check", "history"):
        assert known("context", name).code == 0
    assert sorted(known.folder.rglob("*")) == before


def test_check_finds_nothing_in_the_example(known: Inside) -> None:
    document = known("context", "check", "--json").document
    assert (document["known"], document["findings"]) == (12, [])
    assert "12 of 12 sections are known." in known("context", "check").out


def test_check_names_what_is_open_and_who_has_to_do_without_it(known: Inside) -> None:
    text = text_of(known)
    personas = text[text.index("## Personas") : text.index("## Problems")]
    text = text.replace(personas, "").replace(
        "**Tone:** Plain, dry, on the contractor's side", "**Tone:** Unknown: ask Dana"
    )
    text = text.replace("**Push:**", "Unknown: never asked\n\n**Push:**").replace("| 2.9% |", "| Unknown |")
    (known.folder / PATH).write_text(text, "utf-8")
    document = known("context", "check", "--json").document
    sections = {row["heading"]: row for row in document["sections"]}
    assert {name: row["state"] for name, row in sections.items() if row["state"] != "known"} == {
        "Personas": "missing",
        "Switching Dynamics": "unknown",
        "Brand Voice": "thin",
        "Goals": "thin",
    }
    assert (sections["Brand Voice"]["open"], sections["Goals"]["open"]) == (["Tone"], ["Baseline"])
    assert "copywriting" in sections["Personas"]["read_by"]
    shown = known("context", "check")
    assert (shown.code, "8 of 12 sections are known." in shown.out) == (0, True)
    assert "Personas" in shown.out.partition("Who has to do without:")[2]


def test_every_edit_is_a_version_and_an_edited_file_becomes_one_first(known: Inside) -> None:
    first = text_of(known)
    assert edit(known, "38 minutes", "36 minutes").code == 0
    second = text_of(known)
    (known.folder / PATH).write_text(second.replace("4.7 from 38", "4.8 from 40"), "utf-8")
    assert versions(known) == [(1, "you", False), (2, "you", False), (None, "you", True)]
    assert edit(known, "Plain, dry", "Plain").code == 0
    assert versions(known) == [(1, "you", False), (2, "you", False), (3, "you", False), (4, "you", True)]
    assert (first != second, "4.8 from 40" in text_of(known)) == (True, True)
    diff = known("context", "history", "--diff", "3").out.splitlines()
    assert [line for line in diff if line.startswith("+|")] == [line for line in diff if "4.8 from 40" in line]
    unknown = known("context", "history", "--diff", "9")
    assert (unknown.code, "1, 2, 3, 4" in unknown.complaint) == (2, True)


def test_the_same_text_again_is_no_version(known: Inside) -> None:
    edit(known, "38 minutes", "36 minutes")
    result = known("context", "edit", "--file", PATH, "--json")
    assert (result.code, result.document["stored"]) == (0, False)
    assert len(versions(known)) == 2


def test_a_broken_text_is_refused_with_findings_kept_and_stored_only_by_force(
    known: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = text_of(known)
    broken = before.replace("## Personas", "## Persona list")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(broken.encode())))
    result = known("context", "edit", "--file", "-")
    assert (result.code, text_of(known)) == (2, before)
    assert "the section `## Personas` is missing" in result.err
    draft = known.folder / "workspace/context/product-marketing-context.draft.md"
    assert draft.read_text("utf-8") == broken
    forced = known("context", "edit", "--file", str(draft), "--force")
    assert (forced.code, text_of(known)) == (0, broken)
    assert stored(known) == [before, broken]


def stored(inside: Inside) -> list[str]:
    """What each version says, put together from the differences."""
    said: list[str] = []
    for row in inside("context", "history", "--json").document["versions"]:
        diff = inside("context", "history", "--diff", str(row["version"]), "--json").document["diff"]
        said.append(_applied(said[-1] if said else "", diff))
    return said


def _applied(before: str, diff: list[str]) -> str:
    """A unified diff applied, as `patch` would."""
    old, new, at = before.splitlines(), list[str](), 0
    for line in diff[2:]:
        if line.startswith("@@"):
            start = max(0, int(line.split()[1].lstrip("-").split(",")[0]) - 1)
            new += old[at:start]
            at = start
        elif line.startswith("-"):
            at += 1
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            new.append(old[at])
            at += 1
    return "\n".join([*new, *old[at:]]) + "\n"


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xff\xfe", b"# A\0B"])
def test_what_is_no_text_is_refused_even_by_force(known: Inside, content: bytes) -> None:
    (known.folder / "bad.md").write_bytes(content)
    result = known("context", "edit", "--file", "bad.md", "--force")
    assert (result.code, "'bad.md'" in result.complaint) == (2, True)


def test_without_a_terminal_edit_asks_for_a_file(known: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    result = known("context", "edit")
    assert (result.code, "--file" in result.complaint) == (2, True)


def test_the_text_a_goal_works_from_is_the_one_in_force(known: Inside) -> None:
    edit(known, "Fieldnod", "Fieldnot")
    document = known("start", GOAL, "--rehearse", "--json").document
    assert document["status"] == "completed"
    assert [who for _, who, _ in versions(known)] == ["you", "you"]
    assert "Fieldnot" in known("context", "show").out


def test_the_blank_form_of_the_editor_is_an_honest_context(inside: Inside) -> None:
    """Not telling is allowed: the form without its help passes the contract as it is."""
    contract = load_workspace_team(load_settings()).skill("product-marketing-context").contract
    Path("blank.md").write_text(without_help(blank_context(contract)), "utf-8")
    result = inside("context", "edit", "--file", "blank.md", "--json")
    assert (result.code, result.document["findings"]) == (0, [])
