"""The team as a Markdown page, made from its files: docs/team.md, and `skills list --markdown` for a workspace's."""

from __future__ import annotations

import math
from collections.abc import Iterable

from marketeer.adapters.team_files import BUILT_IN, FileTeam
from marketeer.cli.text import counted
from marketeer.domain.plan import Pipeline, PipelinePhase, Step
from marketeer.domain.skill import FOUNDATION_SKILL, Skill, SkillInfo
from marketeer.engine.prefix import MAX_PREFIX_TOKENS, prefix_tokens

EXAMPLE_CONTEXT = BUILT_IN / "example" / "product-marketing-context.md"
# Sizes are told in hundreds: a corrected word is no news.
ROUNDED_TO = 100

Edges = dict[str, tuple[list[str], list[str]]]


def team_page(team: FileTeam) -> str:
    """Squads, skills, their limits and prompt sizes, and pipelines."""
    infos = {name: team.skill_info(name) for name in team.skill_names()}
    return "\n".join(
        [
            "# The team",
            "",
            "Made from the team's files by `make docs`; `marketeer skills list --markdown` prints this page with the",
            "skills and pipelines of your own workspace. [The skill format](skill-format.md) says how to add one.",
            "",
            *_squads(team, infos),
            *_skills(team, infos),
            *_limits(team, infos),
            *_pipelines(team),
        ]
    )


def edges(infos: dict[str, SkillInfo]) -> Edges:
    """Whose outputs each skill reads and who reads its own, whichever of the two says so. The foundation, which
    everybody reads, is left out."""
    pairs = {(other, name) for name, info in infos.items() for other in info.upstream}
    pairs |= {(name, other) for name, info in infos.items() for other in info.downstream}
    pairs = {(giver, taker) for giver, taker in pairs if giver != FOUNDATION_SKILL}
    return {
        name: (sorted(g for g, taker in pairs if taker == name), sorted(t for giver, t in pairs if giver == name))
        for name in infos
    }


def _squads(team: FileTeam, infos: dict[str, SkillInfo]) -> list[str]:
    lines = ["## Squads", "", "| squad | its job | skills |", "|---|---|---|"]
    for squad in team.squads():
        members = [info.name for info in infos.values() if info.squad == squad.name]
        lines.append(_row(squad.name, squad.job, ", ".join(members) or "-"))
    return [
        *lines,
        "",
        f"`{FOUNDATION_SKILL}` belongs to none: it keeps the product context, which all others read.",
        "",
    ]


def _skills(team: FileTeam, infos: dict[str, SkillInfo]) -> list[str]:
    own, wired = set(team.own_skills()), edges(infos)
    lines = [
        "## Skills",
        "",
        f"{counted(len(infos), 'skill')}. *Reads* and *read by* count when both work on one goal.",
        "",
        "| skill | squad | what it does | reads | read by |",
        "|---|---|---|---|---|",
    ]
    for name, info in infos.items():
        shown = f"**{name}** (yours)" if name in own else f"**{name}**"
        reads, read_by = (", ".join(names) or "-" for names in wired[name])
        lines.append(
            _row(shown, info.squad or "-", info.description, reads, read_by if name != FOUNDATION_SKILL else "all")
        )
    return [*lines, ""]


def _limits(team: FileTeam, infos: dict[str, SkillInfo]) -> list[str]:
    context, rules = EXAMPLE_CONTEXT.read_text("utf-8"), team.house_rules()
    lines = [
        "## Limits and prompt sizes",
        "",
        "*Prompt* is what every call of the skill begins with (house rules, the example company's product context,",
        f"the skill with its references and output template), in estimated tokens: {MAX_PREFIX_TOKENS:,} at most.",
        "",
        "| skill | tier | review | one call | answer and thinking | words | sections | references | prompt |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, info in infos.items():
        skill = team.skill(name)
        size = prefix_tokens(skill, house_rules=rules, context=context)
        lines.append(
            _row(
                name,
                info.tier.value,
                info.review_depth.value,
                f"{info.timeout_s} s",
                f"{info.max_output_tokens:,} tokens",
                words(skill),
                str(len(skill.contract.sections)),
                str(len(skill.references)),
                f"{math.ceil(size / ROUNDED_TO) * ROUNDED_TO:,}",
            )
        )
    return [*lines, ""]


def words(skill: Skill) -> str:
    return f"{skill.contract.min_words:,} to {skill.contract.max_words:,}"


def _pipelines(team: FileTeam) -> list[str]:
    lines = ["## Pipelines", "", "| pipeline | category | priority | steps |", "|---|---|---|---|"]
    for pipeline in team.pipelines():
        steps = "; ".join(f"*{phase.name}:* {_steps(phase)}" for phase in pipeline.phases) or _reading(pipeline)
        lines.append(_row(f"**{pipeline.name}**", pipeline.category.value, pipeline.priority.value, steps))
    return [*lines, "", *_descriptions(team.pipelines())]


def _descriptions(pipelines: Iterable[Pipeline]) -> list[str]:
    lines = []
    for pipeline in pipelines:
        also = f" Also called {', '.join(pipeline.aliases)}." if pipeline.aliases else ""
        lines.append(f"- **{pipeline.name}**: {pipeline.description}{also}")
    return [*lines, ""]


def _reading(pipeline: Pipeline) -> str:
    return f"the Director reads the facts of the {pipeline.reading.value}" if pipeline.reading else "-"


def _steps(phase: PipelinePhase) -> str:
    return ", ".join(_step(step) for step in phase.steps)


def _step(step: Step) -> str:
    if step.wait is not None:
        return f"wait until {step.wait}"
    if step.skill is None:
        return f"review ({step.review})"
    extra = [
        *([f"with {' and '.join(step.joined_by)} when the goal names it"] if step.joined_by else []),
        *([f"or {' or '.join(step.replaced_by)}"] if step.replaced_by else []),
        *([f"if {step.condition} asks for it"] if step.condition else []),
    ]
    return f"{step.skill} ({'; '.join(extra)})" if extra else step.skill


def _row(*cells: str) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
