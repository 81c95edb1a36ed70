"""Writing beside this process: a helper is begun when there are many files to write, and not before.

A file is eleven short waits for the disk. On a thread of ours, each would take the interpreter's lock from the event
loop once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from marketeer.domain.errors import MarketeerError
from marketeer.ports import Stamp

if TYPE_CHECKING:  # most commands write a few files or none
    from marketeer.helper.process import HelperProcess, Load

# Files, as Load counts them: no single goal makes so many in a few seconds.
WORTH_HELP = 120.0
# A disk may be slow: far beyond what a batch takes.
LIMIT_S = 60.0


class FilesBeside:
    """Writes what it is given in a helper once that pays. `on_lost` is told why, when that is gone: once."""

    def __init__(
        self, on_lost: Callable[[str], None], *, worth_help: float = WORTH_HELP, limit_s: float = LIMIT_S
    ) -> None:
        self._on_lost = on_lost
        self._worth_help = worth_help
        self._limit_s = limit_s
        self._parts: tuple[HelperProcess, Load] | None = None
        self._deaths = 0

    @property
    def pid(self) -> int | None:
        """The helper's, once one was begun."""
        return self._parts[0].pid if self._parts is not None else None

    @property
    def has_help(self) -> bool:
        """Whether the next files go to the helper."""
        return self._parts is not None and self._parts[0].is_ready

    def forget_swept(self) -> None:
        """Somebody has died at the files: look once more for what the dead leave."""
        self._deaths += 1

    async def write(
        self, root: Path, files: Sequence[tuple[str, bytes]], over: Sequence[Stamp | None] | None
    ) -> Sequence[Stamp | None] | None:
        """As WorkspaceFiles does it; None when it has to be done here. Of what a lost helper had in hand some may be in
        place, as after a crash."""
        from marketeer.helper.process import HelperProcess, Load
        from marketeer.helper.wire import frame

        if self._parts is None:
            helper = HelperProcess("marketeer.adapters.workspace.helper", self._on_lost, limit_s=self._limit_s)
            self._parts = helper, Load(self._worth_help)
        helper, load = self._parts
        if not helper.is_ready:
            if load.add(len(files)) and not helper.was_begun:
                await helper.begin()
            return None
        answer: Sequence[Stamp | None] | MarketeerError | None = await helper.ask(
            lambda number: frame((number, root, tuple(files), over, self._deaths))
        )
        if isinstance(answer, MarketeerError):
            raise answer
        return answer

    async def aclose(self) -> None:
        if self._parts is not None:
            await self._parts[0].aclose()
