"""`marketeer start --daemon`: the team at work day and night, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call
from marketeer.cli.finishing import make_workspace
from marketeer.cli.views import LineView
from marketeer.engine.daemon import Part
from marketeer.logs import configure_logs, get_logger
from marketeer.ports import Store
from marketeer.runtime import Office, open_link, open_office, require_idle
from marketeer.runtime.daemon import Watch, open_watch
from marketeer.web.address import check_address
from marketeer.web.server import WebServer

if TYPE_CHECKING:  # only who works with Redis pays for it
    from marketeer.adapters.bullmq_queue import RedisLink

LOOK_EVERY_S = 1.0

log = get_logger(__name__)


async def keep_watch(call: Call) -> int:
    """Until SIGTERM or SIGINT. Raises WorkspaceBusy beside another working process."""
    async with open_link(call.settings, SystemClock()) as link:
        return await _keep_watch(call, link)


async def _keep_watch(call: Call, link: RedisLink | None) -> int:
    workspace = FileWorkspace(call.settings.workspace_dir)
    check_address(call.settings)
    require_idle(workspace, shares=link is not None)
    make_workspace(workspace)
    _begin_logs(call)
    async with open_office(call.settings, link=link) as office:
        server = WebServer(office)
        parts = [
            Part(name="web", run=server.run, finish=server.stop),
            *([_progress_lines(office.store, office)] if _shows_lines(call) else []),
        ]
        async with open_watch(office, parts=parts, on_reload=_say_all) as watch:
            with _listening(watch, call.settings.shutdown_grace_s):
                _say_all([*_opening(office), *_said_of(server, await server.listen())])
                _say_all(await _schedules(call, office))
                log.info("daemon_started", workspace=str(workspace.root))
                await watch.daemon.run()
    log.info("daemon_stopped", handed_back=watch.work.handed_back)
    output.note(_farewell(watch.work.handed_back))
    return 0


def _begin_logs(call: Call) -> None:
    """On a terminal the journal's lines say what happens, unless logs are asked for."""
    settings = call.settings
    configure_logs(settings.log_level, settings.log_format, settings.secrets(), quiet=_shows_lines(call))


def _shows_lines(call: Call) -> bool:
    return sys.stderr.isatty() and not call.settings.logs_asked_for


def _opening(office: Office) -> Sequence[str]:
    lines = [f"marketeer: at work in {text.shown_path(office.workspace.root)} until it is stopped (Ctrl-C or SIGTERM)"]
    if not office.has_model:
        lines.append(
            "marketeer: no ANTHROPIC_API_KEY: only rehearsals are worked on; real goals are kept until there is one "
            "(set it or ANTHROPIC_API_KEY_FILE, then start again)"
        )
    return lines


async def _schedules(call: Call, office: Office) -> Sequence[str]:
    """The first time, what is going to begin by itself and what that will cost."""
    states = await office.store.schedule_states()
    if any(state.known_since is not None for state in states):
        return [f"marketeer: what begins by itself, and when: {call.command('schedules')}"]
    from marketeer.cli.schedule_view import outlook_lines
    from marketeer.runtime.schedule_outlook import schedule_outlook

    book = await office.schedule_book.read()
    outlook = await schedule_outlook(
        office.settings, office.store, office.clock, office.team, office.routing, book.schedules
    )
    change = "To change that: marketeer schedules --help"
    return ["marketeer: from now on these begin by themselves:", *outlook_lines(outlook), change]


def _said_of(server: WebServer, url: str) -> Sequence[str]:
    if server.lets_in_anybody:
        return [f"marketeer: webhooks and goals at {url}"]
    return [f"marketeer: health at {url}/health; webhooks and goals are refused there until WEBHOOK_TOKEN is set"]


def _say_all(lines: Sequence[str]) -> None:
    for line in lines:
        output.note(line)


def _farewell(handed_back: Sequence[str]) -> str:
    if not handed_back:
        return "marketeer: stopped; nothing was in hand"
    steps = text.counted(len(handed_back), "step")
    return f"marketeer: stopped; handed back {steps}: {', '.join(handed_back)}; the next start goes on with them"


def _progress_lines(store: Store, office: Office) -> Part:
    async def show() -> None:
        view = LineView(store, None, output.note)
        after = await store.journal_end()
        while True:
            seen = office.doorbell.rings
            entries = await store.journal(after=after)
            await view.update(entries)
            after = entries[-1].entry_id if entries else after
            await office.doorbell.wait(seen, LOOK_EVERY_S)

    return Part(name="lines", run=show)


@contextmanager
def _listening(watch: Watch, grace_s: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        again, busy = watch.daemon.stopping, watch.work.busy
        watch.daemon.stop()
        if again:
            output.note("marketeer: stopping now; calls cut off are booked at the most they can have cost")
        elif busy:
            output.note(
                f"marketeer: stopping: {text.counted(busy, 'step')} in flight may finish within {grace_s:g} s; "
                "a second signal stops at once"
            )

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: watch.reloading.ask}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
