"""`marketeer worker`: a process that only works, beside as many others as there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, WorkspaceOption, called, run
from marketeer.domain.errors import UsageError

NO_REDIS = (
    "a worker gets its work from Redis: set REDIS_HOST or REDIS_URL; "
    "without one `marketeer resume` works on everything that is unfinished"
)


def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(metavar="N", help="Steps at once. [env var: MAX_PARALLEL_AGENTS; default: 3]", show_default=False),
    ] = None,
    workspace: WorkspaceOption = None,
) -> int:
    """Take work from Redis beside other workers, until stopped."""
    if concurrency is not None and not 1 <= concurrency <= 1000:
        msg = f"--concurrency {concurrency} cannot be; give a whole number from 1 to 1000"
        raise UsageError(msg)
    call = called(workspace, as_json=False, max_parallel_agents=concurrency)
    if call.settings.redis_address() is None:
        raise UsageError(NO_REDIS)
    return run(_work(call))


async def _work(call: Call) -> int:
    # Everything that works comes in only now: a refusal must not wait for it.
    from marketeer.cli.finishing import make_workspace
    from marketeer.cli.working import Stopper
    from marketeer.logs import configure_logs
    from marketeer.runtime import open_link, open_office, require_idle

    settings, workspace = call.settings, FileWorkspace(call.settings.workspace_dir)
    workspace.check()
    async with open_link(settings, SystemClock()) as link:
        require_idle(workspace, shares=True)
        make_workspace(workspace)
        quiet = sys.stderr.isatty() and not settings.logs_asked_for
        configure_logs(settings.log_level, settings.log_format, settings.secrets(), quiet=quiet)
        async with open_office(settings, link=link) as office:
            where = link.where if link is not None else ""
            stopper = Stopper(settings.shutdown_grace_s, office.doorbell.ring)
            with stopper.listening():
                for line in _opening(call, where, has_model=office.has_model):
                    output.note(line)
                session = await office.work(None, on_session=stopper.attach, rests=False)
    output.note(_farewell(session.handed_back))
    return 0


def _opening(call: Call, where: str, *, has_model: bool) -> Sequence[str]:
    steps = text.counted(call.settings.max_parallel_agents, "step")
    folder = text.shown_path(call.settings.workspace_dir)
    lines = [f"marketeer: worker {os.getpid()} takes up to {steps} at once from Redis at {where} for {folder}"]
    if not has_model:
        lines.append(
            "marketeer: no ANTHROPIC_API_KEY: it does rehearsals only, and leaves real goals to workers with a key"
        )
    return lines


def _farewell(handed_back: Sequence[str]) -> str:
    if not handed_back:
        return "marketeer: worker stopped; nothing was left in hand"
    steps = text.counted(len(handed_back), "step")
    return f"marketeer: worker stopped; handed back {steps} for others: {', '.join(handed_back)}"
