"""The library: documents in the store, their files in the workspace, and the people who edit them.

A file whose hash is any stored version is ours and may be rewritten. Empty, not UTF-8 or with NUL it is set aside as
`.rejected`. Anything else is a human's version: it is stored, and it wins over what the machine made meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from weakref import WeakValueDictionary

from marketeer.domain.document import CONTEXT_PATH, Author, Document, DocumentKind, tree_path
from marketeer.logs import get_logger
from marketeer.ports import Clock, Stamp, Store, Workspace

MIRROR_BATCH = 64
# Some 300 bytes each. A hundred goals have about a thousand files.
MOST_STAMPS = 2_048

log = get_logger(__name__)

_KIND_BY_FOLDER = {
    "context": DocumentKind.CONTEXT,
    "inputs": DocumentKind.INPUT,
    "outputs": DocumentKind.OUTPUT,
    "reviews": DocumentKind.REVIEW,
    "goals": DocumentKind.REPORT,
    "memory": DocumentKind.LEARNINGS,
}


class Library:
    """Reads what is in force and mirrors what was made. `warnings` collects what a person should hear of."""

    def __init__(self, store: Store, workspace: Workspace, clock: Clock) -> None:
        self._store = store
        self._workspace = workspace
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # What each file was when it was last read: an unchanged one is not read again. Of the newest files only: a
        # forgotten one is read when it is looked at.
        self._stamps: dict[str, Stamp] = {}
        self._digests: dict[str, str] = {}
        self._mirroring = asyncio.Lock()
        # What is being mirrored at this moment.
        self._under_way: set[str] = set()
        # First versions that met a file nobody expected.
        self._met: set[str] = set()
        self.warnings: list[str] = []

    async def in_force(self, path: str, version: int | None = None) -> Document | None:
        """The pinned version (None: the newest), or what a human has put in its place since."""
        await self.refresh(path)
        return await self._store.document_in_force(path, version)

    async def product_context(self, *, rehearsal: bool) -> Document | None:
        """The product context in force: the newest that a human wrote or a review approved. A rehearsal reads the real
        one, and its own where there is none."""
        real = await self._approved_context(CONTEXT_PATH)
        if real is not None or not rehearsal:
            return real
        return await self._approved_context(tree_path(CONTEXT_PATH, rehearsal=True))

    async def _approved_context(self, path: str) -> Document | None:
        await self.refresh(path)
        return await self._store.adopted_document(path, approved_only=True)

    async def look(self, path: str) -> bool:
        """Take in a human's edit of the file. True when the file is a human's and must not be overwritten."""
        await self.refresh(path)
        return await self._is_humans(path)

    async def refresh(self, path: str) -> Stamp | None:
        """Take in a human's edit of the file, if there is one. Returns what the file was when it was looked at."""
        # Tasks of one phase look at their common inputs at the same moment: an edit is one version all the same.
        if path in self._under_way:
            return None  # our own file: whoever writes it finds a person's edit before replacing it
        stamp = await self._workspace.stamp(path)
        if stamp == self._stamps.get(path) and (stamp is not None or path not in self._digests):
            return stamp  # as it was, or as little there as it was
        lock = self._locks.setdefault(path, asyncio.Lock())
        async with lock:
            stamp = await self._workspace.stamp(path)
            if stamp is not None and self._stamps.get(path) == stamp:
                return stamp
            self._digests.pop(path, None)
            content = await self._workspace.read(path) if stamp is not None else None
            if stamp is not None and content is not None:
                await self._take_in(path, content)
                self._remember(path, stamp)
            return stamp

    def _remember(self, path: str, stamp: Stamp) -> None:
        self._stamps[path] = stamp
        if len(self._stamps) > MOST_STAMPS:
            oldest = next(iter(self._stamps))
            del self._stamps[oldest]
            self._digests.pop(oldest, None)

    async def _take_in(self, path: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if not await self._store.is_stored_version(path, digest):
            text = _readable(content)
            if text is None:
                await self._reject(path, content)
                return
            await self._add_humans(path, text)
        self._digests[path] = digest

    async def _add_humans(self, path: str, text: str) -> None:
        known = await self._store.document(path)
        stored = await self._store.add_document(
            Document(
                path=path,
                kind=known.kind if known else _kind_of(path),
                content=text,
                author=Author.HUMAN,
                rehearsal=path.startswith("rehearsal/"),
                created_at=self._clock.now(),
                goal_id=known.goal_id if known else None,
                task_id=known.task_id if known else None,
            )
        )
        await self._store.mark_mirrored([(path, stored.version)])
        log.info("human_version_stored", path=path, version=stored.version)

    async def _is_humans(self, path: str) -> bool:
        """Whether the file as last read is the newest version, and a human's."""
        digest = self._digests.get(path)
        newest = await self._store.document(path) if digest is not None else None
        return newest is not None and newest.author is Author.HUMAN and newest.sha256 == digest

    async def _reject(self, path: str, content: bytes) -> None:
        await self._workspace.write(f"{path}.rejected", content)
        warning = f"{path} was empty or not readable text: kept as {path}.rejected"
        self.warnings.append(warning)
        log.warning("file_rejected", path=path)
        belongs = await self._store.adopted_document(path)
        if belongs is not None:
            await self._workspace.write(path, belongs.content.encode())

    async def mirror(self, path: str, version: int) -> None:
        """Write a stored version to its file, unless a human's version lies there."""
        await self._mirror([(path, version)])

    async def mirror_missing(self) -> None:
        """Whatever was stored, by this process or an earlier one, and is not yet written."""
        async with self._mirroring:  # whoever comes second would write the same files again
            pending = list(await self._store.unmirrored())
            for start in range(0, len(pending), MIRROR_BATCH):
                await self._mirror(pending[start : start + MIRROR_BATCH])

    async def _mirror(self, pending: Sequence[tuple[str, int]]) -> None:
        files: list[tuple[str, bytes]] = []
        over: list[Stamp | None] = []
        done = []
        for path, version in pending:
            is_new = self._is_new(path, version)
            stamp = None if is_new else await self.refresh(path)
            if not is_new and await self._is_humans(path):
                log.info("mirror_skipped", path=path, version=version)
                done.append((path, version))
                continue
            # An older version that is adopted again does not undo what a person has made of it since.
            document = await self._store.document_in_force(path, version)
            if document is not None:
                files.append((path, document.content.encode()))
                over.append(stamp)
        versions, unexpected = dict(pending), list[tuple[str, int]]()
        for (path, content), stamp in zip(files, await self._write(files, over), strict=True):
            if stamp is None:
                # A person was faster, or an earlier process wrote it: it is looked at before the next try.
                if self._is_new(path, versions[path]):
                    unexpected.append((path, versions[path]))
                continue
            self._digests[path] = hashlib.sha256(content).hexdigest()
            self._remember(path, stamp)
            done.append((path, versions[path]))
        await self._store.mark_mirrored(done)
        if unexpected:
            self._met.update(path for path, _ in unexpected)
            await self._mirror(unexpected)

    async def _write(self, files: Sequence[tuple[str, bytes]], over: Sequence[Stamp | None]) -> Sequence[Stamp | None]:
        paths = {path for path, _ in files}
        self._under_way |= paths
        try:
            return await self._workspace.write_many(files, over=over)
        finally:
            self._under_way -= paths

    def _is_new(self, path: str, version: int) -> bool:
        """Whether there should be no file yet: then writing it finds out, and nobody need look before."""
        return version == 1 and path not in self._stamps and path not in self._met

    async def restore(self, path: str) -> None:
        """Take in an edit, or rewrite a file that is missing or torn."""
        if await self.look(path):
            return
        belongs = await self._store.adopted_document(path)
        if belongs is not None and await self._workspace.read(path) != belongs.content.encode():
            await self._workspace.write(path, belongs.content.encode())


def _readable(content: bytes) -> str | None:
    if b"\0" in content or not content.strip():
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _kind_of(path: str) -> DocumentKind:
    parts = path.split("/")
    folder = parts[1] if parts[0] == "rehearsal" and len(parts) > 1 else parts[0]
    return _KIND_BY_FOLDER.get(folder, DocumentKind.INPUT)
