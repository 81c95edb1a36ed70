"""References: whether a value exists where the contract says it must, and what cannot be told from the facts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from marketeer.domain.contract import (
    GOAL_SOURCE,
    REF_PERSONA,
    REF_PRICE,
    REF_REGISTRY,
    REF_SOURCE,
    REF_SOURCE_OF,
    REF_TABLE,
    REF_TEXT,
    REF_TITLE,
    Facts,
)
from marketeer.domain.contract_values import Problem, bare, list_parts, shown
from marketeer.domain.contract_verbatim import holds_words
from marketeer.domain.markdown import Outline, Part, heading_key, key

_OUTPUTS = ("outputs/", "rehearsal/outputs/")
NOT_SKILLS = ("director", "human")
# Thousands may be set off by a space; behind a sign only by one that does not break, as the next word may be a number.
_BEHIND = r"(?:\d{1,3}(?:[\u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d[\d.,]*)"
_BEFORE = r"(?:(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d[\d.,]*)"
_MONEY = re.compile(
    rf"(?:[$\u20ac\u00a3\u00a5\u20b9]\s?{_BEHIND}|\b(?:USD|EUR|GBP|CHF|CAD|AUD)\s?{_BEHIND}"
    rf"|{_BEFORE}\s?(?:[$\u20ac\u00a3\u00a5]|(?:USD|EUR|GBP|CHF|CAD|AUD)\b))"
)


def money(text: str) -> tuple[str, ...]:
    """The money amounts in a text, as written, each once."""
    return tuple(dict.fromkeys(found.rstrip(".,").strip() for found in _MONEY.findall(text)))


@dataclass(slots=True, kw_only=True)
class References:
    """Looks references up for one check of one document; collects what had to be waived."""

    facts: Facts
    outline: Outline
    waived: list[str] = field(default_factory=list)

    def missing(self, ref: str, value: str) -> Problem | None:
        """Why the value does not exist where `ref` points; None when it does, or when nobody can know."""
        fixed = {
            REF_REGISTRY: self._registry,
            REF_PERSONA: self._persona,
            REF_PRICE: self._price,
            REF_SOURCE: self._source,
        }
        if ref in fixed:
            return fixed[ref](value)
        pointing = {
            REF_TEXT: self._stands_in,
            REF_TITLE: self._titled,
            REF_SOURCE_OF: self._stands_in_source,
            REF_TABLE: self._table,
        }
        for start, look in pointing.items():
            if ref.startswith(start):
                return look(ref.removeprefix(start), value)
        self.waive(f"A reference to {ref!r} was not checked: nothing of that name is known.")
        return None

    def waive(self, sentence: str) -> None:
        if sentence not in self.waived:
            self.waived.append(sentence)

    def _registry(self, value: str) -> Problem | None:
        if not self.facts.registry:
            self.waive("Names of skills were not checked: the registry is empty.")
            return None
        known = {key(name) for name in (*self.facts.registry, *NOT_SKILLS)}
        unknown = [part for part in list_parts(value) or (value,) if key(part) not in known]
        if not unknown or key(value) in known:
            return None
        return Problem(f"names {', '.join(map(shown, unknown))}", "an existing skill's name, director or human")

    def _persona(self, value: str) -> Problem | None:
        if not self.facts.personas:
            self.waive("Personas were not checked: the product context names none.")
            return None
        names = {alias for persona in self.facts.personas for alias in _aliases(persona)}
        parts = list_parts(value) or (value,)
        known = [part for part in parts if _names_one(part, names)]
        # Behind a persona's name, words in lower case describe it; a capital letter introduces somebody else.
        others = [part for part in parts if part not in known and not (known and part[:1].islower())]
        if key(value) in names or (known and not others):
            return None
        return Problem(f"names {shown(', '.join(others) or value)}", f"a persona: {'; '.join(self.facts.personas)}")

    def _price(self, value: str) -> Problem | None:
        if not self.facts.prices:
            self.waive("Prices were not checked: the product context gives none.")
            return None
        known = {_amount(price) for text in self.facts.prices for price in money(text) or (text,)}
        stated = money(value)
        if not stated and not re.search(r"\d", value):
            return None  # `Free` or `Custom` quotes no amount
        unknown = [price for price in stated or (value,) if _amount(price) not in known]
        if not unknown:
            return None
        return Problem(f"quotes {', '.join(map(shown, unknown))}", "a price that stands in the product context")

    def _source(self, value: str) -> Problem | None:
        paths = [path for path in self.facts.sources if path != GOAL_SOURCE]
        if not paths:
            self.waive("Source files were not checked: the task has no input and no upstream output.")
            return None
        if source_named(self.facts, value) is not None:
            return None
        return Problem(f"is {shown(value)}", f"a text this task was given: {', '.join(paths[:5])}")

    def _stands_in(self, heading: str, value: str) -> Problem | None:
        part = self._part(heading)
        if part is None or _says_nothing(value) or holds_words(part.text, value):
            return None
        return Problem(f"is {shown(value)}", f"words that stand exactly so under {heading}")

    def _titled(self, heading: str, value: str) -> Problem | None:
        part = self._part(heading)
        if part is None or not part.parts:
            return None
        titles = [key(one.title) for one in part.parts]
        unknown = [one for one in list_parts(value) or (value,) if not any(_begins(title, one) for title in titles)]
        if not unknown:
            return None
        return Problem(f"names {', '.join(map(shown, unknown))}", f"what stands as an H3 under {heading}")

    def _stands_in_source(self, address: str, value: str) -> Problem | None:
        heading, _, label = address.rpartition(".")
        part = self._part(heading)
        named = next((line.value for line in part.fields if key(line.label) == key(label)), "") if part else ""
        source = source_named(self.facts, named) if named else None
        if source is None or _says_nothing(value) or holds_words(source, value):
            return None
        return Problem(f"is {shown(value)}", f"words that stand exactly so in {bare(named)}")

    def _part(self, heading: str) -> Part | None:
        return next((one for one in self.outline.sections if heading_key(one.title) == heading_key(heading)), None)

    def _table(self, address: str, value: str) -> Problem | None:
        heading, _, column = address.rpartition(".")
        values = column_values(self.outline, heading, column)
        if not values:
            return None  # the missing table is a finding of its own
        known = {key(bare(cell)).lstrip("#") for cell in values}
        known |= {key(part) for cell in values for part in list_parts(bare(cell))}
        if key(value).lstrip("#") in known:
            return None
        unknown = [part for part in list_parts(value) or (value,) if key(part).lstrip("#") not in known]
        if not unknown:
            return None
        return Problem(f"names {', '.join(map(shown, unknown))}", f"values of {column} in the table under {heading}")


def source_named(facts: Facts, path: str) -> str | None:
    """The input or upstream output that a path or its file name means."""
    wanted = key(bare(path)).strip("'\"")
    sources = [(name.casefold(), text) for name, text in facts.sources.items() if name != GOAL_SOURCE and wanted]
    for name, text in sources:
        if wanted in name or name in wanted:
            return text
    for name, text in sources:
        # By its file name, or by the skill that wrote it.
        folder, _, file = name.rpartition("/")
        written_by = folder.rpartition("/")[2] if name.startswith(_OUTPUTS) else None
        if (file.rpartition(".")[0] or file) in wanted or (written_by and written_by in wanted):
            return text
    return None


def _says_nothing(value: str) -> bool:
    """`(new)`, `deleted`, `-`: there is no text on this side of a change."""
    return re.match(r"\W*(?:new|none|added|addition|insert\w*|deleted?|cut|removed?)\b|\W*$", value, re.I) is not None


def _begins(title: str, value: str) -> bool:
    return re.match(rf"{re.escape(key(value))}(?!\w)", title) is not None


def column_values(outline: Outline, heading: str, column: str) -> tuple[str, ...]:
    """The cells of every column of that name under that heading."""
    return tuple(_cells((part for part in outline.sections if heading_key(part.title) == key(heading)), column))


def _cells(sections: Iterable[Part], column: str) -> Iterable[str]:
    for section in sections:
        for table in section.tables:
            header = [key(name) for name in table.header]
            if key(column) in header:
                at = header.index(key(column))
                yield from (row[at] for row in table.rows if at < len(row) and row[at])


def _aliases(persona: str) -> tuple[str, ...]:
    """`Dana, owner` is also Dana, and also the owner."""
    parts = re.split(r"\s*[,;/(]\s*|\s+-\s+", persona.strip(" )"))
    return tuple(key(alias) for alias in (persona, *parts) if alias.strip())


def _names_one(part: str, names: set[str]) -> bool:
    text = key(part)
    return any(name == text or re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def _amount(price: str) -> str:
    return re.sub(r"[\s,]", "", price.casefold()).removesuffix(".00")
