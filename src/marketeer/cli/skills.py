"""`marketeer skills`: who is on the team, what one of them does, whether folders are right, and a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from marketeer.adapters.team_files import (
    BUILT_IN,
    FileTeam,
    SkillFolder,
    TeamFileError,
    folders_below,
    renew_template,
)
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called
from marketeer.cli.group import command_group
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.errors import UsageError
from marketeer.domain.skill import SkillInfo
from marketeer.runtime import load_workspace_team

EXAMPLE_CONTEXT = BUILT_IN / "example" / "product-marketing-context.md"

skills = command_group("skills", "List, show, check or add specialists.")


@skills.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else _list(called(workspace, as_json=as_json))


# -- list ------------------------------------------------------------------------------------------------------


@skills.command("list")
def list_skills(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List the specialists on the team."""
    return _list(called(workspace, as_json=as_json))


def _list(call: Call) -> int:
    team = load_workspace_team(call.settings)
    own = set(team.own_skills())
    infos = [team.skill_info(name) for name in team.skill_names()]
    if call.as_json:
        output.document({"skills": [_row(info, own=info.name in own) for info in infos]})
        return 0
    rows = [("SKILL", "SQUAD", "TIER", "WHAT IT DOES")]
    rows += [
        (_marked(info.name, own), info.squad or "-", info.tier.value, text.one_line(info.description)) for info in infos
    ]
    for line in text.table(rows):
        output.say(line)
    if own:
        output.say("\n* yours, in team/skills/ of the workspace")
    return 0


def _marked(name: str, own: set[str]) -> str:
    return f"{name} *" if name in own else name


def _row(info: SkillInfo, *, own: bool) -> dict[str, Any]:
    return {
        "name": info.name,
        "squad": info.squad,
        "tier": info.tier.value,
        "review_depth": info.review_depth.value,
        "upstream": list(info.upstream),
        "downstream": list(info.downstream),
        "description": info.description,
        "own": own,
    }


# -- validate --------------------------------------------------------------------------------------------------


@skills.command()
def validate(
    folder: Annotated[
        str | None,
        typer.Argument(metavar="[DIR]", help="A skill's folder, or one with several; without it, the whole team."),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="First renew the output template in each SKILL.md from its contract.yaml.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check skill folders, and say of each mistake where it is and what to do."""
    call = called(workspace, as_json=as_json)
    team = load_workspace_team(call.settings, checked=False)
    more = _folders_at(folder) if folder is not None else {}
    names = tuple(more) or tuple(team.skill_names())
    fixed = _fix(team, more or {name: team.folder(name) for name in team.own_skills()}) if fix else []
    problems, notes = _inspect(call, team, more, names)
    if as_json:
        output.document(_findings(names, fixed, problems, notes))
    else:
        _say_findings(names, fixed, problems, notes)
    return 2 if problems else 0


def _folders_at(folder: str) -> dict[str, SkillFolder]:
    path = Path(folder)
    found = folders_below(path) if path.is_dir() else {}
    if not found:
        what = "has no skill in it" if path.is_dir() else "is no folder"
        msg = f"{folder!r} {what}; give a folder with SKILL.md and contract.yaml, or one that holds such folders"
        raise UsageError(msg)
    return found


def _fix(team: FileTeam, folders: Mapping[str, SkillFolder]) -> list[str]:
    """The files that were written. A folder with mistakes is left alone: they are reported after."""
    squads = [squad.name for squad in team.squads()]
    fixed = []
    for folder in folders.values():
        try:
            if renew_template(folder, squads):
                fixed.append(f"{folder.shown}/SKILL.md")
        except TeamFileError:
            continue
    return fixed


def _inspect(
    call: Call, team: FileTeam, more: Mapping[str, SkillFolder], names: Sequence[str]
) -> tuple[list[TeamFileError], list[str]]:
    """Built-in examples are about the example company, a user's own about the workspace's."""
    own = call.settings.workspace_dir / CONTEXT_PATH
    own_context = own.read_text("utf-8", errors="replace") if own.is_file() else ""
    groups: dict[str, list[str]] = {}
    for name in names:
        folder = more.get(name) or team.folder(name)
        shipped = folder.path.resolve().is_relative_to(BUILT_IN.resolve())
        groups.setdefault(EXAMPLE_CONTEXT.read_text("utf-8") if shipped else own_context, []).append(name)
    problems: list[TeamFileError] = []
    notes: list[str] = []
    for context, members in groups.items():
        inspection = team.inspector(context=context, more=more).inspect(members)
        problems += inspection.problems
        notes += inspection.notes
    return problems, notes


def _findings(
    names: Sequence[str], fixed: Sequence[str], problems: Sequence[TeamFileError], notes: Sequence[str]
) -> dict[str, Any]:
    rows = [{"file": problem.file, "line": problem.line, "problem": problem.what} for problem in problems]
    return {
        "ok": not problems,
        "skills": list(names),
        "problems": rows,
        "notes": list(notes),
        "fixed": list(fixed),
        "error": None,
    }


def _say_findings(
    names: Sequence[str],
    fixed: Sequence[str],
    problems: Sequence[TeamFileError],
    notes: Sequence[str],
) -> None:
    for file in fixed:
        output.say(f"renewed the output template in {file}")
    for problem in problems:
        output.say(str(problem))
    if len(names) == 1:
        for note in notes:
            output.say(f"note: {note}")
    checked = text.counted(len(names), "skill")
    if problems:
        output.say(f"\n{checked} checked, {text.counted(len(problems), 'thing')} to mend.")
    else:
        output.say(f"{checked} checked: all right.")
