"""`marketeer skills show NAME`: one specialist for people and as a JSON document."""

from __future__ import annotations

import textwrap
from typing import Any

from marketeer.adapters.team_files import FileTeam
from marketeer.cli import text
from marketeer.cli.common import Call
from marketeer.cli.team_page import EXAMPLE_CONTEXT, edges, words
from marketeer.domain.contract import Section
from marketeer.domain.contract_sections import all_sections
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.skill import FOUNDATION_SKILL, Skill
from marketeer.engine.prefix import prefix_tokens

LABEL = 14
WIDEST = 110


def skill_document(call: Call, team: FileTeam, skill: Skill) -> dict[str, Any]:
    info = skill.info
    reads, read_by = _neighbours(team, skill)
    return {
        "name": info.name,
        "squad": info.squad,
        "tier": info.tier.value,
        "review_depth": info.review_depth.value,
        "description": info.description,
        "own": info.name in team.own_skills(),
        "folder": str(team.folder(info.name).path),
        "reads": reads,
        "read_by": read_by,
        "needs": list(info.needs),
        "cues": list(info.cues),
        "timeout_s": info.timeout_s,
        "max_output_tokens": info.max_output_tokens,
        "min_words": skill.contract.min_words,
        "max_words": skill.contract.max_words,
        "sections": [section.heading for section in all_sections(skill.contract)],
        "references": [reference.name for reference in skill.references],
        "prompt_tokens": _prompt_tokens(call, team, skill),
        "brief": {
            "objective": info.brief.objective,
            "boundaries": list(info.brief.boundaries),
            "acceptance": list(info.brief.acceptance),
        },
        "error": None,
    }


def skill_lines(call: Call, team: FileTeam, skill: Skill) -> list[str]:
    info, (reads, read_by) = skill.info, _neighbours(team, skill)
    everybody = "all others" if info.name == FOUNDATION_SKILL else ", ".join(read_by) or "nobody in particular"
    rows = [
        ("Squad", info.squad or "none: it keeps the product context"),
        (
            "Model",
            f"{info.tier.value}, at most {info.timeout_s} s and {info.max_output_tokens:,} tokens for one answer",
        ),
        ("Review", info.review_depth.value),
        ("Reads", ", ".join(reads) or "the product context and the inputs"),
        ("Read by", everybody),
        ("Works from", ", ".join(info.needs) or "the whole product context"),
        ("Cues", ", ".join(info.cues)),
        ("Output", f"{words(skill)} words"),
        ("References", ", ".join(reference.name for reference in skill.references)),
        ("Prompt", f"begins with about {_prompt_tokens(call, team, skill):,} tokens"),
        ("Folder", text.shown_path(team.folder(info.name).path)),
    ]
    lines = [info.name, "", *_wrapped(info.description, indent=""), ""]
    for label, value in rows:
        if value:
            lines += _wrapped(value, indent=" " * LABEL, first=f"{label + ':':<{LABEL}}")
    lines += ["", "Brief", "", *_wrapped(info.brief.objective, indent="  ")]
    for title, points in (("Limits", info.brief.boundaries), ("Good enough when", info.brief.acceptance)):
        if points:
            lines += [
                "",
                f"  {title}:",
                *(line for point in points for line in _wrapped(point, indent="    ", first="  - ")),
            ]
    lines += ["", "Sections of its output", ""]
    lines += text.table([(section.heading, _about(section)) for section in all_sections(skill.contract)], indent="  ")
    return [*lines, "", f"The template it fills in: {call.command(f'skills show {info.name} --template')}"]


def _about(section: Section) -> str:
    return f"(may be left out) {section.hint}" if section.optional else section.hint


def _neighbours(team: FileTeam, skill: Skill) -> tuple[list[str], list[str]]:
    return edges({name: team.skill_info(name) for name in team.skill_names()})[skill.info.name]


def _prompt_tokens(call: Call, team: FileTeam, skill: Skill) -> int:
    """With the workspace's product context, or the example company's where there is none."""
    own = call.settings.workspace_dir / CONTEXT_PATH
    context = (own if own.is_file() else EXAMPLE_CONTEXT).read_text("utf-8", errors="replace")
    return prefix_tokens(skill, house_rules=team.house_rules(), context=context)


def _wrapped(words: str, *, indent: str, first: str | None = None) -> list[str]:
    width = min(WIDEST, text.terminal_width())
    return textwrap.wrap(
        words,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
