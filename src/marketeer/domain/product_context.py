"""The product context as data: who sells what to whom, as far as the document says so.

Reading is forgiving and never fails: what is missing, or begins with `Unknown`, is an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from marketeer.domain.contract import Facts
from marketeer.domain.contract_refs import money
from marketeer.domain.contract_values import is_unfilled, is_unknown
from marketeer.domain.markdown import Outline, Part, TableBlock, key, parse, plain, same

PRODUCT_CHARS = 80
_TITLE = re.compile(r"^(?:the\s+)?product(?:[ -]marketing)?[ -]context\s*(?:for\b|of\b|[:|-])\s*(?P<name>.+)$", re.I)
_TITLE_BEHIND = re.compile(r"^(?!product\s)(?P<name>.+?)\s*[:|-]?\s*(?:product[ -])?marketing[ -]context$", re.I)
_PRODUCT = re.compile(
    r"^\s*(?:[-*+]\s+)?(?:\*\*|__)?(?:product|product name|company|company name|brand)(?:\*\*|__)?\s*:"
    r"(?:\*\*|__)?[ \t]*(?P<name>\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTE = re.compile(r'"(?P<text>[^"\n]{3,600})"[.,]?\s{0,3}[(\[](?P<source>[^)\]\n]{2,200})[)\]]')
_NOTHING = frozenset({"", "-", "n/a", "na", "none", "none yet", "tbd", "not known", "?"})
_PLAN = re.compile(r"(?:^|[.;]\s+|,\s+)(?P<name>[A-Z][\w+-]*(?: [A-Z][\w+-]*)?)\s*[:(]\s*(?=[$\u20ac\u00a3\d])")
_ANCHOR_CHARS = 6
_NAME_WORDS = 5
_ASIDE = re.compile(r":\s|\s[-\u2013\u2014|/]\s|\s\(|,\s")
_TITLES_OF_ANYTHING = frozenset(
    {"about", "about us", "brand", "company", "company profile", "facts", "introduction", "notes", "our company",
     "our product", "overview", "product", "product overview", "profile", "readme", "who we are"}
)  # fmt: skip
_MARKUP = re.compile(r"<[^<>]*>|[<>|`\[\]{}\\]")
_PRICE_SECTIONS = ("overview", "pric", "plan", "offer", "packag")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalRow:
    """One row of the Goals table; empty texts are unknown."""

    goal: str
    metric: str = ""
    baseline: str = ""
    target: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A customer's own words, and where they come from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductContext:
    """Everything known. `sections` are the headings in order, `unknown_sections` those without a known answer."""

    product: str | None = None
    one_liner: str = ""
    category: str = ""
    personas: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    differentiators: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    words_to_use: tuple[str, ...] = ()
    words_to_avoid: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    goals: tuple[GoalRow, ...] = ()
    primary_conversion: str = ""
    sections: tuple[str, ...] = ()
    unknown_sections: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    text: str = ""


@lru_cache(maxsize=8)
def parse_context(text: str) -> ProductContext:
    """Read a product context. Any text is one, the empty one included."""
    outline = parse(text)
    reader = _Reader(outline=outline)
    return ProductContext(
        product=_product(outline),
        one_liner=reader.value("One-liner", "Tagline", "Positioning"),
        category=reader.value("Category", "Market category"),
        personas=reader.firsts("persona") or reader.titles("persona"),
        problems=reader.items("problem", "pain"),
        rivals=reader.firsts("competit", "alternativ", "rival"),
        differentiators=reader.items("differen", "why us"),
        objections=tuple(item.strip("\"'") for item in map(same, reader.firsts("objection"))),
        quotes=_quotes(outline),
        words_to_use=_words(reader.value("Words to use")),
        words_to_avoid=_words(reader.value("Words to avoid")),
        prices=_prices(outline),
        claims=tuple(_claims(reader.section("proof"))),
        goals=tuple(_goals(reader.section("goal"))),
        primary_conversion=reader.value("Primary conversion"),
        sections=tuple(plain(part.title) for part in outline.sections),
        unknown_sections=tuple(plain(part.title) for part in outline.sections if _is_blank(part.text)),
        plans=_plans(reader.value("Business model", "Pricing", "Plans")),
        text=text if text.strip() else "",
    )


def facts_of(context: ProductContext, *, registry: frozenset[str], sources: Mapping[str, str]) -> Facts:
    """What a check may hold an output against. `sources` are the other texts a number or quote may come from: inputs
    and upstream outputs by path, and the goal's words under `goal`."""
    heads = (item.partition(":")[0] for item in context.differentiators)
    names = (persona.partition(",")[0] for persona in context.personas)
    quotes = (quote.text.rstrip(".!?,") for quote in context.quotes)
    figures = (row.baseline for row in context.goals)
    said = (word for word in context.words_to_use if len(word) >= _ANCHOR_CHARS)
    anchors = (*names, *context.rivals, *heads, *quotes, *context.prices, *context.plans, *figures, *said)
    return Facts(
        product=context.product,
        personas=context.personas,
        prices=context.prices,
        words_to_avoid=context.words_to_avoid,
        anchors=tuple(dict.fromkeys(anchor for anchor in anchors if anchor)),
        registry=registry,
        sources=dict(sources),
        context=context.text or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Finds things by what their heading or label says, in whatever order they stand."""

    outline: Outline

    def section(self, *words: str) -> Part | None:
        for word in words:
            for part in self.outline.sections:
                if word in key(part.title):
                    return part
        return None

    def value(self, *labels: str) -> str:
        wanted = {key(label) for label in labels}
        for part in self.outline.sections:
            for line in part.fields:
                if key(line.label) in wanted and (known := _known(line.value)):
                    return known
        return ""

    def items(self, *words: str) -> tuple[str, ...]:
        part = self.section(*words)
        blocks = part.lists if part else ()
        return tuple(known for block in blocks for item in block.items if (known := _known(item)))

    def firsts(self, *words: str) -> tuple[str, ...]:
        """The first column of the section's table, or what stands before the colon of its list items."""
        part = self.section(*words)
        if part is None:
            return ()
        if part.tables:
            return _unique(row[0] for table in part.tables for row in table.rows if row)
        if part.parts:
            return ()
        return _unique(re.split(r":|\s-\s", same(item))[0] for block in part.lists for item in block.items)

    def titles(self, *words: str) -> tuple[str, ...]:
        part = self.section(*words)
        return _unique(one.title for one in part.parts) if part else ()


def _unique(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(known for value in values if (known := _known(value))))


def _known(value: str) -> str:
    """The value, or nothing when it says that it is not known."""
    text = re.sub(r"\*\*|__", "", plain(value)).strip()
    if is_unknown(text) or is_unfilled(text) or key(text) in _NOTHING:
        return ""
    return text


def _is_blank(text: str) -> bool:
    return not _known(text.lstrip("*_->` ").partition("\n")[0])


def _product(outline: Outline) -> str | None:
    title = plain(outline.titles[0]) if outline.titles else ""
    for pattern in (_TITLE, _TITLE_BEHIND):
        found = pattern.match(same(title))
        if found:
            return _name(title[found.start("name") : found.end("name")])
    labelled = _PRODUCT.search(outline.text)
    if labelled and (name := _name(labelled["name"])):
        return name
    return _titled(title)


def _titled(title: str) -> str | None:
    """The name that a title of one's own making begins with. A sentence is none, nor is what any document may be
    called: every output would have to say it."""
    name = _ASIDE.split(title)[0].strip()
    known = "context" not in title.casefold() and name.casefold() not in _TITLES_OF_ANYTHING
    return _name(name) if known and len(name.split()) <= _NAME_WORDS else None


def _name(value: str) -> str | None:
    """A product's name, as it can stand in any text; what goes on for longer is a sentence, and its beginning will
    do."""
    parts = (" ".join(part.split()) for part in _MARKUP.split(_known(value)))
    name = next(filter(None, parts), "")
    if len(name) > PRODUCT_CHARS:
        name = name[:PRODUCT_CHARS].rpartition(" ")[0] or name[:PRODUCT_CHARS]
    return name.strip(" .:;,|") or None


def _words(value: str) -> tuple[str, ...]:
    parts = re.split(r"\s*[,;]\s*", same(value).strip("."))
    return tuple(dict.fromkeys(word for part in parts if (word := part.strip(" \"'.")) and key(word) not in _NOTHING))


def _quotes(outline: Outline) -> tuple[Quote, ...]:
    text = outline.text
    found = (match for match in _QUOTE.finditer(same(text)))
    # Quote marks are unified one for one, so the places in the unified text are those in the original.
    return tuple(
        Quote(text=text[m.start("text") : m.end("text")].strip(), source=text[m.start("source") : m.end("source")])
        for m in found
    )


def _prices(outline: Outline) -> tuple[str, ...]:
    """Prices stand where the product is described; without such a section, any amount may be one."""
    described = [part.text for part in outline.sections if any(word in key(part.title) for word in _PRICE_SECTIONS)]
    return money("\n".join(described)) or money(outline.text)


def _plans(business_model: str) -> tuple[str, ...]:
    """The names of plans that stand right before a price or a limit: `Crew: $49 a month`."""
    return tuple(dict.fromkeys(found["name"] for found in _PLAN.finditer(business_model)))


def _claims(section: Part | None) -> Iterator[str]:
    for table in section.tables if section else ():
        for row in table.rows:
            if row and (claim := _known(row[0])):
                value = _known(row[1]) if len(row) > 1 else ""
                yield f"{claim}: {value}" if value else claim


def _goals(section: Part | None) -> Iterator[GoalRow]:
    for table in section.tables if section else ():
        for row in table.rows:
            cells = _by_name(table, row)
            goal = cells.get("goal") or (_known(row[0]) if row else "")
            if goal:
                yield GoalRow(
                    goal=goal,
                    metric=cells.get("metric", ""),
                    baseline=cells.get("baseline", ""),
                    target=cells.get("target", ""),
                    by=cells.get("by", ""),
                )


def _by_name(table: TableBlock, row: tuple[str, ...]) -> dict[str, str]:
    return {key(name): _known(cell) for name, cell in zip(table.header, row, strict=False)}
