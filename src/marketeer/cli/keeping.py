"""Keeping a workspace: `backup` and `restore` it as one file, `prune` what is old."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from marketeer.adapters import archive
from marketeer.adapters.sqlite.maintenance import (
    Contents,
    compact_database,
    copy_database,
    inspect_database,
    lost_files,
)
from marketeer.adapters.sqlite.pruning import Files, Pruned, PruneOrder
from marketeer.adapters.sqlite.pruning import prune as prune_database
from marketeer.adapters.workspace import DATABASE_NAME, LOCK_NAME, FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run, user_name
from marketeer.domain.errors import StoreUnavailable, UsageError, WorkspaceBusy
from marketeer.runtime import Reader, open_reader, require_idle

LAYOUT = archive.Layout(database=DATABASE_NAME, lock=LOCK_NAME)
DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
OLDEST_DAYS = 100 * 365
_AGE = re.compile(r"\s*(\d{1,5})\s*([dwmy])\s*", re.IGNORECASE | re.ASCII)

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="The backup's file, such as marketeer.tar.gz.")]


# -- backup ----------------------------------------------------------------------------------------------------


def backup(
    file: FileArgument,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it exists.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the whole workspace into one file, also while a goal runs."""
    call = called(workspace, as_json=as_json)
    place = _existing(call)
    found: list[Contents] = []
    packed = archive.pack(
        Path(file),
        place.root,
        LAYOUT,
        lambda copy: found.append(copy_database(place.database_path, copy)),
        overwrite=force,
    )
    for link in packed.links:
        output.note(f"left out, as it is neither a file nor a folder: {link}")
    (held,) = found
    if as_json:
        document = {"file": file, "bytes": packed.archive_bytes, "left_out": list(packed.links)}
        output.document({**document, **_held(held, packed.files), "error": None})
    else:
        output.say(f"{file}: {size(packed.archive_bytes)}, with {_in_words(held, packed.files)}")
    return 0


def _existing(call: Call) -> FileWorkspace:
    """Raises UsageError when there is no workspace yet."""
    place = FileWorkspace(call.settings.workspace_dir)
    if not place.exists:
        msg = f"nothing here yet: {str(place.root)!r} is no workspace; give another one with --workspace"
        raise UsageError(msg)
    return place


def _held(contents: Contents, files: int) -> dict[str, Any]:
    return {
        "goals": contents.goals,
        "unfinished": contents.unfinished,
        "documents": contents.documents,
        "files": files,
    }


def _in_words(contents: Contents, files: int) -> str:
    goals = f"{text.counted(contents.goals, 'goal')} ({contents.unfinished} unfinished)"
    return f"{goals}, {text.counted(contents.documents, 'document version')} and {text.counted(files, 'file')}"


# -- restore ---------------------------------------------------------------------------------------------------


def restore(
    file: FileArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Put what is there aside, into a folder beside the workspace.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring a backup back, into a new or empty workspace."""
    call = called(workspace, as_json=as_json)
    source, place = Path(file), FileWorkspace(call.settings.workspace_dir)
    if not source.is_file():
        msg = f"there is no backup {file!r}; give a file that `{call.command('backup FILE')}` has written"
        raise UsageError(msg)
    _require_room(place, force=force)
    with archive.staging(place.root) as folder:
        files = archive.unpack(source, folder, LAYOUT)
        try:
            held = inspect_database(folder / DATABASE_NAME)
        except UsageError as exc:
            msg = f"{file!r} cannot be restored: {exc}; use another backup"
            raise UsageError(msg) from exc
        files += _write_lost_files(folder)
        aside = run(_put_in_place(folder, place, force=force))
    if as_json:
        document = {"workspace": str(place.root), "kept_before": str(aside) if aside else None}
        output.document({**document, **_held(held, files), "error": None})
    else:
        output.say(f"{text.shown_path(place.root)}: {_in_words(held, files)}")
        if aside:
            output.say(f"what was there before is kept in {text.shown_path(aside)}")
        if held.unfinished:
            output.say(f"go on with: {call.command('resume')}")
    return 0


def _require_room(place: FileWorkspace, *, force: bool) -> None:
    """Raises UsageError when something is in the way, and WorkspaceBusy while somebody works there."""
    place.check()
    require_idle(place)
    if force or not place.root.exists() or not any(place.root.iterdir()):
        return
    what = "a workspace with its database" if place.exists else "a folder with files in it"
    msg = f"{str(place.root)!r} is {what}; give a new one with --workspace, or --force to put this one aside"
    raise UsageError(msg)


def _write_lost_files(folder: Path) -> int:
    """What the database copy, made after the files, knows to lie in the workspace; returns how many were missing."""
    place = FileWorkspace(folder)

    def hash_of(path: str) -> str | None:
        file = place.resolve(path)
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None

    missing = 0
    for path, content in lost_files(place.database_path, hash_of):
        file = place.resolve(path)
        missing += not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode())
    return missing


async def _put_in_place(folder: Path, place: FileWorkspace, *, force: bool) -> Path | None:
    _require_room(place, force=force)
    if not place.exists:
        return archive.put_in_place(folder, place.root)
    # nobody begins to work in a workspace that is about to be put aside
    async with place.work_lock(scope="restore"):
        return archive.put_in_place(folder, place.root)


# -- prune -----------------------------------------------------------------------------------------------------


def prune(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="AGE", help="How long ago they finished: 90d, 12w, 6m (of 30 days) or 1y."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    files: Annotated[
        bool, typer.Option("--files", help="Remove their files from the workspace too, but for those you have edited.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Remove goals that finished long ago; money, learnings and what later work reads stay."""
    call = called(workspace, as_json=as_json)
    return run(_prune(call, age(older_than), dry_run=dry_run, with_files=files))


def age(words: str) -> timedelta:
    """`90d`, `12w`, `6m` or `1y`; a month has 30 days and a year 365. Raises UsageError."""
    found = _AGE.fullmatch(words)
    days = int(found[1]) * DAYS[found[2].lower()] if found else 0
    if not 1 <= days <= OLDEST_DAYS:
        msg = f"--older-than {words!r} is no age; give a number and d, w, m or y, such as 90d, 12w, 6m or 1y"
        raise UsageError(msg)
    return timedelta(days=days)


async def _prune(call: Call, older_than: timedelta, *, dry_run: bool, with_files: bool) -> int:
    async with open_reader(call.settings) as reader:
        now = reader.clock.now()
        order = PruneOrder(before=now - older_than, now=now, by=user_name(), with_files=with_files)
        keeper = _Keeper(reader.workspace)
        pruned = await prune_database(
            reader.workspace.database_path,
            order,
            clock=reader.clock,
            dry_run=dry_run,
            on_files=keeper.remove if with_files else None,
        )
    compact = not dry_run and pruned.worth_compacting and await _compact(reader)
    if call.as_json:
        output.document(_pruned_document(order, pruned, keeper.removed, dry_run=dry_run, compact=compact))
    else:
        for line in _pruned_lines(call, order, pruned, keeper.removed, dry_run=dry_run, compact=compact):
            output.say(line)
    return 0


class _Keeper:
    """Removes the files of documents that are gone. `removed` counts them; a file that a human has edited stays."""

    def __init__(self, place: FileWorkspace) -> None:
        self._place = place
        self.removed = 0

    async def remove(self, files: Files) -> None:
        for path, hashes in files.items():
            content = await self._place.read(path)
            if content is not None and hashlib.sha256(content).hexdigest() in hashes:
                _unlink(self._place.resolve(path))
                self.removed += 1


def _unlink(file: Path) -> None:
    """With its folder, when that is a goal's own and empty now."""
    file.unlink(missing_ok=True)
    if file.parent.parent.name == "goals" and not any(file.parent.iterdir()):
        file.parent.rmdir()


async def _compact(reader: Reader) -> bool:
    """Give free room back to the disk, which is for a workspace where nobody works."""
    try:
        async with reader.workspace.work_lock(scope="prune"):
            await compact_database(reader.workspace.database_path)
    except (WorkspaceBusy, StoreUnavailable):
        return False
    return True


def _pruned_document(order: PruneOrder, pruned: Pruned, files: int, *, dry_run: bool, compact: bool) -> dict[str, Any]:
    return {
        "before": order.before.isoformat(),
        "dry_run": dry_run,
        "goals": pruned.goals,
        "tasks": pruned.rows.get("tasks", 0),
        "documents": pruned.rows.get("documents", 0),
        "rows": dict(pruned.rows),
        "files": files,
        "kept": pruned.kept,
        "freed_bytes": pruned.freed_bytes,
        "unused_bytes": 0 if compact else pruned.unused_bytes,
        "error": None,
    }


def _pruned_lines(
    call: Call, order: PruneOrder, pruned: Pruned, files: int, *, dry_run: bool, compact: bool
) -> list[str]:
    goals = text.counted(pruned.goals, "goal")
    lines = [f"{'would remove' if dry_run else 'removed'} {goals} finished before {order.before:%Y-%m-%d}"]
    details = _details(pruned.rows)
    if details:
        lines[0] += f": {details}"
    if files:
        lines.append(f"removed {text.counted(files, 'file')} of the workspace")
    if pruned.kept:
        lines.append(f"kept {text.counted(pruned.kept, 'goal')} as old, because later work reads or waits for them")
    about = "about " if dry_run else ""
    if pruned.freed_bytes:
        lines.append(f"{'would free' if dry_run else 'freed'} {about}{size(pruned.freed_bytes)} in {DATABASE_NAME}")
    if not dry_run and not compact and pruned.worth_compacting:
        again = call.command(f"prune --older-than {max(1, (order.now - order.before).days)}d")
        lines.append(f"new work fills that room; to shrink the file, run `{again}` again while nobody works here")
    return lines


def _details(rows: Mapping[str, int]) -> str:
    words = {"tasks": "task", "documents": "document version", "journal": "journal entry", "events": "event"}
    plurals = {"journal": "journal entries"}
    return ", ".join(
        text.counted(rows[table], word, plurals.get(table)) for table, word in words.items() if rows.get(table)
    )


def size(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
