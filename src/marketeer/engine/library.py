"""The library: documents in the store, their files in the workspace, and the people who edit them.

A file whose hash is any stored version is ours and may be rewritten. Empty, not UTF-8 or with NUL it is set aside as
`.rejected`. Anything else is a human's version: it is stored, and it wins over what the machine made meanwhile.
"""

from __future__ import annotations

import hashlib

from marketeer.domain.document import CONTEXT_PATH, Author, Document, DocumentKind, tree_path
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store, Workspace

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
        self.warnings: list[str] = []

    async def in_force(self, path: str, version: int | None = None) -> Document | None:
        """The pinned version (None: the newest), or what a human has put in its place since."""
        await self.look(path)
        newest = await self._store.document(path)
        if version is None or newest is None:
            return newest
        if newest.author is Author.HUMAN and newest.version > version:
            return newest
        return await self._store.document(path, version)

    async def product_context(self, *, rehearsal: bool) -> Document | None:
        """The product context in force. A rehearsal reads the real one, and its own where there is none."""
        real = await self.in_force(CONTEXT_PATH)
        if real is not None or not rehearsal:
            return real
        return await self.in_force(tree_path(CONTEXT_PATH, rehearsal=True))

    async def look(self, path: str) -> bool:
        """Take in a human's edit of the file. True when the file is a human's and must not be overwritten."""
        content = await self._workspace.read(path)
        if content is None:
            return False
        if await self._store.is_stored_version(path, hashlib.sha256(content).hexdigest()):
            return await self._is_humans(path, content)
        text = _readable(content)
        if text is None:
            await self._reject(path, content)
            return False
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
        await self._store.mark_mirrored(path, stored.version)
        log.info("human_version_stored", path=path, version=stored.version)
        return True

    async def _is_humans(self, path: str, content: bytes) -> bool:
        newest = await self._store.document(path)
        same = newest is not None and newest.content.encode() == content
        return same and newest is not None and newest.author is Author.HUMAN

    async def _reject(self, path: str, content: bytes) -> None:
        await self._workspace.write(f"{path}.rejected", content)
        warning = f"{path} was empty or not readable text: kept as {path}.rejected"
        self.warnings.append(warning)
        log.warning("file_rejected", path=path)
        newest = await self._store.document(path)
        if newest is not None:
            await self._workspace.write(path, newest.content.encode())

    async def mirror(self, path: str, version: int) -> None:
        """Write a stored version to its file, unless a human's version lies there."""
        if await self.look(path):
            log.info("mirror_skipped", path=path, version=version)
        else:
            document = await self._store.document(path, version)
            if document is not None:
                await self._workspace.write(path, document.content.encode())
        await self._store.mark_mirrored(path, version)

    async def mirror_missing(self) -> None:
        """Whatever an earlier process stored and did not get to write."""
        for path, version in await self._store.unmirrored():
            await self.mirror(path, version)

    async def restore(self, path: str) -> None:
        """Take in an edit, or rewrite a file that is missing or torn."""
        newest = await self._store.document(path)
        if await self.look(path) or newest is None:
            return
        if await self._workspace.read(path) != newest.content.encode() and not newest.truncated:
            await self._workspace.write(path, newest.content.encode())


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
