"""`marketeer skills`: reading about specialists, adding one without code, and being told what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Inside

NAME = "podcast-notes"
GOAL = "Write podcast notes for episode 12"


@pytest.fixture
def folder(inside: Inside) -> Path:
    """A new skill of the user's."""
    inside("init", "--example")
    assert inside("skills", "new", NAME).code == 0
    return inside.folder / "workspace" / "team" / "skills" / NAME


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_bare_skills_lists_them_and_show_tells_of_one(inside: Inside) -> None:
    assert inside("skills").out == inside("skills", "list").out
    shown = inside("skills", "show", "copywriting")
    assert (shown.code, "Page Copy" in shown.out, "copy-editing" in shown.out) == (0, True, True)
    document = inside("skills", "show", "copywriting", "--json").document
    assert (document["squad"], document["own"], "Claim Ledger" in document["sections"]) == ("creative", False, True)
    assert 0 < document["prompt_tokens"] < 9_000
    assert "## Claim Ledger" in inside("skills", "show", "copywriting", "--template").out


def test_show_leaves_out_a_broken_skill_of_the_users_and_says_so(inside: Inside, folder: Path) -> None:
    change(folder / "contract.yaml", "squad: ", "squad: nobody-")
    shown = inside("skills", "show", "copywriting")
    assert (shown.code, "Page Copy" in shown.out) == (0, True)
    assert len(shown.err.splitlines()) == 1
    assert "left out: " in shown.err
    assert NAME in shown.err
    broken = inside("skills", "show", NAME)
    assert (broken.code, "contract.yaml" in broken.complaint) == (2, True)


def test_mistyped_words_are_answered_with_the_nearest(inside: Inside) -> None:
    for arguments, nearest in (
        (("skills", "vlidate"), "`marketeer skills validate`"),
        (("skills", "show", "copywritting"), "'copywriting'"),
        (("skills", "new", "Podcast Notes"), "'podcast-notes'"),
        (("skills", "new", NAME, "--squad", "creativ"), "'creative'"),
        (("skills", "--json", "list"), "behind the command"),
        (("skills", "show", "--jsn"), "`marketeer skills show --help`"),
    ):
        result = inside(*arguments)
        assert (result.code, nearest in result.complaint) == (2, True), result.err


def test_a_new_skill_is_right_at_once_and_its_name_is_taken_then(inside: Inside, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["SKILL.md", "contract.yaml"]
    result = inside("skills", "validate", "workspace")
    assert (result.code, result.err) == (0, "")
    assert "1 skill checked: all right." in result.out
    again = inside("skills", "new", NAME)
    assert (again.code, "already" in again.complaint) == (2, True)


def test_a_users_skill_is_planned_worked_on_and_listed_without_code(inside: Inside, folder: Path) -> None:
    change(folder / "contract.yaml", "downstream: []", "downstream: [copy-editing]")
    change(folder / "contract.yaml", 'cues: ["podcast notes"]', 'cues: ["podcast*", "show notes"]')
    document = inside("start", "Write and edit the show notes of our podcast", "--rehearse", "--json").document
    tasks = {task["skill"]: task for phase in document["phases"] for task in phase["tasks"]}
    assert document["status"] == "completed"
    assert (tasks[NAME]["squad"], tasks[NAME]["verdict"]) == ("creative", "approved")
    assert tasks["copy-editing"]["depends_on"] == [tasks[NAME]["task_id"]]
    output = (inside.folder / "workspace" / tasks[NAME]["output_path"]).read_text("utf-8")
    assert "## Decision" in output
    listed = {row["name"]: row for row in inside("skills", "list", "--json").document["skills"]}
    assert (listed[NAME]["own"], listed["copywriting"]["own"]) == (True, False)
    page = inside("skills", "list", "--markdown").out
    assert re.search(rf"^\| \*\*{NAME}\*\* \(yours\) \| creative \| .* \| copy-editing \|$", page, re.MULTILINE)


def test_without_its_cue_in_the_goal_a_users_skill_stays_out(inside: Inside, folder: Path) -> None:
    plan = inside("start", "Write a landing page for roofers", "--dry-run", "--json").document
    assert NAME not in {task["skill"] for phase in plan["phases"] for task in phase["tasks"]}


def test_other_skills_may_hand_over_to_a_users_skill(inside: Inside, folder: Path) -> None:
    """The registry that outputs are held against has its name."""
    example = folder / "examples" / "episode.md"
    example.parent.mkdir()
    rehearsed = inside("start", GOAL, "--rehearse", "--json").document
    path = next(t["output_path"] for phase in rehearsed["phases"] for t in phase["tasks"] if t["skill"] == NAME)
    text = (inside.folder / "workspace" / path).read_text("utf-8")
    handoff = "| To | Uses | Section |\n|---|---|---|\n"
    assert handoff in text
    for to, code in ((NAME, 0), ("podcast-note", 2)):
        example.write_text(text.replace(handoff, f"{handoff}| {to} | the notes | Draft |\n"), "utf-8")
        result = inside("skills", "validate", str(folder))
        assert result.code == code, result.out
    assert re.search(r"examples/episode\.md:\d+: in `## Handoff`: .*'podcast-note'", result.out)


def test_mistakes_are_told_all_at_once_with_file_line_and_remedy(inside: Inside, folder: Path) -> None:
    contract, skill = folder / "contract.yaml", folder / "SKILL.md"
    change(contract, "tier: sonnet ", "tier: sonett ")
    change(contract, "upstream: [product-marketing-context]", "upstream: [copywritting]")
    change(contract, "needs: [Personas", "needs: [Persona")
    change(skill, "## How you work", "Read [the limits](references/limits.md) first.\n\n## How you work")
    lines = contract.read_text("utf-8").splitlines()
    at = {word: next(n for n, line in enumerate(lines, 1) if word in line) for word in ("sonett", "copywritting")}
    result = inside("skills", "validate")
    assert result.code == 2
    assert f"contract.yaml:{at['sonett']}: tier is 'sonett'; it must be 'opus', 'sonnet' or 'haiku'" in result.out
    assert re.search(r"SKILL\.md:\d+: there is no file 'references/limits\.md'", result.out)
    change(contract, "tier: sonett ", "tier: sonnet ")
    result = inside("skills", "validate", "--json")
    found = {problem["problem"]: problem for problem in result.document["problems"]}
    unknown = found["no skill 'copywritting' for upstream; did you mean 'copywriting'?"]
    assert (unknown["line"], unknown["file"]) == (at["copywritting"], f"workspace/team/skills/{NAME}/contract.yaml")
    assert any("no section 'Persona' in the product context; did you mean 'Personas'?" in what for what in found)
    assert result.document["ok"] is False


def test_a_circle_of_handoffs_is_named_in_the_users_file(inside: Inside, folder: Path) -> None:
    change(folder / "contract.yaml", "upstream: [product-marketing-context]", "upstream: [copywriting]")
    change(folder / "contract.yaml", "downstream: []", "downstream: [content-strategy]")
    result = inside("skills", "validate")
    assert result.code == 2
    assert re.search(rf"team/skills/{NAME}/contract\.yaml:\d+: the handoffs go in a circle: .*{NAME}", result.out)


def test_a_template_out_of_step_is_reported_and_fixed(inside: Inside, folder: Path) -> None:
    change(folder / "contract.yaml", "- heading: Draft", "- heading: Show Notes")
    stale = inside("skills", "validate", str(folder))
    assert (stale.code, "--fix" in stale.out, "1 thing to mend" in stale.out) == (2, True, True)
    fixed = inside("skills", "validate", str(folder), "--fix")
    assert (fixed.code, "renewed" in fixed.out) == (0, True)
    assert "## Show Notes" in (folder / "SKILL.md").read_text("utf-8")


def test_a_folder_without_skills_is_refused(inside: Inside) -> None:
    for path in (".", "nowhere"):
        result = inside("skills", "validate", path)
        assert (result.code, repr(path) in result.complaint) == (2, True)
