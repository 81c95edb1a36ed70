"""Lines of Markdown for tables and fences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def header(names: Sequence[str]) -> Iterator[str]:
    yield row_line(names)
    yield "|" + "---|" * len(names)


def row_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def fenced(info: str, content: str) -> Iterator[str]:
    yield f"```{info}"
    yield content.rstrip("\n")
    yield "```"
