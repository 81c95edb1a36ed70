"""The folder that a user owns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.degradation import Disk


Stamp = tuple[int, ...]


class Workspace(Protocol):
    """The folder a user owns. Paths are relative to it, with forward slashes; none may leave it.

    Raises UsageError when it cannot be read or written.
    """

    async def read(self, path: str) -> bytes | None:
        """None when there is no such file."""
        ...

    async def write(self, path: str, content: bytes) -> None:
        """Atomic and durable: temporary file, fsync, rename."""
        ...

    async def write_many(
        self, files: Sequence[tuple[str, bytes]], *, over: Sequence[Stamp | None] | None = None
    ) -> Sequence[Stamp | None]:
        """(path, content) of several files: each as `write` would, and with `over` only where the file still is what
        its stamp says. Returns what each is now, None where it was left alone or has changed again."""
        ...

    async def stamp(self, path: str) -> Stamp | None:
        """Changes whenever the file does; None when there is none."""
        ...

    async def disk(self) -> Disk | None:
        """The room where it lies; None when that cannot be told."""
        ...

    def turn_at_files(self) -> AbstractContextManager[bool]:
        """For processes that share the work: whether no other one is at the files now. Then none is until the block
        ends."""
        ...

    def work_lock(
        self, *, scope: str, is_daemon: bool = False, shared: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """The right to work here: alone, as the embedded queue needs it, or `shared` with others. Raises WorkspaceBusy
        with a holder's pid."""
        ...

    def scheduler_mark(self) -> AbstractAsyncContextManager[None]:
        """Held while a process answers the slots of schedules. Any number may hold it."""
        ...
