"""Words and columns for people: money, spans, counts, and tables that fit the terminal."""

from __future__ import annotations

import os.path
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

GAP = "  "
NARROWEST = 12


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def one_line(text: str) -> str:
    return " ".join(text.split())


def shown_path(path: Path) -> str:
    """Relative to the current directory, unless that only leads up."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(f"..{os.sep}..") else relative


def terminal_width() -> int:
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def width(text: str) -> int:
    """Columns on a terminal: East Asian letters and emoji take two, marks that join their letter none."""
    return sum(
        0 if unicodedata.combining(c) or c in "\u200d\ufe0f" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def clipped(text: str, columns: int) -> str:
    if width(text) <= columns:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > columns - 1:
            break
        kept += character
    return f"{kept}…"


def table(rows: Sequence[Sequence[str]], *, indent: str = "", columns: int | None = None) -> list[str]:
    """Aligned columns; the last one takes what is left and is clipped (`columns` None: the terminal's width)."""
    if not rows:
        return []
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    used = len(indent) + sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    widths[-1] = max(NARROWEST, (columns or terminal_width()) - used)
    return [
        (indent + GAP.join(_cell(text, widths[i], last=i == len(row) - 1) for i, text in enumerate(row))).rstrip()
        for row in rows
    ]


def _cell(text: str, columns: int, *, last: bool) -> str:
    return clipped(text, columns) if last else text + " " * (columns - width(text))
