"""Documents and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.document import Document
    from marketeer.domain.work import WorkItem


class DocumentStore(Protocol):
    """Every text that goals read or write, as versions."""

    async def add_document(self, document: Document) -> Document:
        """Store the next version of its path and return it numbered. The journal is told of a human's."""
        ...

    async def document(self, path: str, version: int | None = None) -> Document | None:
        """That version, or the newest."""
        ...

    async def document_in_force(self, path: str, version: int | None) -> Document | None:
        """That version (None: the newest), or the newest human's version made after it."""
        ...

    async def adopted_document(self, path: str, *, approved_only: bool = False) -> Document | None:
        """The newest version that is a human's or that its task has taken for its output (and seen approved)."""
        ...

    async def document_of(self, work: WorkItem) -> Document | None:
        """The complete (not truncated) document recorded for this execute item's task and generation, if any."""
        ...

    async def is_stored_version(self, path: str, sha256: str) -> bool: ...

    async def unmirrored(self) -> Sequence[tuple[str, int]]:
        """Newest versions (path, version) not yet known to lie in the workspace as files."""
        ...

    async def mark_mirrored(self, written: Sequence[tuple[str, int]]) -> None:
        """(path, version) of documents whose files are as they should be; older versions are done with, too."""
        ...
