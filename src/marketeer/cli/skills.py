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
    make_skill,
    renew_template,
)
from marketeer.adapters.team_files.inspection import inspect_skills
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called
from marketeer.cli.group import command_group
from marketeer.cli.skill_view import skill_document, skill_lines
from marketeer.cli.team_page import EXAMPLE_CONTEXT, team_page
from marketeer.domain.contract_template import render_template
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.errors import UsageError
from marketeer.domain.skill import SkillInfo
from marketeer.runtime import load_workspace_team

skills = command_group("skills", "List, show, check or add specialists.")


@skills.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else _list(called(workspace, as_json=as_json))


# -- list ------------------------------------------------------------------------------------------------------


@skills.command("list")
def list_skills(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the whole team as a Markdown page: skills, limits, pipelines.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the specialists on the team."""
    call = called(workspace, as_json=as_json)
    if markdown and as_json:
        msg = "--markdown and --json are two forms of one list; give one of them"
        raise UsageError(msg)
    if not markdown:
        return _list(call)
    output.say(team_page(load_workspace_team(call.settings)).rstrip())
    return 0


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


# -- show ------------------------------------------------------------------------------------------------------


@skills.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A skill's name, as `skills list` has it.")],
    template: Annotated[
        bool, typer.Option("--template", help="Print only the output template that the specialist fills in.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show one specialist: its job, neighbours, limits, and what its output must have."""
    call = called(workspace, as_json=as_json)
    team = load_workspace_team(call.settings, checked=False)
    wanted = name.strip().lower()
    for wrong in team.leave_out_broken(but=wanted):
        output.note(f"left out: {wrong}")
    skill = team.skill(wanted)
    if as_json:
        output.document(skill_document(call, team, skill))
    elif template:
        output.say(render_template(skill.contract).rstrip())
    else:
        for line in skill_lines(call, team, skill):
            output.say(line)
    return 0


# -- new -------------------------------------------------------------------------------------------------------


@skills.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lowercase words joined by hyphens: podcast-notes.")],
    squad: Annotated[
        str,
        typer.Option("--squad", metavar="SQUAD", help="strategy, creative, convert, activate or measure."),
    ] = "creative",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Make a folder for a specialist of your own, right from the first moment, to fill with what it knows."""
    call = called(workspace, as_json=as_json)
    team = load_workspace_team(call.settings, checked=False)
    skills_dir = FileWorkspace(call.settings.workspace_dir).team_path / "skills"
    squads = [known.name for known in team.squads()]
    made = make_skill(skills_dir, name.strip(), squad=squad, squads=squads, taken=team.skill_names())
    files = sorted(path.name for path in made.path.iterdir())
    if as_json:
        output.document({"name": made.name, "folder": str(made.path), "files": files, "error": None})
        return 0
    shown = text.shown_path(made.path)
    output.say(f"Made {shown}/ with {' and '.join(files)}.")
    output.say("\nNext:")
    output.say("  contract.yaml   change the brief, the sections of its output, its neighbours and its cues")
    output.say("  SKILL.md        write how it works; references/*.md can hold what it looks up")
    output.say(f"  {call.command('skills validate --fix')}   to renew the template in SKILL.md and check it all")
    goal = f'"Write {made.name.replace("-", " ")}"'
    output.say(f"  {call.command(f'start {goal} --dry-run')}   to see it planned, by the cues in contract.yaml")
    return 0


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
    # The user's own folders are named by their path from here, as an editor would open them.
    more = _folders_at(folder) if folder is not None else folders_below(_own_skills(call))
    names = tuple(more) if folder is not None else tuple(team.skill_names())
    fixed = _fix(team, more) if fix else []
    problems, notes = _inspect(call, team, more, names)
    if as_json:
        output.document(_findings(names, fixed, problems, notes))
    else:
        _say_findings(names, fixed, problems, notes)
    return 2 if problems else 0


def _own_skills(call: Call) -> Path:
    return Path(text.shown_path(FileWorkspace(call.settings.workspace_dir).team_path / "skills"))


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
        inspection = inspect_skills(team, members, context=context, more=more)
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
