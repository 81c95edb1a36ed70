"""`marketeer notify`: what the daemon has told people and by which channel, and whether the channels work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run
from marketeer.cli.errors import FAILED
from marketeer.cli.group import command_group
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.notice import Delivery, Message, Notice
from marketeer.masking import Masking
from marketeer.ports import NotSent
from marketeer.runtime import open_reader
from marketeer.runtime.telling import notifier_of

NEWEST = 50
NO_CHANNEL = "no NOTIFY_URLS: set it to one or more apprise addresses, such as mailtos://user:password@example.com"

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, the newest first.")]

notify = command_group("notify", "Show what was announced and how, or try the channels of NOTIFY_URLS.")


@notify.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    if ctx.invoked_subcommand:
        return 0
    return _list(called(workspace, as_json=as_json), NEWEST)


@notify.command("list")
def list_notices(workspace: WorkspaceOption = None, limit: LimitOption = NEWEST, as_json: JsonOption = False) -> int:
    """Show what was announced, through which channel and when, or why not."""
    return _list(called(workspace, as_json=as_json), limit)


def _list(call: Call, limit: int) -> int:
    found = run(_found(call, limit))
    if call.as_json:
        output.document({"notices": [notice_dict(notice, deliveries) for notice, deliveries in found]})
        return 0
    if not found:
        output.say("Nothing has been announced: the daemon tells of questions, failures, money and reviews.")
    for notice, deliveries in found:
        mark = "urgent " if notice.urgent else ""
        output.say(f"{_moment(notice.made_at)}  {mark}{notice.kind.value}: {text.one_line(notice.text)}")
        for line in _receipts(deliveries):
            output.say(f"    {line}")
    if not call.settings.notify_urls:
        output.note(f"({NO_CHANNEL})")
    return 0


async def _found(call: Call, limit: int) -> Sequence[tuple[Notice, Sequence[Delivery]]]:
    async with open_reader(call.settings) as reader:
        return await reader.store.notices(limit=limit)


def _receipts(deliveries: Sequence[Delivery]) -> Sequence[str]:
    return [f"{each.channel}: {_receipt(each)}" for each in deliveries] or ["nowhere: there was no NOTIFY_URLS"]


def _receipt(delivery: Delivery) -> str:
    if delivery.sent_at is not None:
        return f"sent {_moment(delivery.sent_at)}"
    if delivery.given_up_at is not None:
        return f"not sent: {delivery.error}"
    if delivery.attempts:
        return f"tried {delivery.attempts} times, again after {_moment(delivery.next_at)}: {delivery.error}"
    return "waits to be sent"


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def notice_dict(notice: Notice, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    return {
        "notice_id": notice.notice_id,
        "kind": notice.kind.value,
        "urgent": notice.urgent,
        "text": notice.text,
        "made_at": notice.made_at.isoformat(),
        "goal_id": notice.goal_id,
        "approval_id": notice.approval_id,
        "deliveries": [
            {
                "channel": each.channel,
                "attempts": each.attempts,
                "sent_at": each.sent_at.isoformat() if each.sent_at else None,
                "given_up": each.given_up_at is not None,
                "error": each.error,
            }
            for each in deliveries
        ],
    }


@notify.command("test")
def try_channels(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Send a message through every channel now, and say how each fared."""
    call = called(workspace, as_json=as_json)
    if not call.settings.notify_urls:
        raise ConfigurationError(NO_CHANNEL)
    results = run(_tried(call))
    if call.as_json:
        output.document({"channels": [{"channel": name, "error": error} for name, error in results]})
    else:
        for name, error in results:
            output.say(f"{name}: {f'not sent: {error}' if error else 'sent'}")
    return FAILED if any(error for _, error in results) else 0


async def _tried(call: Call) -> Sequence[tuple[str, str | None]]:
    notifier, masked = notifier_of(call.settings), Masking(call.settings.secrets())
    message = Message(title="Marketeer: a test", body="- This is how the daemon tells you of questions and failures.")
    results: list[tuple[str, str | None]] = []
    for channel in notifier.channels:
        try:
            await notifier.send(channel, message)
        except NotSent as exc:
            results.append((channel, masked(str(exc))))
        else:
            results.append((channel, None))
    return results
