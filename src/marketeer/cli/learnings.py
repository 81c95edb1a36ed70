"""`marketeer learnings`: what outcomes taught, how far each has proved itself, and a person's say in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run, user_name
from marketeer.cli.group import command_group
from marketeer.cli.learning_view import learning_dict, list_lines, show_lines, stats_dict, stats_lines
from marketeer.cli.learnings_book import agents_of, learn, opened, store_changed
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Category
from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry
from marketeer.domain.learning import TEAM, USUAL_CONFIDENCE, Learning, LearningStatus, with_open_disputes
from marketeer.domain.learnings_edit import told_by_person
from marketeer.domain.probation import retired

SHOWN = 50
EVERYTHING = 1_000_000
MAX_TEXT_CHARS = 500

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A learning's id or its beginning.")]
SkillOption = Annotated[str | None, typer.Option("--skill", metavar="NAME", help="Of this skill, director or team.")]
CategoryOption = Annotated[str | None, typer.Option("--category", metavar="NAME", help="Of this kind of goal.")]
RehearsalOption = Annotated[bool, typer.Option("--rehearsal", help="Those of rehearsals, which real goals never read.")]

learnings = command_group("learnings", "Show what was learned and whether it helps; add to it or retire some of it.")


@learnings.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else list_(workspace=workspace, as_json=as_json)


@learnings.command("list")
def list_(
    skill: SkillOption = None,
    category: CategoryOption = None,
    show_all: Annotated[bool, typer.Option("--all", help="Retired ones too.")] = False,
    rehearsal: RehearsalOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List learnings, newest first."""
    call = called(workspace, as_json=as_json)
    agent = None if skill is None else _known_agent(call, skill)
    kind = None if category is None else _known_category(category)
    found = run(_found(call, rehearsal=rehearsal, agent=agent, category=kind, retired=None if show_all else False))
    if as_json:
        output.document({"learnings": [learning_dict(learning) for learning in found]})
        return 0
    for line in list_lines(found[:SHOWN]):
        output.say(line)
    if not found:
        output.say(f"Nothing learned yet; tell the team something with: {call.command('learnings add LESSON')}")
    if len(found) > SHOWN:
        output.say(f"({len(found) - SHOWN} more; `marketeer learnings list --json` has all)")
    return 0


@learnings.command()
def show(learning: IdArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show one learning: where it comes from and what it did to scores."""
    found = run(_find(called(workspace, as_json=as_json), learning))
    if as_json:
        output.document(learning_dict(found))
    else:
        for line in show_lines(found):
            output.say(line)
    return 0


@learnings.command()
def add(
    lesson: Annotated[str, typer.Argument(metavar="LESSON", help="What is so, in a sentence.")],
    action: Annotated[str, typer.Option("--action", metavar="TEXT", help="What to do about it.")],
    skill: Annotated[
        str, typer.Option("--skill", metavar="NAME", help="Whom to tell: a skill, director, or team for all.")
    ] = TEAM,
    category: CategoryOption = None,
    tags: Annotated[str, typer.Option("--tags", metavar="A,B", help="Words to find it by.")] = "",
    confidence: Annotated[float, typer.Option("--confidence", metavar="0..1", help="How sure you are.")] = (
        USUAL_CONFIDENCE
    ),
    rehearsal: RehearsalOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tell the team something; it is put to the proof like everything else."""
    call = called(workspace, as_json=as_json)
    if not 0.0 <= confidence <= 1.0:
        msg = f"--confidence {confidence!r} is out of range; give a number from 0 to 1"
        raise UsageError(msg)
    told = told_by_person(
        agent=_known_agent(call, skill),
        category=None if category is None else _known_category(category),
        learning=_sentence(lesson, "LESSON"),
        action=_sentence(action, "--action"),
        tags=tuple(filter(None, (text.one_line(tag) for tag in tags.split(",")))),
        confidence=confidence,
        rehearsal=rehearsal,
        now=SystemClock().now(),
        who=user_name(),
    )
    stored = run(learn(call, told, _entry("learning_added", told)))
    if as_json:
        output.document(learning_dict(stored))
    elif stored.learning_id == told.learning_id:
        output.say(f"Learned as {stored.learning_id}, for {stored.agent}.")
    else:
        output.say(f"{stored.learning_id} says nearly the same; its confidence is {stored.confidence:.2f} now.")
    if stored.contradicts:
        output.note(f"It contradicts {', '.join(stored.contradicts)}: only the better ranked of them is told.")
    return 0


@learnings.command()
def retire(
    learning: IdArgument,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Never tell it to anybody again; it stays on record."""
    call = called(workspace, as_json=as_json)
    found = run(_find(call, learning))
    if found.status is LearningStatus.RETIRED:
        msg = f"{found.learning_id!r} is retired already: {found.retired_because}"
        raise UsageError(msg)
    because = f"by {user_name()}" + (f": {text.one_line(note)}" if note else "")
    gone = retired(found, because)
    run(store_changed(call, [gone], _entry("learning_retired", gone, why=because)))
    if as_json:
        output.document(learning_dict(gone))
    else:
        output.say(f"{gone.learning_id} is retired: {because}.")
    return 0


@learnings.command()
def stats(rehearsal: RehearsalOption = False, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Say how scores differ with and without each learning, and what became of it."""
    call = called(workspace, as_json=as_json)
    found = run(_found(call, rehearsal=rehearsal, agent=None, category=None, retired=None))
    if as_json:
        output.document(stats_dict(found))
    else:
        for line in stats_lines(found):
            output.say(line)
    return 0


async def _found(
    call: Call, *, rehearsal: bool, agent: str | None, category: str | None, retired: bool | None
) -> Sequence[Learning]:
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    if not place.exists:
        return ()
    async with opened(call) as reader:
        found = await reader.store.learnings(
            rehearsal=rehearsal, agent=agent, category=category, retired=retired, limit=EVERYTHING
        )
        return with_open_disputes(found, found)


async def _find(call: Call, text_of_id: str) -> Learning:
    async with opened(call) as reader:
        found = await reader.store.find_learning(text_of_id.strip())
        others = await reader.store.learnings(
            rehearsal=found.rehearsal, agent=found.agent, retired=False, limit=EVERYTHING
        )
        return with_open_disputes([found], others)[0]


def _known_agent(call: Call, name: str) -> str:
    agents = agents_of(call)
    if name not in agents:
        msg = f"no skill {name!r}; see `{call.command('skills')}`, or give director or team"
        raise UsageError(msg)
    return name


def _known_category(name: str) -> str:
    known = [category.value for category in Category]
    if name not in known:
        msg = f"no category {name!r}; choose from {', '.join(known)}"
        raise UsageError(msg)
    return name


def _sentence(given: str, what: str) -> str:
    said = text.one_line(given)
    if not said or len(said) > MAX_TEXT_CHARS:
        msg = f"{what} has {len(said)} characters; give a sentence of 1 to {MAX_TEXT_CHARS}"
        raise UsageError(msg)
    return said


def _entry(what: str, learning: Learning, *, why: str | None = None) -> JournalEntry:
    data: dict[str, Any] = {"learning_id": learning.learning_id, "agent": learning.agent}
    return JournalEntry(
        goal_id=WORKSPACE_JOURNAL, at=SystemClock().now(), what=what, who=user_name(), why=why, data=data
    )
