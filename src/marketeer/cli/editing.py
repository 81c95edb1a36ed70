"""Text that a person gives: from a file, from stdin, or out of their editor."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from marketeer.domain.errors import UsageError
from marketeer.settings import editor_command


def given_text(file: str) -> str:
    """The file's text, stdin's for `-`. Raises UsageError."""
    if file == "-":
        return readable(sys.stdin.buffer.read(), "stdin")
    try:
        return readable(Path(file).read_bytes(), repr(file))
    except OSError as exc:
        msg = f"--file {file!r} cannot be read ({exc.strerror}); give another file, or - for stdin"
        raise UsageError(msg) from exc


def edited(content: str, name: str) -> str:
    """What the user's editor makes of the text, in a file of that name. Raises UsageError."""
    editor = editor_command()
    if editor is None or not sys.stdin.isatty():
        why = "there is no terminal for an editor" if editor else "no EDITOR is set"
        msg = f"{why}; set EDITOR on a terminal, or give the text with --file FILE (- for stdin)"
        raise UsageError(msg)
    with tempfile.TemporaryDirectory(prefix="marketeer-") as folder:
        path = Path(folder) / name
        path.write_text(content, "utf-8")
        try:
            code = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode  # noqa: S603 - the user's own
        except (OSError, ValueError) as exc:
            msg = f"the editor {editor!r} cannot be started ({exc}); set EDITOR to another, or use --file"
            raise UsageError(msg) from exc
        if code != 0:
            msg = f"the editor {editor!r} ended with code {code}, so nothing was changed; try again, or use --file"
            raise UsageError(msg)
        return readable(path.read_bytes(), "what the editor left")


def readable(raw: bytes, name: str) -> str:
    """Raises UsageError for what could never be a document."""
    if not raw.strip() or b"\0" in raw:
        msg = f"{name} is empty or no text; write something into it"
        raise UsageError(msg)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        msg = f"{name} is not UTF-8 text; save it as UTF-8"
        raise UsageError(msg) from exc
