"""The memory of a workspace as commands see it: a person's edit of the page is taken in before anything else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output
from marketeer.cli.common import Call
from marketeer.domain.document import LEARNINGS_PATH, tree_path
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import TEAM, Learning
from marketeer.domain.skill import DIRECTOR
from marketeer.runtime import Reader, load_workspace_team, open_office, open_reader

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.engine.library import Library
    from marketeer.engine.memory import Memory


@asynccontextmanager
async def opened(call: Call) -> AsyncIterator[Reader]:
    """What reading needs, with every edit of the pages in the store. Raises UsageError when there is no workspace."""
    async with open_reader(call.settings) as reader:
        for rehearsal in (False, True):
            if await _is_edited(reader, tree_path(LEARNINGS_PATH, rehearsal=rehearsal)):
                await _take_in(call, reader, rehearsal=rehearsal)
        yield reader


async def learn(call: Call, learning: Learning, entry: JournalEntry) -> Learning:
    """Take in what a person says; returns it, or the one it repeats. Makes the workspace when there is none."""
    if not FileWorkspace(call.settings.workspace_dir).exists:
        async with open_office(call.settings):
            pass
    async with opened(call) as reader:
        (stored,) = await reader.store.learn([learning], [entry])
        await _rewrite(reader, rehearsal=learning.rehearsal)
        return stored


async def store_changed(call: Call, learnings: Sequence[Learning], entry: JournalEntry) -> None:
    """Store learnings of one tree as they are now."""
    async with opened(call) as reader:
        await reader.store.put_learnings(learnings, [entry])
        await _rewrite(reader, rehearsal=learnings[0].rehearsal)


def agents_of(call: Call) -> frozenset[str]:
    """Whom a learning may be for."""
    return frozenset({*load_workspace_team(call.settings).skill_names(), DIRECTOR, TEAM})


async def _is_edited(reader: Reader, path: str) -> bool:
    content = await reader.workspace.read(path)
    if content is None:
        return False
    return not await reader.store.is_stored_version(path, hashlib.sha256(content).hexdigest())


async def _take_in(call: Call, reader: Reader, *, rehearsal: bool) -> None:
    library, memory = _memory(reader)
    await memory.look(rehearsal=rehearsal, agents=agents_of(call))
    for warning in library.warnings:
        output.note(f"marketeer: {warning}")
    await _mirror(reader, library, rehearsal=rehearsal)


async def _rewrite(reader: Reader, *, rehearsal: bool) -> None:
    library, memory = _memory(reader)
    page = await memory.as_document(rehearsal=rehearsal)
    if page is not None:
        await reader.store.add_document(page)
        await _mirror(reader, library, rehearsal=rehearsal)


async def _mirror(reader: Reader, library: Library, *, rehearsal: bool) -> None:
    path = tree_path(LEARNINGS_PATH, rehearsal=rehearsal)
    newest = await reader.store.document(path)
    if newest is not None:
        await library.mirror(path, newest.version)


def _memory(reader: Reader) -> tuple[Library, Memory]:
    # Reading commands that find nothing edited need neither the engine nor the logger.
    from marketeer.engine.library import Library
    from marketeer.engine.memory import Memory

    library = Library(reader.store, reader.workspace, reader.clock)
    return library, Memory(reader.store, library, reader.clock)
