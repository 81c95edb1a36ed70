"""One rehearsal document: the contract says what belongs where, the pool says it in this company's words."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil
from typing import assert_never

from marketeer.adapters.rehearsal.blocks import fenced, header, row_line
from marketeer.adapters.rehearsal.fences import Fences
from marketeer.adapters.rehearsal.formulas import Formulas, written
from marketeer.adapters.rehearsal.phrases import PHRASES
from marketeer.adapters.rehearsal.pool import UNKNOWN_PRODUCT, Pool
from marketeer.adapters.rehearsal.tables import Tables
from marketeer.adapters.rehearsal.text import clean, covering, sentence, short_sentences, shorten, spoken
from marketeer.adapters.rehearsal.values import Place, Values
from marketeer.domain.contract import (
    GOAL_SOURCE,
    REF_SOURCE,
    REF_SOURCE_OF,
    REF_TABLE,
    REF_TEXT,
    REF_TITLE,
    Check,
    Code,
    Column,
    Contains,
    Facts,
    Field,
    ListOf,
    Quotes,
    Rule,
    Section,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_quantities import number_of
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
    facts: Facts = field(default_factory=Facts)
    richness: int = 2
    named: tuple[str, ...] = ()  # the company's own words that have to occur, whatever else does


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
    formulas: Formulas = field(init=False)
    # Rows by (heading, place of the check), so that a reference may point to a table further down.
    written: dict[tuple[str, int], list[list[str]]] = field(default_factory=dict)
    open: set[tuple[str, int]] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)  # sections finished or in hand
    customer: bool = False  # whether customers read what is being written
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
        writer.formulas = Formulas(facts=order.facts, write=writer._ensure)
        writer.tables = Tables(values=writer.values, formulas=writer.formulas, richness=order.richness)
        writer.fences = Fences(pool=pool, values=writer.values)
        return writer

    def document(self) -> str:
        contract = self.order.skill.contract
        title = f"# {spoken(contract.skill)} for {self.pool.product}: {shorten(self.pool.goal, 80)}"
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
        own = [(section, body) for section, body in sections if section in contract.sections]
        words = count_words("\n".join(head)) + sum(count_words("\n".join(body)) for _, body in sections)
        turn = 0
        while words < target and own and turn < 400:
            section, body = own[turn % len(own)]
            customer = _is_customers(section)
            text = " ".join(self.pool.sentence(customer=customer) for _ in range(_PADDING_SENTENCES))
            body.extend([text, ""])
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
            self._ensure(section.heading)
            yield from self.formulas.done[section.heading]

    def _ensure(self, heading: str) -> None:
        """Write a section of the contract, unless that has been done or begun; what was in hand stays in hand."""
        section = next((one for one in self.order.skill.contract.sections if key(one.heading) == key(heading)), None)
        if section is None or section.heading in self.begun:
            return
        self.begun.add(section.heading)
        work = self.formulas
        kept = (work.heading, work.title, work.lines, self.listed, self.title, self.customer, self.fences.subject)
        work.heading, work.title, work.lines = section.heading, "", []
        self.title, self.customer = "", _is_customers(section)
        work.done[section.heading] = list(self._own(section))
        work.heading, work.title, work.lines, self.listed, self.title, self.customer, self.fences.subject = kept

    def _own(self, section: Section) -> Iterator[str]:
        self.listed = False
        body: list[str] = []
        # What stands under an H3 comes last, or it would swallow the rest.
        self.formulas.lines = body
        for place, check in enumerate(section.checks):
            if not isinstance(check, Subsections | Contains):
                body.extend(list(self._check(check, section.heading, place)))  # whole, as the next may look at it
        for check in section.checks:
            if isinstance(check, Subsections):
                body.extend(self._subsections(check, section.heading))
        intro = not body or self.order.richness > 0
        lines = [self.pool.sentence(customer=self.customer), "", *body] if intro else body
        literal = (check.text for check in section.checks if isinstance(check, Contains))
        yield from self._demanded((*section.must_contain, *literal), lines)
        yield from lines

    def _demanded(self, texts: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
        """Sentences for the texts that must stand in a section and do not yet."""
        present = key("\n".join(lines))
        absent = [text for text in texts if key(text) not in present]
        if len(absent) > 1:
            guess = self.pool.phrase("hypothesis", customer=self.customer)
            if sum(key(text) in key(guess) for text in absent) > 1:
                yield from (f"{guess}.", "")
                absent = [text for text in absent if key(text) not in key(guess)]
        if absent:
            yield from (covering(*absent), "")

    def _summary(self) -> str:
        product, goal = self.pool.product, self.pool.slots["goal"][0]
        target = " [target]" if any(char.isdigit() for char in goal) else ""
        kind = spoken(self.order.skill.contract.skill).casefold()
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
        if self.order.named:
            own = ", ".join(f"{word} [ctx]" for word in self.order.named)
            rows.append(["A2", f"What the product context names still holds: {own}", "It was not asked again",
                         "Have its owner confirm each of them"])  # fmt: skip
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
                rows = self._rows(check, heading, place) if shared else self.tables.rows(check, heading, ())
                yield from (*(row_line(cells) for cells in rows), "")
            case ListOf():
                yield from self._list(check, heading)
            case Code():
                for number in range(check.min_blocks):
                    content = self.fences.content(self._bounded(check), number, self._event_names())
                    yield from (*fenced(check.info[0], content), "")
            case Contains():
                yield from (covering(check.text), "")
            case Quotes():
                yield from self._quotes(check)
            case Rule():
                pass
            case Subsections():
                yield from self._subsections(check, heading)
            case _:
                assert_never(check)

    def _bounded(self, check: Code) -> Code:
        """The check with bounds that are formulas worked out."""
        least = self.formulas.number(check.at_least) if check.at_least else None
        most = self.formulas.number(check.at_most) if check.at_most else None
        return replace(
            check,
            min_words=check.min_words if least is None else ceil(least / check.min_blocks),
            max_words=check.max_words if most is None else int(most / check.min_blocks),
        )

    def _field(self, check: Field, heading: str, row: int) -> str:
        if check.calc and (number := self.formulas.number(check.calc)) is not None:
            return written(number, check.within)
        customer = self.customer or check.customer_facing
        value = self.values.of(check, Place(row=row, heading=heading, hint=check.hint, customer=customer))
        bounds = ((check.at_most, 1), (check.at_least, -1))
        for formula, sign in bounds:
            bound = self.formulas.number(formula) if formula else None
            stated = number_of(value)
            if bound is not None and stated is not None and sign * (stated - bound) > 0:
                return written(bound if sign > 0 else float(ceil(bound)), 0)
        return value

    def _list(self, check: ListOf, heading: str) -> Iterator[str]:
        if check.after:
            yield from (f"**{check.after}:**", "")
        elif self.listed:
            yield from (self.pool.sentence(customer=self.customer), "")
        self.listed = True
        count = check.min_items + (1 if self.order.richness > 1 and check.min_items < 5 else 0)
        count = max(1, min(count, check.max_items) if check.max_items is not None else count)
        kind = self.pool.kind_of(check.after or "", self.title, check.hint, heading)
        taken: set[str] = set()
        for row in range(count):
            place = Place(
                row=row, rows=count, heading=heading, hint=check.hint, taken=frozenset(taken), customer=self.customer
            )
            item = self.values.item(check.pattern, place, kind=kind, max_chars=check.max_width)
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
        wanted = self.formulas.number(check.count) if check.count else None
        count = round(wanted) if wanted is not None else count
        for row in range(max(count, 1)):
            place = Place(row=row, rows=count, heading=heading, hint=check.each.title_hint)
            title = check.each.title or self.values.title(check.each.title_pattern, place)
            yield from self._subsection(check.each, title, heading, row)

    def _subsection(self, one: Subsection, title: str, heading: str, row: int) -> Iterator[str]:
        yield from (f"### {title}", "")
        outer, self.customer = self.customer, self.customer or one.customer_facing
        work = self.formulas
        before, lines, work.title = work.lines, list[str](), title
        self.listed, work.lines = False, lines
        self.fences.subject = self.title = title
        # What is counted comes behind what it counts.
        for check in sorted(one.checks, key=lambda check: isinstance(check, Field) and check.calc is not None):
            lines.extend(list(self._check(check, heading, 0, row, shared=False)))
        if not one.checks:
            lines.extend([" ".join(self.pool.sentence(customer=True) for _ in range(2)), ""])
        lines.extend(self._filling(one.min_words or 0, lines, row))
        yield from lines
        self.title, self.customer = "", outer
        work.lines, work.title = [*before, f"### {title}", "", *lines], ""

    def _filling(self, words: int, lines: Sequence[str], row: int) -> Iterator[str]:
        """Paragraphs up to that many words; each subsection draws on other kinds of phrases than its neighbour."""
        kinds = [kind for kind in PHRASES if kind != "figure"]
        have, turn = count_words("\n".join(lines)), 0
        while have < words + 8 and turn < 200:
            kind = kinds[(row * len(kinds) // 3 + turn // 4) % len(kinds)]
            text = " ".join(sentence(self.pool.phrase(kind, customer=self.customer)) for _ in range(_PADDING_SENTENCES))
            yield from (text, "")
            have, turn = have + count_words(text), turn + 1

    # -- references between tables -----------------------------------------------------------------------------

    def _rows(self, check: Table, heading: str, place: int) -> list[list[str]]:
        name = (heading, place)
        if name not in self.written:
            self.open.add(name)
            sections = (one for one in self.order.skill.contract.sections if one.heading == heading)
            rules = [rule for one in sections for rule in one.checks if isinstance(rule, Rule) and rule.each_row]
            self.written[name] = self.tables.rows(check, heading, rules)
            self.open.discard(name)
        return self.written[name]

    def _referenced(self, ref: str) -> Sequence[str]:
        """The values a reference may take; what it points to is written first if need be."""
        if ref == REF_SOURCE:
            return list(self._sources()) or ["no text was given"]
        if ref.startswith(REF_SOURCE_OF):
            return [line for text in self._sources().values() for line in short_sentences(text)] or ["new"]
        if ref.startswith((REF_TEXT, REF_TITLE)):
            return self._of_section(ref)
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

    def _of_section(self, ref: str) -> Sequence[str]:
        """The sentences, or the beginnings of the H3 titles, of a section."""
        kind, _, heading = ref.partition(":")
        self._ensure(heading)
        lines = next((body for name, body in self.formulas.done.items() if key(name) == key(heading)), [])
        if kind == "title":
            titles = [line.removeprefix("### ") for line in lines if line.startswith("### ")]
            return [re.split(r"\s[\u00b7|:-]\s|: ", title)[0] for title in titles]
        return short_sentences("\n".join(lines)) or ["none"]

    def _sources(self) -> dict[str, str]:
        return {path: text for path, text in self.order.facts.sources.items() if path != GOAL_SOURCE}

    def _event_names(self) -> Sequence[str]:
        return self._referenced(f"{REF_TABLE}Event Plan.Event")


def _is_customers(section: Section) -> bool:
    """Whether customers read the section, or one of its subsections."""
    kinds = (check.each for check in section.checks if isinstance(check, Subsections))
    return section.customer_facing or any(each is not None and each.customer_facing for each in kinds)


def _columns(section: Section) -> tuple[Column, ...]:
    return tuple(column for check in section.checks if isinstance(check, Table) for column in check.columns)


def _colleagues(order: Order) -> list[str]:
    """Who may be named as owner or receiver: those this skill hands to, then a human."""
    near = [name for name in order.skill.info.downstream if name in order.registry]
    return [*near[:4], "human"] if near else ["human", "director"]
