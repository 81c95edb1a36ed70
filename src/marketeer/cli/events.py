"""`marketeer events`: what came in, what became of it and why; sending one by hand, and sending an old one again."""

from __future__ import annotations

import json
import math
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run, user_name
from marketeer.cli.event_view import event_lines, event_rows, mapping_rows, rules_document, stored_document
from marketeer.cli.group import command_group
from marketeer.domain.errors import UsageError
from marketeer.domain.event import FIELDS, INTERNAL_SOURCE, MAX_DATA_BYTES
from marketeer.domain.event_effect import EventStatus, Receipt, StoredEvent, effect_words, receipt_document
from marketeer.runtime import open_office, open_reader

if TYPE_CHECKING:  # what reading must not pay for
    from marketeer.runtime import Office

SHOWN = 20
ALL = 1_000_000
STDIN = "-"
SOURCE = "cli"

TypeOption = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only events of this type.")]
AllOption = Annotated[bool, typer.Option("--all", help=f"Every event, not only the newest {SHOWN}.")]
EventArgument = Annotated[str, typer.Argument(metavar="ID", help="An event's id, its beginning or its number.")]

events = command_group("events", "List events and what came of each; send one, or an old one again.")


@events.callback()
def _alone(
    ctx: typer.Context,
    event_type: TypeOption = None,
    show_all: AllOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    if ctx.invoked_subcommand:
        return 0
    return run(_list(called(workspace, as_json=as_json), event_type, ALL if show_all else SHOWN))


# -- reading ---------------------------------------------------------------------------------------------------


@events.command("list")
def list_events(
    event_type: TypeOption = None,
    show_all: AllOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List events, the newest first, with what came of each."""
    return run(_list(called(workspace, as_json=as_json), event_type, ALL if show_all else SHOWN))


async def _list(call: Call, event_type: str | None, limit: int) -> int:
    workspace = FileWorkspace(call.settings.workspace_dir)
    found: Sequence[StoredEvent] = []
    if workspace.exists or not workspace.root.is_dir():  # a new workspace has no database yet
        async with open_reader(call.settings) as reader:
            found = await reader.store.events(limit=limit + 1, event_type=event_type)
    if call.as_json:
        output.document({"events": [stored_document(one) for one in found[:limit]]})
        return 0
    if not found:
        of_type = f" of type {event_type!r}" if event_type else ""
        output.say(f"No events{of_type} yet. What would start what: {call.command('events mappings')}")
        return 0
    for line in text.table(event_rows(found[:limit])):
        output.say(line)
    if len(found) > limit:
        output.note(f"(the newest {limit}; `{call.command('events list --all')}` shows every one)")
    return 0


@events.command()
def show(event: EventArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show one event: its data, what each mapping made of it, and why."""
    return run(_show(called(workspace, as_json=as_json), event))


async def _show(call: Call, event_id: str) -> int:
    async with open_reader(call.settings) as reader:
        stored = await reader.store.event(event_id)
    if call.as_json:
        output.document(stored_document(stored))
        return 0
    for line in event_lines(stored):
        output.say(line)
    return 0


@events.command()
def mappings(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List the types of events and what each starts, under what condition and how often."""
    return run(_mappings(called(workspace, as_json=as_json)))


async def _mappings(call: Call) -> int:
    async with _office(call) as office:
        rules = await office.event_bus().rules()
    if call.as_json:
        output.document(rules_document(rules))
        return 0
    for line in text.table(mapping_rows(rules)):
        output.say(line)
    return 0


@asynccontextmanager
async def _office(call: Call) -> AsyncIterator[Office]:
    """In a workspace that is there already: an event never makes one. Raises UsageError."""
    if not FileWorkspace(call.settings.workspace_dir).root.is_dir():
        async with open_reader(call.settings):
            pass  # says what to do
    async with open_office(call.settings) as office:
        yield office


# -- sending ---------------------------------------------------------------------------------------------------


@events.command()
def send(
    event_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="What happened; `events mappings` lists the types.")
    ],
    pairs: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=VALUE", help="A value of its data; numbers, true and false are such."),
    ] = None,
    json_data: Annotated[
        str | None, typer.Option("--json-data", metavar="FILE", help="All its data as a JSON object; - is stdin.")
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Its id: the same one takes effect once. Default: a new one."),
    ] = None,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Who says so.")] = SOURCE,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send an event, as a webhook would."""
    call = called(workspace, as_json=as_json)
    data = _data(pairs or [], json_data)
    return run(_send(call, event_type, data, event_id, source))


async def _send(call: Call, event_type: str, data: Any, event_id: str | None, source: str) -> int:
    async with _office(call) as office:
        now = office.clock.now().isoformat()
        values = (event_id or f"{SOURCE}-{secrets.token_hex(6)}", event_type, now, source, data)
        receipt = await office.event_bus().receive(dict(zip(FIELDS, values, strict=True)))
        return _tell(call, office, receipt)


@events.command()
def replay(event: EventArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Send an event again, as a new one that names the old one; cooldowns count for it too."""
    return run(_replay(called(workspace, as_json=as_json), event))


async def _replay(call: Call, event_id: str) -> int:
    async with _office(call) as office:
        who = user_name()
        receipt = await office.event_bus().replay(event_id, source=SOURCE if who == INTERNAL_SOURCE else who)
        return _tell(call, office, receipt)


def _tell(call: Call, office: Office, receipt: Receipt) -> int:
    worker = office.workspace.worker() or {}
    if call.as_json:
        output.document({**receipt_document(receipt), "daemon": bool(worker.get("daemon"))})
        return 0
    if receipt.duplicate:
        other = ", with other content: the first one counts" if receipt.differs else ""
        output.say(f"event {receipt.event_id} was sent before{other}")
    else:
        output.say(f"event {receipt.event_id} is kept")
    for line in effect_words(receipt.effect) if receipt.effect else receipt.outlook:
        output.say(f"  {line}")
    if receipt.status is EventStatus.RECEIVED:
        output.say(_when(call, worker))
    return 0


def _when(call: Call, worker: dict[str, object]) -> str:
    if worker.get("daemon"):
        return f"process {worker.get('pid')} takes it up within a second: {call.command('events')}"
    return f"it takes effect when the daemon runs; now nobody does: {call.command('start --daemon')}"


# -- data ------------------------------------------------------------------------------------------------------


def _data(pairs: list[str], file: str | None) -> Any:
    """Raises UsageError for what is no data."""
    data = _read_json(file) if file is not None else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip("."):
            msg = f"--data {pair!r} is no NAME=VALUE; give for example --data percentageDrop=25"
            raise UsageError(msg)
        if not isinstance(data, dict):
            msg = f"--json-data {file!r} is no JSON object, so --data cannot add to it"
            raise UsageError(msg)
        _put(data, name.split("."), _value(value), pair)
    return data


def _put(data: dict[str, Any], path: list[str], value: Any, pair: str) -> None:
    for name in path[:-1]:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            msg = f"--data {pair!r}: {name!r} is a value already, and no value can be below it; give another name"
            raise UsageError(msg)
        data = inner
    data[path[-1]] = value


def _value(text_: str) -> Any:
    """Numbers, true and false as such, anything else as the text it is."""
    if text_ in ("true", "false"):
        return text_ == "true"
    try:
        return int(text_)
    except ValueError:
        pass
    try:
        number = float(text_)
    except ValueError:
        return text_
    return number if math.isfinite(number) else text_


def _read_json(name: str) -> Any:
    try:
        raw = sys.stdin.buffer.read(MAX_DATA_BYTES + 1) if name == STDIN else Path(name).read_bytes()
        return json.loads(raw)
    except OSError as exc:
        msg = f"--json-data {name!r} cannot be read ({exc.strerror or exc}); check the path"
        raise UsageError(msg) from exc
    except (ValueError, RecursionError) as exc:
        why = "nested too deeply" if isinstance(exc, RecursionError) else exc
        msg = f"--json-data {name!r} is not JSON ({why}); correct it"
        raise UsageError(msg) from exc
