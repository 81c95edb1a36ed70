"""The helper: a process that writes files."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from marketeer.adapters.workspace.files import WorkspaceFiles
from marketeer.domain.errors import MarketeerError
from marketeer.helper.serving import is_gone, serve
from marketeer.ports import Stamp


def main() -> None:
    serve(lambda line: partial(_Writer().write, line))


class _Writer:
    def __init__(self) -> None:
        self._files: WorkspaceFiles | None = None
        self._deaths = 0

    def write(
        self,
        line: socket.socket,
        root: Path,
        files: Sequence[tuple[str, bytes]],
        over: Sequence[Stamp | None] | None,
        deaths: int,
    ) -> Sequence[Stamp | None] | MarketeerError | None:
        """Once the parent is gone nothing is put in place: whoever works there next may be at the same files."""
        if self._files is None or deaths != self._deaths:
            self._files, self._deaths = WorkspaceFiles(root), deaths
        try:
            return self._files.write_many(files, over, is_wanted=lambda: not is_gone(line))
        except MarketeerError as exc:
            return exc
        except Exception:  # noqa: BLE001 - the parent meets it where it can be told
            return None


if __name__ == "__main__":
    main()
