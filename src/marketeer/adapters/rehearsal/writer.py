"""One rehearsal document: the contract says what belongs where, the pool says it in this company's words."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never

from marketeer.adapters.rehearsal.blocks import fenced, header, row_line
from marketeer.adapters.rehearsal.fences import Fences
from marketeer.adapters.rehearsal.pool import UNKNOWN_PRODUCT, Pool
from marketeer.adapters.rehearsal.tables import Tables
from marketeer.adapters.rehearsal.text import clean, shorten
from marketeer.adapters.rehearsal.values import Place, Values
from marketeer.domain.contract import (
    REF_TABLE,
    Check,
    Code,
    Column,
    Contains,
    Field,
    ListOf,
    Quotes,
    Rule,
    Section,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_sections import ASSUMPTIONS, HANDOFF, SUMMARY, all_sections
from marketeer.domain.contract_values import bare
from marketeer.domain.markdown import count_words, key
from marketeer.domain.product_context import ProductContext
from marketeer.domain.skill import Skill

MARK = "> Rehearsal: written offline by the built-in model from your product context. Not for publication."
GOAL_CHARS = 140
SUMMARY_LEAST, SUMMARY_MOST = 48, 112
_PADDING_SENTENCES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be written: everything the document may depend on."""

    skill: Skill
    goal: str
    context: ProductContext
    upstream: Mapping[str, str]
    registry: frozenset[str]
    today: date
    seed: int
    richness: int = 2


def write(order: Order) -> str:
    """The whole document, ending in a newline."""
    return _Writer.of(order).document()


@dataclass(slots=True, kw_only=True)
class _Writer:
    order: Order
    pool: Pool
    rng: random.Random
    registry: list[str]
    values: Values = field(init=False)
    tables: Tables = field(init=False)
    fences: Fences = field(init=False)
    # Rows by (heading, place of the check), so that a reference may point to a table further down.
    written: dict[tuple[str, int], list[list[str]]] = field(default_factory=dict)
    open: set[tuple[str, int]] = field(default_factory=set)
    last_fence: str = ""
    title: str = ""  # of the H3 being written
    listed: bool = False  # whether a list stands right above: a second one would run into it

    @classmethod
    def of(cls, order: Order) -> _Writer:
        rng = random.Random(order.seed)  # noqa: S311 -- repeatable on purpose, nothing secret
        goal = shorten(clean(order.goal), GOAL_CHARS) or "the goal as given"
        pool = Pool(context=order.context, goal=goal, rng=rng)
        writer = cls(order=order, pool=pool, rng=rng, registry=_colleagues(order))
        writer.values = Values(
            pool=pool,
            rng=rng,
            today=order.today,
            registry=writer.registry,
            prices=order.context.prices,
            table_values=writer._referenced,
        )
        writer.tables = Tables(values=writer.values, richness=order.richness)
        writer.fences = Fences(pool=pool, values=writer.values)
        return writer

    def document(self) -> str:
        contract = self.order.skill.contract
        title = f"# {_spoken(contract.skill)} for {self.pool.product}: {shorten(self.pool.goal, 80)}"
        sections = [(section, list(self._section(section))) for section in all_sections(contract)]
        head = [title, "", MARK, ""]
        self._pad(head, sections)
        lines = [*head, *(line for _, body in sections for line in body)]
        return "\n".join(lines).rstrip() + "\n"

    def _pad(self, head: list[str], sections: list[tuple[Section, list[str]]]) -> None:
        """Add sentences round by round until the document is comfortably inside its word range."""
        contract = self.order.skill.contract
        room = contract.max_words - contract.min_words
        target = contract.min_words + min(room // 4, 150)
        own = [body for section, body in sections if section in contract.sections]
        words = count_words("\n".join(head)) + sum(count_words("\n".join(body)) for _, body in sections)
        turn = 0
        while words < target and own and turn < 400:
            text = " ".join(self.pool.sentence() for _ in range(_PADDING_SENTENCES))
            own[turn % len(own)].extend([text, ""])
            words += count_words(text)
            turn += 1

    # -- sections ----------------------------------------------------------------------------------------------

    def _section(self, section: Section) -> Iterator[str]:
        yield f"## {section.heading}"
        yield ""
        if section is SUMMARY:
            yield from (self._summary(), "")
        elif section is ASSUMPTIONS:
            yield from self._assumptions()
        elif section is HANDOFF:
            yield from self._handoff()
        else:
            yield from self._own(section)

    def _own(self, section: Section) -> Iterator[str]:
        self.listed = False
        body: list[str] = []
        # What stands under an H3 comes last, or it would swallow the rest.
        plain = [check for check in section.checks if not isinstance(check, Subsections | Contains)]
        for place, check in enumerate(section.checks):
            if check in plain:
                body.extend(self._check(check, section.heading, place))
        for check in section.checks:
            if isinstance(check, Subsections):
                body.extend(self._subsections(check, section.heading))
        intro = not body or self.order.richness > 0
        lines = [self.pool.sentence(), "", *body] if intro else body
        literal = (check.text for check in section.checks if isinstance(check, Contains))
        yield from self._demanded((*section.must_contain, *literal), lines)
        yield from lines

    def _demanded(self, texts: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
        """Sentences for the texts that must stand in a section and do not yet."""
        present = key("\n".join(lines))
        absent = [text for text in texts if key(text) not in present]
        if len(absent) > 1:
            spoken = self.pool.phrase("hypothesis")
            if sum(key(text) in key(spoken) for text in absent) > 1:
                yield from (f"{spoken}.", "")
                absent = [text for text in absent if key(text) not in key(spoken)]
        if absent:
            yield from (_covering(*absent), "")

    def _summary(self) -> str:
        product, goal = self.pool.product, self.pool.slots["goal"][0]
        target = " [target]" if any(char.isdigit() for char in goal) else ""
        kind = _spoken(self.order.skill.contract.skill).casefold()
        sentences = [f"This {kind} deliverable for {product} works towards the goal {goal}{target}."]
        if self.order.upstream:
            names = ", ".join(sorted(clean(name) for name in self.order.upstream)[:3])
            sentences.append(f"It builds on what came before: {shorten(names, 90)}.")
        while count_words(" ".join(sentences)) < SUMMARY_LEAST:
            sentences.append(self.pool.sentence())
        text = " ".join(sentences)
        words = count_words(text)
        return text if words <= SUMMARY_MOST else shorten(text, len(text) * SUMMARY_MOST // words) + "."

    def _assumptions(self) -> Iterator[str]:
        yield from header([column.name for column in _columns(ASSUMPTIONS)])
        yield from (row_line(row) for row in self._assumed())
        yield ""

    def _assumed(self) -> list[list[str]]:
        """The rows of the Assumptions; what is not on file makes more of them."""
        rows = [
            ["A1", "The product context is complete enough to work from", "A rehearsal reads nothing else",
             "Have its owner read the product context once more"],
        ]  # fmt: skip
        gaps = [
            (not self.order.context.personas, "The reader is the person who decides", "No persona is on file"),
            (not self.order.context.goals, "The goal's measure can be counted today", "No baseline is on file"),
            (self.pool.product == UNKNOWN_PRODUCT, "There is one product", "No product name is on file"),
        ]
        for is_gap, assumption, why in gaps:
            if is_gap:
                rows.append([f"A{len(rows) + 1}", assumption, why, "Add it to the product context and run this again"])
        return rows

    def _handoff(self) -> Iterator[str]:
        next_ones = [name for name in self.order.skill.info.downstream if name in self.order.registry]
        receivers = next_ones[:4] or ["director"]
        headings = [section.heading for section in self.order.skill.contract.sections] or ["Summary"]
        yield from header([column.name for column in _columns(HANDOFF)])
        for place, receiver in enumerate(receivers):
            # Whoever works on has to know what was taken for granted.
            cited = f" [{', '.join(row[0] for row in self._assumed())}]" if place == 0 else ""
            uses = self.pool.phrase("general", customer=True) + cited
            yield row_line([receiver, uses, headings[place % len(headings)]])
        yield ""

    # -- checks ------------------------------------------------------------------------------------------------

    def _check(self, check: Check, heading: str, place: int, row: int = 0, *, shared: bool = True) -> Iterator[str]:
        match check:
            case Field():
                yield from (f"**{check.label}:** {self._field(check, heading, row)}", "")
            case Table():
                yield from header([column.name for column in check.columns])
                rows = self._rows(check, heading, place) if shared else self.tables.rows(check, heading)
                yield from (*(row_line(cells) for cells in rows), "")
            case ListOf():
                yield from self._list(check, heading)
            case Code():
                self.last_fence = ""
                for number in range(check.min_blocks):
                    self.last_fence = self.fences.content(check, number, self._event_names())
                    yield from (*fenced(check.info[0], self.last_fence), "")
            case Contains():
                yield from (_covering(check.text), "")
            case Quotes():
                yield from self._quotes(check)
            case Rule():
                pass
            case Subsections():
                yield from self._subsections(check, heading)
            case _:
                assert_never(check)

    def _field(self, check: Field, heading: str, row: int) -> str:
        if self.last_fence and check.label.casefold() == "chars":
            return str(len(self.last_fence.strip()))
        if self.last_fence and check.label.casefold() == "words":
            return str(count_words(self.last_fence))
        return self.values.of(check, Place(row=row, heading=heading, hint=check.hint))

    def _list(self, check: ListOf, heading: str) -> Iterator[str]:
        if check.after:
            yield from (f"**{check.after}:**", "")
        elif self.listed:
            yield from (self.pool.sentence(), "")
        self.listed = True
        count = check.min_items + (1 if self.order.richness > 1 and check.min_items < 5 else 0)
        count = max(1, min(count, check.max_items) if check.max_items is not None else count)
        kind = self.pool.kind_of(check.after or "", self.title, check.hint, heading)
        taken: set[str] = set()
        for row in range(count):
            place = Place(row=row, rows=count, heading=heading, hint=check.hint, taken=frozenset(taken))
            item = self.values.item(check.pattern, place, kind=kind)
            taken.add(item.casefold())
            yield f"- {item}"
        yield ""

    def _quotes(self, check: Quotes) -> Iterator[str]:
        known = [(clean(quote.text), clean(quote.source)) for quote in self.order.context.quotes]
        for text, source in known[: max(check.min_quotes, 3)]:
            yield from (f'"{text}" ({source})', "")
        for number in range(len(known), check.min_quotes):
            yield from (f'"A sample of how it might be said, number {number + 1}" (example, not from a customer)', "")

    def _subsections(self, check: Subsections, heading: str) -> Iterator[str]:
        for one in check.titled:
            title = one.title or self.values.title(one.title_pattern, Place(heading=heading, hint=one.title_hint))
            yield from self._subsection(one, title, heading, 0)
        if check.each is None:
            return
        extra = 1 if self.order.richness > 1 and check.min_count < 3 else 0
        count = check.min_count + extra
        count = min(count, check.max_count) if check.max_count is not None else count
        for row in range(max(count, 1)):
            place = Place(row=row, rows=count, heading=heading, hint=check.each.title_hint)
            title = check.each.title or self.values.title(check.each.title_pattern, place)
            yield from self._subsection(check.each, title, heading, row)

    def _subsection(self, one: Subsection, title: str, heading: str, row: int) -> Iterator[str]:
        yield from (f"### {title}", "")
        self.last_fence, self.listed = "", False
        self.fences.subject = self.title = title
        ordered = sorted(one.checks, key=lambda check: isinstance(check, Field) and check.label in ("Chars", "Words"))
        for check in ordered:
            yield from self._check(check, heading, 0, row, shared=False)
        if not one.checks:
            yield from (" ".join(self.pool.sentence(customer=True) for _ in range(2)), "")
        self.last_fence = self.title = ""

    # -- references between tables -----------------------------------------------------------------------------

    def _rows(self, check: Table, heading: str, place: int) -> list[list[str]]:
        name = (heading, place)
        if name not in self.written:
            self.open.add(name)
            self.written[name] = self.tables.rows(check, heading)
            self.open.discard(name)
        return self.written[name]

    def _referenced(self, ref: str) -> Sequence[str]:
        """The values of another table's column; that table is written first if need be."""
        heading, _, column = ref.removeprefix(REF_TABLE).rpartition(".")
        for section in self.order.skill.contract.sections:
            if key(section.heading) != key(heading):
                continue
            for place, check in enumerate(section.checks):
                names = [key(one.name) for one in check.columns] if isinstance(check, Table) else []
                if isinstance(check, Table) and key(column) in names and (section.heading, place) not in self.open:
                    at = names.index(key(column))
                    return [bare(row[at]) for row in self._rows(check, section.heading, place)]
        return []

    def _event_names(self) -> Sequence[str]:
        return self._referenced(f"{REF_TABLE}Event Plan.Event")


def _columns(section: Section) -> tuple[Column, ...]:
    return tuple(column for check in section.checks if isinstance(check, Table) for column in check.columns)


def _spoken(skill: str) -> str:
    return clean(skill.replace("-", " ")).capitalize()


def _covering(*texts: str) -> str:
    """A sentence that holds these texts word for word."""
    if len(texts) == 1 and "human" in texts[0].casefold():
        return f"{texts[0]}: nothing is spent, sent or published before a person has said yes."
    return f"This section also covers: {', '.join(texts)}."


def _colleagues(order: Order) -> list[str]:
    """Who may be named as owner or receiver: those this skill hands to, then a human."""
    near = [name for name in order.skill.info.downstream if name in order.registry]
    return [*near[:4], "human"] if near else ["human", "director"]
