"""The whole machine in memory: a real store and engine, a folderless workspace, a model and a clock of your choice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.degradation import Disk
from marketeer.ports import Clock, ModelClient, Stamp
from marketeer.runtime import Office
from marketeer.settings import Settings, load_settings
from marketeer.testing.clock import FakeClock

NOWHERE = Path("in-memory-workspace")


class MemoryWorkspace(FileWorkspace):
    """Files are entries of `files`, by relative path."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        super().__init__(NOWHERE)
        self.files: dict[str, bytes] = {path: text.encode() for path, text in (files or {}).items()}

    async def read(self, path: str) -> bytes | None:
        self.resolve(path)
        return self.files.get(path)

    async def write_many(
        self, files: Sequence[tuple[str, bytes]], *, over: Sequence[Stamp | None] | None = None
    ) -> Sequence[Stamp | None]:
        stamps: list[Stamp | None] = []
        for number, (path, content) in enumerate(files):
            self.resolve(path)
            if over is not None and await self.stamp(path) != over[number]:
                stamps.append(None)
                continue
            self.files[path] = content
            stamps.append(await self.stamp(path))
        return stamps

    async def disk(self) -> Disk | None:
        return None

    async def stamp(self, path: str) -> Stamp | None:
        content = self.files.get(path)
        return None if content is None else (hash(content), len(content))

    @asynccontextmanager
    async def work_lock(self, *, scope: str, is_daemon: bool = False, shared: bool = False) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def scheduler_mark(self) -> AsyncIterator[None]:
        yield


@asynccontextmanager
async def in_memory_office(
    *,
    model: ModelClient | None = None,
    clock: Clock | None = None,
    files: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[Office]:
    """`files` fill the workspace, such as `{"context/product-marketing-context.md": "..."}`. Without `model` only
    rehearsals can be worked on. Time is a FakeClock in which every wait is over at once, unless you give a clock."""
    store = SqliteStore(None)
    await store.open()
    try:
        office = Office(
            settings=settings or load_settings(workspace_dir=NOWHERE),
            workspace=MemoryWorkspace(files),
            store=store,
            clock=clock or FakeClock(auto=True),
            model=model,
        )
        try:
            yield office
        finally:
            await office.aclose()
    finally:
        await store.close()
