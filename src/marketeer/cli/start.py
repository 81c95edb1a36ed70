"""`marketeer start`: check what was asked, store the goal, work on it, and say what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli.common import JsonOption, WorkspaceOption, called, run
from marketeer.domain.errors import UsageError
from marketeer.given import submission_of
from marketeer.runtime import load_workspace_team, require_key_and_prices


def start(
    ctx: typer.Context,
    goal: Annotated[
        str | None,
        typer.Argument(metavar="GOAL", help="What you want, in quotes. May be left out when --pipeline is given."),
    ] = None,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Run offline and free with the built-in model.")] = False,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plan by this template; `marketeer pipelines` lists them.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="FILE", help="A text file to work from; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and what it would cost; nothing is called or written.")
    ] = False,
    approve_plan: Annotated[
        bool,
        typer.Option("--approve-plan", help="Make the plan and wait for `marketeer plan approve`."),
    ] = False,
    priority: Annotated[
        str | None,
        typer.Option(metavar="P0..P3", envvar="MARKETEER_PRIORITY", help="P0 first; default: the pipeline's, else P1."),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(metavar="C", help="strategic, content, optimization, retention, competitive or measurement."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="USD", envvar="MARKETEER_BUDGET", help="The most this goal may cost, in US dollars."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Store the goal, print its id and end at once; whoever works here does it.")
    ] = False,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="No goal: work on all goals, schedules and events until stopped.")
    ] = False,
    best_of: Annotated[
        list[str] | None,
        typer.Option(
            "--best-of", metavar="SKILL=N", help="Choose this skill's outputs from 2 to 5 variants; may be repeated."
        ),
    ] = None,
    no_work: Annotated[
        bool, typer.Option("--no-work", help="Store the goal, leave its work to others, and stay to show what they do.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take a goal from one sentence to finished deliverables."""
    call = called(workspace, as_json=as_json)
    if daemon:
        _refuse_beside_daemon(ctx, goal)
        from marketeer.cli.daemon import keep_watch

        return run(keep_watch(call))
    _refuse_loose_words(goal, ctx.args)
    FileWorkspace(call.settings.workspace_dir).check()
    team = load_workspace_team(call.settings)
    submission = submission_of(
        goal,
        workspace=call.settings.workspace_dir,
        rehearsal=rehearse,
        pipeline=team.find_pipeline(pipeline).name if pipeline is not None else None,
        category=category,
        priority=priority,
        budget_usd=budget,
        inputs=inputs or (),
        best_of=best_of or (),
        approve_plan=approve_plan,
    )
    for wish in submission.best_of:
        team.skill_info(wish.skill)  # refuses an unknown one, naming the nearest
    if detach:
        _refuse_dry_run(dry_run=dry_run)
        from marketeer.cli.detaching import store_only

        # Whoever takes it up needs the key, and this process does not.
        return run(store_only(call, submission))
    if dry_run:
        from marketeer.cli.dry_run import show_plan

        return show_plan(call, submission)
    if not rehearse and not no_work:
        require_key_and_prices(call.settings, team)
    # Everything that works comes in only now: a refusal or a plan must not wait for it.
    from marketeer.cli.finishing import begin

    return run(begin(call, submission, works=not no_work))


def _refuse_beside_daemon(ctx: typer.Context, goal: str | None) -> None:
    """The daemon works on whatever it finds; a goal of its own it has not."""
    options = {param.name: param.opts[0] for param in ctx.command.params}
    given = [name for name, value in ctx.params.items() if value and name not in ("daemon", "workspace")]
    if goal is not None or ctx.args or given:
        what = "a goal" if goal is not None or ctx.args else options[given[0]]
        msg = f"--daemon takes no goal and only --workspace, not {what}; begin goals beside it with `marketeer start`"
        raise UsageError(msg)


def _refuse_dry_run(*, dry_run: bool) -> None:
    if dry_run:
        msg = "--detach stores a goal and --dry-run stores nothing; give one of them"
        raise UsageError(msg)


def _refuse_loose_words(goal: str | None, more: Sequence[str]) -> None:
    if more:
        words = [goal or "", *more]
        msg = f'the goal came as {len(words)} separate words; put it in quotes: marketeer start "{" ".join(words)}"'
        raise UsageError(msg)
