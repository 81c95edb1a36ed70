"""A Markdown document as a small tree: headings with the fields, tables, lists and fences that stand under them.

Parsed once, with block rules only, and forgiving: what a careful reader would accept as the same shape is the same
shape here. markdown-it-py is imported with the first document that is not plain: importing this module stays cheap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Protocol

from marketeer.domain.markdown_blocks import Unusual, read_blocks

# Short values and names that come again and again within an output and in its contract. What is never seen again goes.
REMEMBERED_VALUES = 2_048
# Quotes and dashes that writers use for one another.
_SAME = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u2032": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"',
        "\u300c": '"', "\u300d": '"', "\u300e": '"', "\u300f": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-",
        "\u00a0": " ", "\uff08": "(", "\uff09": ")", "\uff1a": ":",
    }
)  # fmt: skip
_FIELD = re.compile(
    r"^\s*(?:[-*+]\s+|\d{1,3}[.)]\s+)?(?:>\s*)?(\*\*|__)(?P<label>[^*\n]{1,120}?)(?:\s*[:\uff1a]\s*\1|\1\s*[:\uff1a])"
    r"[ \t]*(?P<value>.*)$"
)
_NUMBERED = re.compile(r"^\d{1,3}[.)]\s+")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~$&])")
_MARKED = re.compile(r"[*_`\\]")
_WRAPPERS = ("**", "__", "``", "`", "*", "_")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_WORD = re.compile(r"[^\W_][\w'\u2019.,/%+-]*")
_H2_LINE = re.compile(r"^##(?=[ \t\n]|\Z)(?P<title>[^\n]*)", re.MULTILINE)
_MAY_HIDE_HEADINGS = re.compile(r"```|~~~|\r|\x00|^[ \t]+##|^[ \t]*(?:[-*+>]|\d+[.)])[ \t>]*##", re.MULTILINE)
_H3_LINE = re.compile(r"^### ", re.MULTILINE)
_OPENING = re.compile(r"^(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>markdown|md)?[ \t]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """`**Label:** value`; the value may come from the block right below an empty one."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBlock:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBlock:
    """One list. `before` is the text right above it: a paragraph, a field's label, a heading or the parent item."""

    items: tuple[str, ...]
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One fenced block. `info` is the first word behind the fence, in lower case."""

    info: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What stands under one heading, deeper headings included. `parts` are the H3 of an H2."""

    title: str
    text: str
    fields: tuple[FieldLine, ...] = ()
    tables: tuple[TableBlock, ...] = ()
    lists: tuple[ListBlock, ...] = ()
    fences: tuple[Fence, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A whole document: its H1 headings, its H2 sections in order, and its text after unwrapping."""

    titles: tuple[str, ...]
    sections: tuple[Part, ...]
    text: str


@lru_cache(maxsize=16)
def parse(text: str) -> Outline:
    """Never raises: whatever the text, there is an outline of it."""
    source = unwrap(text).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    builder = _Builder(lines=source.split("\n"))
    builder.read(_blocks(source))
    return builder.outline(source)


def section_of(text: str, title: str) -> Part | None:
    """The first H2 of that name, whatever its case. Reading only its own lines gives the same as reading them all,
    where no fence, list or quotation can hold a heading."""
    wanted = title.casefold()
    return next(
        (part for part in parse(_around(text, wanted)).sections if part.title.strip().casefold() == wanted), None
    )


def _around(text: str, title: str) -> str:
    """The lines of that H2, or the whole text where they cannot be told by looking for them."""
    if _MAY_HIDE_HEADINGS.search(text):
        return text
    headings = list(_H2_LINE.finditer(text))
    for number, found in enumerate(headings):
        if found["title"].strip(" \t#").casefold() == title:
            end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
            return text[found.start() : end]
    return ""


def unwrap(text: str) -> str:
    """The document inside, when the whole text is one Markdown fence around it."""
    body = text.removeprefix("\ufeff").strip()
    first, _, rest = body.partition("\n")
    opening = _OPENING.match(first.strip())
    if opening is None:
        return text.removeprefix("\ufeff")
    inner, _, last = rest.rstrip().rpartition("\n")
    fence = opening["fence"]
    closed = set(last.strip()) == {fence[0]} and len(last.strip()) >= len(fence)
    # A document that merely begins with a fence does not begin with a heading inside it.
    if closed and inner.lstrip().startswith("#"):
        return inner.strip() + "\n"
    return text.removeprefix("\ufeff")


def same(text: str) -> str:
    """With one kind of quote, dash and space."""
    return text if text.isascii() else text.translate(_SAME)


@lru_cache(maxsize=REMEMBERED_VALUES)
def key(text: str) -> str:
    """How names are compared: case, markup, quotes, spacing and a closing colon do not matter."""
    bare = re.sub(r"[*`]|\b_|_\b", "", _ESCAPED.sub(r"\1", same(text)))
    return " ".join(bare.split()).rstrip(" :#").casefold()


@lru_cache(maxsize=REMEMBERED_VALUES)
def heading_key(text: str) -> str:
    """Like `key`, and a number in front does not matter either."""
    return key(_NUMBERED.sub("", text.strip().strip("*_").strip()))


@lru_cache(maxsize=REMEMBERED_VALUES)
def plain(text: str) -> str:
    """A value without the Markdown around it: `**x**`, `` `x` `` and escapes."""
    value = text.strip().rstrip("\\").rstrip()
    if not _MARKED.search(value):
        return value
    for mark in _WRAPPERS:
        inner = value[len(mark) : -len(mark)]
        if inner and value.startswith(mark) and value.endswith(mark) and mark not in inner:
            value = inner.strip()
    return _ESCAPED.sub(r"\1", value)


def count_words(text: str) -> int:
    """Words, with two characters to a word in scripts that write without spaces."""
    characters = 0 if text.isascii() else len(_CJK.findall(text))
    if not characters:
        return len(_WORD.findall(text))
    return len(_WORD.findall(_CJK.sub(" ", text))) + (characters + 1) // 2


def _blocks(text: str) -> Sequence[_Token]:
    try:
        return read_blocks(text)
    except Unusual:
        return whole_parser()(text)


class _Token(Protocol):
    """The part of markdown-it's token that is read here."""

    type: str
    tag: str
    level: int
    info: str
    content: str
    map: list[int] | None


@cache
def whole_parser() -> Callable[[str], Sequence[_Token]]:
    """Of texts that are not plain. Setext headings, indented code, HTML and link definitions are off: they would only
    hide what was meant."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    return parser.disable(["lheading", "code", "html_block", "reference", "inline", "text_join"]).parse


@dataclass(slots=True, kw_only=True)
class _Open:
    """A heading whose content is still being read."""

    title: str
    start: int
    fields: list[FieldLine] = field(default_factory=list)
    tables: list[TableBlock] = field(default_factory=list)
    lists: list[ListBlock] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def close(self, lines: list[str], end: int) -> Part:
        return Part(
            title=self.title,
            text="\n".join(lines[self.start : end]).strip(),
            fields=tuple(self.fields),
            tables=tuple(self.tables),
            lists=tuple(self.lists),
            fences=tuple(self.fences),
            parts=tuple(self.parts),
        )


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Walks the tokens once; every block goes to the open H3 and to the H2 around it."""

    lines: list[str]
    titles: list[str] = field(default_factory=list)
    sections: list[Part] = field(default_factory=list)
    section: _Open | None = None
    part: _Open | None = None
    before: str = ""
    offset: int = 0  # lines above the tokens being read, while they are those of a fence
    waiting: str | None = None  # the label of a field whose value has not come yet

    def read(self, tokens: Sequence[_Token]) -> None:
        position = 0
        while position < len(tokens):
            position = self._step(tokens, position)

    def outline(self, source: str) -> Outline:
        self._close_section(len(self.lines))
        return Outline(titles=tuple(self.titles), sections=tuple(self.sections), text=source)

    def _step(self, tokens: Sequence[_Token], at: int) -> int:
        token = tokens[at]
        match token.type:
            case "heading_open" if token.level == 0:
                self._heading(token, tokens[at + 1].content.strip())
                return at + 3
            case "inline":
                self._paragraph(token.content)
            case "fence":
                self._fence(token)
            case "table_open":
                return self._table(tokens, at)
            case "bullet_list_open" | "ordered_list_open":
                return self._list(tokens, at)
            case _:
                pass
        return at + 1

    def _fence(self, token: _Token) -> None:
        words = token.info.strip().split(maxsplit=1)
        info = words[0].casefold() if words else ""
        self._add_fence(Fence(info=info, content=token.content))
        if info == "copy" and _H3_LINE.search(token.content):
            # Page copy may be marked as a whole: its headings, fields and lists count as if they stood outside.
            outer, self.offset = self.offset, (token.map or [0, 0])[0] + 1
            self.read(_blocks(token.content))
            self.offset = outer

    def _heading(self, token: _Token, title: str) -> None:
        if self.offset and token.tag != "h3":
            return
        start, end = (line + self.offset for line in token.map or [0, 0])
        self.waiting = None
        self.before = title
        if token.tag == "h1":
            self.titles.append(title)
        elif token.tag == "h2":
            self._close_section(start)
            self.section = _Open(title=title, start=end)
        elif token.tag == "h3" and self.section is not None:
            self._close_part(start)
            self.part = _Open(title=title, start=end)

    def _close_part(self, line: int) -> None:
        if self.part is not None and self.section is not None:
            self.section.parts.append(self.part.close(self.lines, line))
        self.part = None

    def _close_section(self, line: int) -> None:
        self._close_part(line)
        if self.section is not None:
            self.sections.append(self.section.close(self.lines, line))
        self.section = None

    def _places(self) -> list[_Open]:
        return [place for place in (self.section, self.part) if place is not None]

    def _add_field(self, line: FieldLine) -> None:
        for place in self._places():
            place.fields.append(line)

    def _settle(self, value: str) -> None:
        """Give the field that waits for one its value."""
        if self.waiting is not None and value.strip():
            self._add_field(FieldLine(label=self.waiting, value=" ".join(value.split())))
        self.waiting = None

    def _add_fence(self, fence: Fence) -> None:
        self._settle(fence.content)
        for place in self._places():
            place.fences.append(fence)

    def _paragraph(self, content: str) -> None:
        """Split a paragraph into its fields and the text around them."""
        label, values = None, list[str]()
        text: list[str] = []
        for line in content.split("\n"):
            found = _FIELD.match(line)
            if found is None:
                (text if label is None else values).append(line.strip())
                continue
            self._field(label, values)
            label, values = found["label"], [found["value"].strip()]
        if label is None:
            self._settle(content)
            self.before = content
            return
        self._field(label, values)

    def _field(self, label: str | None, values: list[str]) -> None:
        if label is None:
            return
        value = " ".join(value for value in values if value)
        self.waiting = None if value else label
        self.before = f"{label}: {value}" if value else label
        self._add_field(FieldLine(label=label, value=value))

    def _table(self, tokens: Sequence[_Token], at: int) -> int:
        rows: list[list[str]] = []
        while tokens[at].type != "table_close":
            if tokens[at].type == "tr_open":
                rows.append([])
            elif tokens[at].type == "inline":
                rows[-1].append(tokens[at].content.strip())
            at += 1
        self.waiting = None
        table = TableBlock(header=tuple(rows[0]), rows=tuple(tuple(row) for row in rows[1:] if any(row)))
        for place in self._places():
            place.tables.append(table)
        return at + 1

    def _list(self, tokens: Sequence[_Token], at: int) -> int:
        """One list; lists inside its items become lists of their own, introduced by the item."""
        level, kind = tokens[at].level, tokens[at].type.replace("open", "close")
        goes_on = self._goes_on(tokens, at, kind)
        before, waiting, self.waiting = self.before, self.waiting, None
        items: list[str] = []
        at += 1
        while not (tokens[at].type == kind and tokens[at].level == level):
            if tokens[at].type == "list_item_open" and tokens[at].level == level + 1:
                items.append("")
            elif tokens[at].type == "inline" and items:
                items[-1] = f"{items[-1]} {' '.join(tokens[at].content.split())}".strip()
            at = self._step(tokens, at)
        self.waiting = waiting
        self._settle("; ".join(items))
        for place in self._places():
            if goes_on and place.lists:
                last = place.lists.pop()
                place.lists.append(ListBlock(items=(*last.items, *items), before=last.before))
            else:
                place.lists.append(ListBlock(items=tuple(items), before=before))
        return at + 1

    def _goes_on(self, tokens: Sequence[_Token], at: int, kind: str) -> bool:
        """Whether a list right below another one only changes the marker: `-` for `*`."""
        start = (tokens[at].map or [0])[0]
        follows = at > 0 and tokens[at - 1].type == kind and tokens[at - 1].level == tokens[at].level
        return follows and bool(self.lines[start - 1].strip())
