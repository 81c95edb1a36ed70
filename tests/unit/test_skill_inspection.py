"""What `skills validate` finds in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketeer.adapters.team_files import BUILT_IN, FileTeam, make_skill, renew_template
from marketeer.adapters.team_files.inspection import MAX_LINES, MAX_TOKENS, inspect_skills
from marketeer.cli.team_page import EXAMPLE_CONTEXT
from marketeer.domain.skill_text import BEGIN

NAME = "podcast-notes"
SQUADS = ("strategy", "creative", "convert", "activate", "measure")
CONTEXT = EXAMPLE_CONTEXT.read_text("utf-8")
EXAMPLE = """\
# Notes for episode 12

## Summary
Fieldnod gets show notes for episode 12 that send {persona} to the free plan. The notes follow the talk from the
disputed extra to the approval on the phone, because that is the story field leads retell, and they close with the one
thing a listener can do today, which is to start free.

## Decision
**For:** {persona}
**Outcome:** Listeners open the free plan instead of looking for a demo.

## Draft
{draft}

## Checks
- Read it aloud beside the recording
- Follow every link once
- Ask Luis whether it sounds like a site

## Assumptions
None

## Handoff
| To | Uses | Section |
|---|---|---|
| human | the notes | Draft |
"""
DRAFT = (
    "Dana tells how a verbal yes was denied weeks later, and how Fieldnod ended that. Luis used to write extras on "
    "plywood; JobAnvil asked his clients for a login, and Fieldnod does not. "
) * 5


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A new skill's folder, right as it is."""
    (tmp_path / "skills").mkdir()
    return make_skill(tmp_path / "skills", NAME, squad="creative", squads=SQUADS, taken=()).path


def problems(own: Path, *, context: str = CONTEXT) -> list[str]:
    team = FileTeam(built_in=BUILT_IN, workspace=own.parent.parent)
    return [str(problem) for problem in inspect_skills(team, [NAME], context=context).problems]


def put(own: Path, path: str, text: str) -> None:
    (own / path).parent.mkdir(parents=True, exist_ok=True)
    (own / path).write_text(text, "utf-8")


def write(own: Path, line: str) -> None:
    """A line of instructions, in front of the template."""
    file = own / "SKILL.md"
    file.write_text(file.read_text("utf-8").replace(BEGIN, f"{line}\n\n{BEGIN}"), "utf-8")


def test_a_new_skill_has_nothing_to_mend(own: Path) -> None:
    assert problems(own) == []


def test_a_reference_must_be_mentioned_and_what_is_mentioned_must_exist(own: Path) -> None:
    put(own, "references/limits.md", "Read for limits.\n")
    (problem,) = problems(own)
    assert problem.startswith(f"team/skills/{NAME}/SKILL.md: references/limits.md is not linked; mention")
    write(own, "Read [the limits](references/limit.md) and `references/limits.md`.")
    (problem,) = problems(own)
    assert problem.endswith("there is no file 'references/limit.md'; did you mean 'references/limits.md'?")
    assert problem.startswith(f"team/skills/{NAME}/SKILL.md:")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("See references/more/deep.md.", "'references/more/deep.md' lies deeper than one level"),
        ("See [theirs](../copywriting/SKILL.md).", "'../copywriting/SKILL.md' leads out of the skill's folder"),
    ],
)
def test_links_lead_one_level_down_and_nowhere_else(own: Path, line: str, expected: str) -> None:
    write(own, line)
    (problem,) = problems(own)
    assert expected in problem


def test_a_reference_leads_no_further_and_is_a_page(own: Path) -> None:
    write(own, "See `references/a.md`.")
    put(own, "references/a.md", "Now read [the next](b.md).\n")
    put(own, "references/table.csv", "1,2\n")
    told = "\n".join(problems(own))
    assert f"team/skills/{NAME}/references/a.md:1: links on to 'b.md'" in told
    assert "references/table.csv: is no Markdown file, and nothing reads it" in told


def test_instructions_that_are_too_long_say_by_how_much(own: Path) -> None:
    write(own, "word\n" * MAX_LINES)
    assert any(f"keep it under {MAX_LINES}" in problem for problem in problems(own))
    write(own, "word " * MAX_TOKENS)
    assert any(f"keep it under {MAX_TOKENS:,}" in problem for problem in problems(own))


def test_every_mistake_of_a_contract_is_told_once(own: Path) -> None:
    contract = own / "contract.yaml"
    wrong = (
        contract.read_text("utf-8").replace("tier: sonnet", "tier: sonett").replace("timeout_s: 300", "timeout: 300")
    )
    contract.write_text(wrong.replace("min_items: 3", "min_item: 3"), "utf-8")
    found = problems(own)
    assert [problem.partition("contract.yaml:")[2].partition(";")[0].partition(": ")[2] for problem in found] == [
        "tier is 'sonett'",
        "unknown key 'timeout'",
        "unknown key 'min_item' in list",
    ]


def test_every_reference_that_leads_nowhere_is_told(own: Path) -> None:
    contract = own / "contract.yaml"
    wrong = contract.read_text("utf-8").replace("ref: context.personas", 'ref: "table:Draft.ID"')
    contract.write_text(wrong.replace("max_chars: 200", 'ref: "table:Decision.ID"'), "utf-8")
    assert len(problems(own)) == 2


def test_an_example_is_held_against_the_contract_and_the_workspaces_context(own: Path) -> None:
    put(own, "examples/episode.md", EXAMPLE.format(persona="Dana, owner", draft=DRAFT))
    assert problems(own) == []
    put(own, "examples/episode.md", EXAMPLE.format(persona="Zoe, astronaut", draft=DRAFT))
    found = problems(own)
    assert any("examples/episode.md" in problem and "Zoe" in problem and "Dana" in problem for problem in found)
    put(own, "examples/episode.md", EXAMPLE.format(persona="Dana, owner", draft=DRAFT).replace("## Checks", "## Cheks"))
    assert any("the section `## Checks` is missing" in problem for problem in problems(own))


def test_without_a_context_only_the_examples_form_is_checked(own: Path) -> None:
    put(own, "examples/episode.md", EXAMPLE.format(persona="Zoe, astronaut", draft=DRAFT))
    assert problems(own, context="") == []


def test_renewing_the_template_leaves_the_rest_alone(own: Path) -> None:
    team = FileTeam(built_in=BUILT_IN, workspace=own.parent.parent)
    write(own, "My own words.")
    before = (own / "SKILL.md").read_text("utf-8")
    contract = own / "contract.yaml"
    contract.write_text(contract.read_text("utf-8").replace("heading: Draft", "heading: Show Notes"), "utf-8")
    assert renew_template(team.folder(NAME), SQUADS) is True
    after = (own / "SKILL.md").read_text("utf-8")
    assert after.replace("## Show Notes", "## Draft") == before
    assert renew_template(team.folder(NAME), SQUADS) is False
