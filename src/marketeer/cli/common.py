"""What commands share: their common options, settings, running async code, and who is at the keyboard."""

from __future__ import annotations

import asyncio
import getpass
import shlex
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from marketeer.cli import output
from marketeer.cli.errors import Stopped
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Goal
from marketeer.ports import Store
from marketeer.settings import Settings, load_settings

T = TypeVar("T")

# The settings read WORKSPACE_DIR themselves, so the option need not: what it holds was typed, and is worth repeating
# in the commands we suggest.
WorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        help="The workspace folder. [env var: WORKSPACE_DIR; default: workspace]",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
]
GoalArgument = Annotated[
    str, typer.Argument(metavar="GOAL", help="A goal's id, its beginning or its last part; `last` is the newest.")
]


def _said(note: str | None) -> str | None:
    """Nothing but blanks is no note."""
    return (note or "").strip() or None


def _demanded(note: str) -> str:
    if (said := _said(note)) is None:
        msg = "--note is empty: say in plain words what is to change"
        raise UsageError(msg)
    return said


NoteOption = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="A word to the specialist.", callback=_said)
]
RequiredNote = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="What is to change, in plain words.", callback=_demanded)
]

LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a command was called. `flag` repeats --workspace in the commands we suggest, empty when it was not given."""

    settings: Settings
    flag: str
    as_json: bool

    def command(self, text: str) -> str:
        """`marketeer <text>` as the user would have to type it."""
        return f"marketeer {text}{self.flag}"


def called(workspace: str | None, *, as_json: bool, **options: object) -> Call:
    """`options` are settings by name that the command line gave.

    Raises ConfigurationError for bad settings and UsageError for an empty --workspace."""
    if workspace is not None and not workspace.strip():
        msg = "--workspace is empty; give a folder, or leave it out to use WORKSPACE_DIR"
        raise UsageError(msg)
    settings = load_settings(workspace_dir=Path(workspace) if workspace is not None else None, **options)
    flag = f" --workspace {shlex.quote(workspace)}" if workspace is not None else ""
    return Call(settings=settings, flag=flag, as_json=as_json)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's async part."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        msg = "interrupted; nothing is lost, go on with `marketeer resume`"
        raise Stopped(msg) from None


async def find_goal(store: Store, text: str) -> Goal:
    """By id, its beginning or end, or `last`. Raises UsageError."""
    if text.strip().casefold() == LAST:
        newest = await store.goals(limit=1)
        if not newest:
            msg = 'there is no goal yet; begin one with `marketeer start "..."`'
            raise UsageError(msg)
        return newest[0]
    return await store.find_goal(text.strip())


async def month_cap(store: Store, settings: Settings, month: str) -> Decimal:
    """US dollars: the stored cap, or the one that the first real goal will store."""
    budget = await store.month_budget(month)
    return budget.cap_usd if budget is not None else settings.budget_monthly


def user_name() -> str:
    """Who decides, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "somebody"


def progress_line(call: Call, text: str) -> None:
    """A line on the way: beside the document with --json, else part of the output."""
    if call.as_json:
        output.note(text)
    else:
        output.say(text)
