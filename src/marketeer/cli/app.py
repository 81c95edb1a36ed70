"""The `marketeer` command: which commands there are, loading the one that runs, and turning errors into exit codes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from marketeer import __version__
from marketeer.cli import errors, output
from marketeer.domain.errors import UsageError

PROGRAM = "marketeer"

# (module in marketeer.cli, summary). The function (or, with commands of its own, the Typer) is called like the command
# and its docstring begins with the summary; this copy spares `--help` from importing them all. In the order of use.
COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("start", "Take a goal from one sentence to finished deliverables."),
    "init": ("init", "Make a workspace, with --example for a made-up company to try things on."),
    "status": ("reading", "Show goals and their progress, what waits on you, and spend against the budget."),
    "show": ("reading", "Show one goal: plan, tasks, reviews, cost and journal."),
    "plan": ("plan", "Show a goal's plan; approve, edit or reject one that waits for you."),
    "follow": ("resuming", "Watch a goal that another process works on."),
    "journal": ("journal", "Show every change with who and why, follow it, or check that nobody altered it."),
    "worker": ("worker", "Take work from Redis beside other workers, until stopped."),
    "workers": ("workers", "Show which processes work here, what they hold, and since when."),
    "health": (
        "sight",
        "Show how each part does and what goes on; exit code 1 when little or nothing does.",
    ),
    "metrics": ("sight", "Show counts, times, tokens and cost of real goals, and how each skill does."),
    "resume": ("resuming", "Go on with an unfinished goal, or with all of them."),
    "events": ("events", "List events and what came of each; send one, or an old one again."),
    "approvals": ("reading", "List the questions that wait on you."),
    "approve": ("deciding", "Answer a question with yes."),
    "revise": ("deciding", "Answer a question by asking for one more revision."),
    "reject": ("deciding", "Answer a question with no."),
    "failed": ("failed", "Show tasks that failed for good, have one done over, or put it away."),
    "redo": ("deciding", "Have a finished task done over."),
    "cancel": ("deciding", "End a goal now; what is finished is kept."),
    "pause": ("deciding", "Hold a goal, or with --all everything: nothing new is begun."),
    "unpause": ("deciding", "Let a paused goal go on, or with --all everything."),
    "budget": ("budget", "Show what was spent of the month's money and on what; raise it; export the ledger."),
    "notify": ("notify", "Show what was announced and how, or try the channels of NOTIFY_URLS."),
    "context": ("context", "Show, check or change what is known about your product."),
    "schedules": ("schedules", "List what begins by itself and when; run, enable, disable, add or remove one."),
    "learnings": ("learnings", "Show what was learned and whether it helps; add to it or retire some of it."),
    "pipelines": ("reading", "List the named plans that `start --pipeline` takes."),
    "skills": ("skills", "List, show, check or add specialists."),
    "backup": ("keeping", "Write the whole workspace into one file, also while a goal runs."),
    "restore": ("keeping", "Bring a backup back, into a new or empty workspace."),
    "prune": ("keeping", "Remove goals that finished long ago; money, learnings and what later work reads stay."),
    "doctor": ("doctor", "Say in plain words what is missing or wrong here."),
}


class LazyGroup(TyperGroup):
    """A group whose commands live in modules that are imported when one is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise UsageError(_no_such_command(name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def load_command(name: str) -> TyperCommand | TyperGroup:
    """The command of that name, its module imported; a group when it has commands of its own."""
    function = getattr(import_module(f"marketeer.cli.{COMMANDS[name][0]}"), name)
    if isinstance(function, typer.Typer):
        group = get_command(function)
        assert isinstance(group, TyperGroup)  # noqa: S101 - it has commands
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    # `start` gets what comes behind its goal, to say that the goal needs quotes.
    settings = {"help_option_names": ["-h", "--help"], "allow_extra_args": name == "start"}
    alone.command(name, context_settings=settings)(function)
    command = get_command(alone)
    assert isinstance(command, TyperCommand)  # noqa: S101 - a Typer with one command is that command
    return command


app = typer.Typer(
    cls=LazyGroup,
    name=PROGRAM,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 the goal failed, was cancelled or went in circles; 2 usage or configuration; "
    "3 budget exhausted; 4 waiting for you; 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        output.say(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """An AI marketing team that one person runs: give it a goal in plain words, get finished deliverables."""
    if ctx.invoked_subcommand is None:
        output.say(ctx.get_help())


def main(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code and never raises."""
    output.prepare_streams()
    options = argv[: argv.index("--")] if "--" in argv else argv
    try:
        code = get_command(app).main(list(argv), prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as exc:
        return errors.report(UsageError(_plain(exc, argv)), as_json="--json" in options)
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - the last place where anything can be said
        return errors.report(exc, as_json="--json" in options)
    return code if isinstance(code, int) else 0


def _no_such_command(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    if near:
        return f"no command {name!r}; did you mean `{PROGRAM} {near[0]}`?"
    if " " in name.strip():
        return f"no command {name!r}; to begin a goal run `{PROGRAM} start` with the goal in quotes"
    return f"no command {name!r}; see `{PROGRAM} --help`"


def _words(argv: Sequence[str], command: str | None) -> list[str]:
    """The command's words as typed, `skills show` for a command of a group."""
    if command is None:
        return []
    group = load_command(command)
    behind = argv[argv.index(command) + 1 :]
    inner = [word for word in behind[:1] if isinstance(group, TyperGroup) and word in group.commands]
    return [command, *inner]


def _plain(error: typer.TyperException, argv: Sequence[str]) -> str:
    """typer's complaint in our form."""
    text = error.format_message().strip().rstrip(".")
    command = next((word for word in argv if word in COMMANDS), None)
    advice = f"see `{' '.join([PROGRAM, *_words(argv, command)])} --help`"
    if command == "start" and type(error).__name__ == "NoSuchOption":
        advice += ", and put a goal that begins with a dash behind `--`"
    return f"{text[:1].lower()}{text[1:]}; {advice}"
