"""The blocks of plain Markdown, read line by line: nearly all that outputs are made of, and faster than markdown-it.

It reads headings, paragraphs, lists, tables, fences and quotations as they are mostly written, and says so (Unusual)
of anything that could be read in two ways: lazy lines, odd indents. Then a whole parser has to do it. Where it reads a
text, it gives what that parser would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ODD = re.compile(r"[\t\x0b\x0c\x1c-\x1f]")
_HEADING = re.compile(r"(#{1,6})(?: +(.*))?$", re.DOTALL)
_CLOSING = re.compile(r"(?:^| )#+ *$")
_RULE = re.compile(r"([-*_])(?: *\1){2,} *$")
_MARKER = re.compile(r"(?:(?P<bullet>[-+*])|(?P<number>\d{1,9})(?P<dot>[.)]))(?P<space> {1,4})(?=[^ ])")
_MAYBE_MARKER = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?: |$)")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)$", re.DOTALL)
_DELIMITERS = re.compile(r"(?=[|: ]*-)[|: -]+$")
_TABLE = re.compile(r"\|(?: *:?-+:? *\|)+ *$")
# A line that begins with another character than these begins no block of its own.
_SPECIAL = frozenset("#>-+*_`~|: 0123456789")
_DEEPEST = 9


class Unusual(Exception):
    """It could be read in two ways."""


@dataclass(slots=True)
class Token:
    """What is read of one, under the names that markdown-it gives."""

    type: str
    level: int = 0
    content: str = ""
    tag: str = ""
    info: str = ""
    map: list[int] | None = None


def read_blocks(text: str) -> Sequence[Token]:
    """Raises Unusual."""
    if _ODD.search(text):
        raise Unusual
    tokens: list[Token] = []
    _Blocks(text.split("\n"), 0, 0, tokens).read()
    return tokens


class _Blocks:
    """The lines of a document, or of a list's item without its indent. `first` is the number of their first line."""

    __slots__ = ("_at", "_first", "_level", "_lines", "_paragraph", "_tokens")

    def __init__(self, lines: list[str], first: int, level: int, tokens: list[Token]) -> None:
        self._lines = lines
        self._first = first
        self._level = level
        self._tokens = tokens
        self._at = 0
        self._paragraph: list[str] = []

    def read(self) -> None:
        if self._level > 2 * _DEEPEST:
            raise Unusual
        lines, paragraph = self._lines, self._paragraph
        while self._at < len(lines):
            line = lines[self._at]
            if line and line[0] not in _SPECIAL:
                paragraph.append(line)
                self._at += 1
            elif not line.strip(" "):
                self._end_paragraph()
                self._at += 1
            else:
                self._special(line)
        self._end_paragraph()

    def _special(self, line: str) -> None:
        """A line that may begin a block."""
        match line[0]:
            case "#":
                found = _HEADING.match(line)
                taken = found is not None and self._heading(found)
            case "`" | "~":
                fence = _FENCE.match(line)
                taken = fence is not None and self._fence(fence)
            case "|" | ":":
                taken = self._row(line)
            case ">":
                taken = self._quotation()
            case " ":
                raise Unusual
            case _:
                taken = self._rule(line) or self._list(line)
        if not taken:
            self._paragraph.append(line)
            self._at += 1

    def _end_paragraph(self) -> None:
        if self._paragraph:
            self._tokens.append(Token("inline", self._level, "\n".join(self._paragraph).strip()))
            self._paragraph.clear()

    def _heading(self, found: re.Match[str]) -> bool:
        self._end_paragraph()
        start, tag = self._first + self._at, f"h{len(found[1])}"
        self._tokens += (
            Token("heading_open", self._level, tag=tag, map=[start, start + 1]),
            Token("inline", self._level + 1, _CLOSING.sub("", found[2] or "").strip()),
            Token("heading_close", self._level),
        )
        self._at += 1
        return True

    def _rule(self, line: str) -> bool:
        if line[0] in "|:-" and self._paragraph and "|" in self._paragraph[-1] and _DELIMITERS.match(line):
            raise Unusual  # a table whose rows do not begin with a bar
        if not _RULE.match(line):
            return False
        self._end_paragraph()
        self._tokens.append(Token("hr", self._level))
        self._at += 1
        return True

    def _fence(self, found: re.Match[str]) -> bool:
        fence, info = found[1], found[2]
        if fence[0] in info:
            raise Unusual
        for end in range(self._at + 1, len(self._lines)):
            bare = self._lines[end].strip(" ")
            if bare.startswith(fence) and not bare.strip(fence[0]):
                break
        else:
            raise Unusual
        if self._lines[end][0] == " ":
            raise Unusual
        self._end_paragraph()
        content = "".join(f"{line}\n" for line in self._lines[self._at + 1 : end])
        start = self._first + self._at
        self._tokens.append(Token("fence", self._level, content, info=info, map=[start, self._first + end + 1]))
        self._at = end + 1
        return True

    def _quotation(self) -> bool:
        self._end_paragraph()
        start = self._at
        while self._at < len(self._lines) and self._lines[self._at].startswith(">"):
            self._at += 1
        if self._at < len(self._lines) and self._lines[self._at].strip(" "):
            raise Unusual  # a paragraph's next line need not be marked
        inner = [line[1:].removeprefix(" ") for line in self._lines[start : self._at]]
        self._tokens.append(Token("blockquote_open", self._level))
        _Blocks(inner, self._first + start, self._level + 1, self._tokens).read()
        self._tokens.append(Token("blockquote_close", self._level))
        return True

    # -- tables ----------------------------------------------------------------------------------------------

    def _row(self, line: str) -> bool:
        """A table's head, or a line that only begins like one."""
        if self._paragraph and "|" in self._paragraph[-1] and _DELIMITERS.match(line):
            raise Unusual
        below = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else ""
        if not _DELIMITERS.match(below):
            return False
        head = _cells(line)
        if line[0] != "|" or not _TABLE.match(below) or below.count("|") != len(head) + 1:
            raise Unusual
        self._end_paragraph()
        self._tokens.append(Token("table_open", self._level))
        self._cells(head)
        self._at += 2
        while self._at < len(self._lines) and (row := self._lines[self._at]).strip(" "):
            if row[0] != "|":
                raise Unusual
            cells = _cells(row)[: len(head)]
            self._cells([*cells, *[""] * (len(head) - len(cells))])
            self._at += 1
        self._tokens.append(Token("table_close", self._level))
        return True

    def _cells(self, cells: Sequence[str]) -> None:
        self._tokens.append(Token("tr_open", self._level))
        self._tokens += [Token("inline", self._level, cell) for cell in cells]

    # -- lists -----------------------------------------------------------------------------------------------

    def _list(self, line: str) -> bool:
        marker = _MARKER.match(line)
        if marker is None:
            if _MAYBE_MARKER.match(line):
                raise Unusual  # an item that begins with nothing, or with code
            return False
        if self._paragraph and marker["number"] not in (None, "1"):
            raise Unusual  # it may be a number at the beginning of a line
        self._end_paragraph()
        kind = "bullet_list" if marker["bullet"] else "ordered_list"
        self._tokens.append(Token(f"{kind}_open", self._level, map=[self._first + self._at, 0]))
        last = marker
        while marker is not None and _same_kind(marker, last):
            self._item(marker)
            last = marker
            marker = self._next_marker()
        self._tokens.append(Token(f"{kind}_close", self._level))
        return True

    def _next_marker(self) -> re.Match[str] | None:
        if self._at >= len(self._lines):
            return None
        line = self._lines[self._at]
        return None if _RULE.match(line) else _MARKER.match(line)

    def _item(self, marker: re.Match[str]) -> None:
        offset, start = marker.end(), self._at
        indent = " " * offset
        lines = [self._lines[start][offset:]]
        at = start + 1
        while at < len(self._lines) and ((line := self._lines[at]).startswith(indent) or not line.strip(" ")):
            lines.append(line[offset:])
            at += 1
        if at < len(self._lines):
            self._check_end(self._lines[at], after_blank=not lines[-1].strip(" "))
        while not lines[-1].strip(" "):
            lines.pop()
        self._tokens.append(Token("list_item_open", self._level + 1))
        _Blocks(lines, self._first + start, self._level + 2, self._tokens).read()
        self._at = at

    def _check_end(self, line: str, *, after_blank: bool) -> None:
        """Whether it is plain that the item ends above this line."""
        if line[0] == " ":
            raise Unusual
        if not after_blank and not (_HEADING.match(line) or _MARKER.match(line)):
            raise Unusual  # a paragraph's next line need not be indented


def _same_kind(one: re.Match[str], other: re.Match[str]) -> bool:
    return one["bullet"] == other["bullet"] and one["dot"] == other["dot"]


def _cells(line: str) -> list[str]:
    if "\\" in line:
        raise Unusual
    cells = line.strip().split("|")
    if cells and not cells[0]:
        cells.pop(0)
    if cells and not cells[-1]:
        cells.pop()
    return cells
