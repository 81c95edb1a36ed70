"""Draws docs/terminal.svg: what a rehearsal of the example company leaves on a terminal. Run by `make picture`.

The command runs as a user would run it, on a pseudo-terminal of a fixed size, so the picture cannot show what the
program does not do. Goal id, costs and times are those of the run.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 112
ROWS = 60
GOAL = "Increase signup conversion by 20%"
ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
TARGET = ROOT / "docs" / "terminal.svg"

_CONTROL = re.compile(r"\x1b\[(\d*)([AK])|\x1b\[\?25[lh]|(\r?\n)|(\r)")
# rich names fonts by web addresses; a picture in a README must not load any.
_WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FONT = "Fira Code, Menlo, Consolas, DejaVu Sans Mono, monospace"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        run(["init", "--example"], folder)
        output = run(["start", GOAL, "--rehearse"], folder)
    TARGET.write_text(draw([f'$ marketeer start "{GOAL}" --rehearse', *screen(output)]), encoding="utf-8")
    sys.stdout.write(f"drew {TARGET}\n")
    return 0


def run(arguments: list[str], folder: str) -> str:
    """What the command writes to its terminal. Raises CalledProcessError when it fails."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    # Nothing of the caller's environment: neither a key nor a setting may change the picture.
    environment = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "marketeer", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own command line
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        text = read_all(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    return text


def read_all(descriptor: int) -> str:
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:  # how a pseudo-terminal on Linux says that the other end was closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(descriptor)
    return b"".join(chunks).decode()


def screen(output: str) -> list[str]:
    """The lines left standing after every redraw. Knows the few controls that a live display uses, on whole lines."""
    lines, row, position = [""], 0, 0
    for control in _CONTROL.finditer(output):
        lines[row] += output[position : control.start()]
        position = control.end()
        if control[3]:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif control[2] == "A":
            row = max(0, row - int(control[1] or 1))
        elif control[2] == "K":
            lines[row] = ""
    lines[row] += output[position:]
    return "\n".join(lines).rstrip().splitlines()


def draw(lines: list[str]) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        text = Text.from_ansi(line)
        # Indentation as a span of its own becomes an offset; within a text some programs swallow it.
        text.stylize("dim", 0, len(text.plain) - len(text.plain.lstrip()))
        for part in text.divide(range(COLUMNS, len(text), COLUMNS)):
            console.print(part, soft_wrap=True)
    svg = console.export_svg(title="marketeer", unique_id="marketeer")
    return _WEB_FONT.sub("", svg).replace("font-family: Fira Code, monospace", f"font-family: {_FONT}")


if __name__ == "__main__":
    sys.exit(main())
