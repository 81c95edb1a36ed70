"""A contract as the output template a specialist fills in: made from the same data the check reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from marketeer.domain.by_identity import by_identity
from marketeer.domain.contract import (
    Check,
    Code,
    Column,
    Contains,
    Contract,
    Field,
    ListOf,
    Quotes,
    Rule,
    Section,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_calc import formula_words, in_words
from marketeer.domain.contract_provenance import TAGS_IN_WORDS
from marketeer.domain.contract_sections import all_sections
from marketeer.domain.contract_values import limits
from marketeer.domain.contract_voice import PRODUCT_MENTIONS

CUSTOMERS = "customers read this"
FREE = "free text"
_FENCE = "````"


@by_identity
def render_template(contract: Contract) -> str:
    """The limits as a list, then the template in one fence. Text in angle brackets is a hint to be replaced."""
    parts = [*_limits(contract), "", "Template:", "", f"{_FENCE}markdown", *_document(contract), _FENCE]
    return "\n".join(parts) + "\n"


def _limits(contract: Contract) -> Iterator[str]:
    yield "Limits:"
    yield f"- {contract.min_words} to {contract.max_words} words for the whole document."
    yield "- One H1, then the H2 headings below: the same words, the same order."
    if contract.envelope:
        yield "- Handoff is the last section."
    yield f"- At most {contract.max_extra_sections} H2 sections of your own."
    yield "- Text in angle brackets is a hint: replace it, never copy it. Labels and table headers stay as they are."
    yield "- Table columns keep their order; columns of your own go to the right of them."
    if contract.unknown_allowed:
        yield "- Where nothing is known, write `Unknown: <what would settle it>` as the value."
    if contract.envelope:
        yield f"- A figure outside customer-facing text carries its origin on its line or row: {TAGS_IN_WORDS}."
        yield "- [ctx] and [in:path] figures are looked up there, [A1] under Assumptions; sums are worked out again."
        yield "- Customer-facing text has no tags, and only figures that stand literally in the context or an input."
        yield f"- Name the product {PRODUCT_MENTIONS} times or more; use the company's own names, phrases and figures."
    if contract.merge_fields:
        yield "- Merge fields are written {{snake_case}}."
    yield "- Answer with the document alone, without a fence around it."


def _document(contract: Contract) -> Iterator[str]:
    yield _title(contract)
    for section in all_sections(contract):
        yield ""
        yield from _section(section)


def _title(contract: Contract) -> str:
    if contract.envelope:
        return "# <title: what this is, for which goal>"
    return f"# {contract.skill.replace('-', ' ').title()}: <name of the product>"


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.heading}"
    if section.hint:
        yield f"<{_one_line(section.hint)}>"
    if section.customer_facing:
        yield f"<{CUSTOMERS}>"
    if section.optional:
        yield "<this section may be left out>"
    if section.instead_of:
        options = " or ".join(f"`{option}`" for option in section.instead_of)
        yield f"<when it does not apply, the section's text begins with {options} and the rest of it is left out>"
    if section.must_contain:
        texts = "; ".join(section.must_contain)
        yield f"<these words, or words that begin so, must stand in the section: {texts}>"
    yield from _checks(section.checks)


def _checks(checks: tuple[Check, ...]) -> Iterator[str]:
    """Fields in a block of their own; what belongs under an H3 comes last, or it would swallow the rest."""
    ordered = sorted(checks, key=lambda check: isinstance(check, Subsections))
    before: Check | None = None
    for check in ordered:
        if not (isinstance(check, Field) and isinstance(before, Field)):
            yield ""
        yield from _check(check)
        before = check


def _check(check: Check) -> Iterator[str]:
    match check:
        case Field():
            yield f"**{check.label}:** <{_joined(check.hint, *limits(check), *_field_notes(check))}>"
        case Table():
            yield from _table(check)
        case ListOf():
            yield from _list(check)
        case Code():
            yield from _code(check)
        case Contains():
            yield f"<this text must stand here: {check.text}>"
        case Quotes():
            yield f'<at least {check.min_quotes} quotations, each on a line of its own like: "exact words" (source)>'
        case Rule():
            yield f"<rule: {_one_line(check.says)}>"
        case Subsections():
            yield from _subsections(check)
        case _:
            assert_never(check)


def _field_notes(check: Field) -> Iterator[str]:
    yield from formula_words(check)
    if check.max_words is not None:
        yield f"at most {check.max_words} words"
    if check.min_parts is not None or check.max_parts is not None:
        yield _count(check.min_parts or 1, check.max_parts, "entry").replace("entrys", "entries")
    if check.customer_facing:
        yield CUSTOMERS


def _table(check: Table) -> Iterator[str]:
    yield "| " + " | ".join(_cell(column.name) for column in check.columns) + " |"
    yield "|" + "---|" * len(check.columns)
    hints = [_column(column) for column in check.columns]
    for name in check.rows:
        yield f"| {_cell(name)} | " + " | ".join(hints[1:]) + " |"
    if not check.rows:
        yield "| " + " | ".join(hints) + " |"
    notes = [_count(check.min_rows, check.max_rows, "row")]
    if check.rows:
        notes.append("these first cells, in this order")
    if check.row_count:
        notes.append(f"as many rows as {in_words(check.row_count)}")
    if check.sorted_desc:
        notes.append(f"sorted by {check.sorted_desc}, the largest first")
    yield f"<table: {'; '.join(notes)}>"


def _column(column: Column) -> str:
    extra: list[str] = []
    if column.unique:
        extra.append("every value only once")
    if column.distinct_min is not None:
        extra.append(f"at least {column.distinct_min} different values in the column")
    if column.must_include:
        extra.append("the column has rows for: " + ", ".join(column.must_include))
    if column.total is not None:
        extra.append(f"the column sums to {column.total:g}")
    if column.rising is not None:
        extra.append("rises from row to row" if column.rising == "strict" else "never falls from row to row")
    extra.extend(formula_words(column))
    if column.customer_facing:
        extra.append(CUSTOMERS)
    return _cell(f"<{_joined(column.hint, *limits(column), *extra)}>")


def _list(check: ListOf) -> Iterator[str]:
    if check.after:
        yield f"**{check.after}:**"
    width = f"at most {check.max_width} characters each, wide ones count twice" if check.max_width else ""
    unique = "all different" if check.unique else ""
    yield f"- <{_joined(check.hint, f'each matches `{check.pattern}`' if check.pattern else '', width, unique)}>"
    yield f"<list: {_count(check.min_items, check.max_items, 'item')}>"


def _code(check: Code) -> Iterator[str]:
    yield f"```{check.info[0]}"
    notes = [check.hint]
    if check.min_words is not None or check.max_words is not None:
        notes.append(_count(check.min_words or 0, check.max_words, "word"))
    if check.parses_as:
        notes.append(f"valid {check.parses_as.upper()}")
    if check.required_keys:
        notes.append("keys: " + ", ".join(check.required_keys))
    if check.contains_one_of:
        notes.append("contains one of: " + ", ".join(check.contains_one_of))
    yield f"<{_joined(*notes, *_code_notes(check))}>"
    yield "```"
    also = f"; the fence may also say {' or '.join(check.info[1:])}" if check.info[1:] else ""
    yield f"<fenced blocks: at least {check.min_blocks}{also}>"


def _code_notes(check: Code) -> Iterator[str]:
    if check.platform:
        yield "within the platform's limit of characters and hashtags"
    if check.max_questions is not None:
        yield f"at most {check.max_questions} question marks"
    if check.one_within is not None:
        yield f"one of the blocks at most {check.one_within} characters"
    if check.dates:
        yield f"a date YYYY-MM-DD under {', '.join(check.dates)}"
    if check.filled:
        yield f"at least one entry under {', '.join(check.filled)}"
    if check.json_ld:
        yield "what schema.org's types require of search results is there"


def _subsections(check: Subsections) -> Iterator[str]:
    for one in check.titled:
        yield from _subsection(one)
        yield ""
    if check.titled:
        yield "<these H3 headings, in this order>"
    if check.each is not None:
        yield from _subsection(check.each)
        yield ""
        times = f"as often as {in_words(check.count)}" if check.count else ""
        counted = times or _count(check.min_count, check.max_count, "time")
        yield f"<repeat this H3 with all that stands under it: {counted}>"


def _subsection(one: Subsection) -> Iterator[str]:
    if one.title:
        yield f"### {one.title}"
    else:
        pattern = f"matches `{one.title_pattern}`" if one.title_pattern else ""
        yield f"### <{_joined(one.title_hint, pattern)}>"
    least = f"at least {one.min_words} words" if one.min_words else ""
    hint = _joined(one.hint, least, CUSTOMERS if one.customer_facing else "")
    if hint != FREE:
        yield f"<{hint}>"
    yield from _checks(one.checks)


def _count(low: int, high: int | None, unit: str) -> str:
    if high is None:
        return f"at least {low} {unit}{'' if low == 1 else 's'}"
    if low == high:
        return f"exactly {low} {unit}{'' if low == 1 else 's'}"
    return f"{low} to {high} {unit}s"


def _joined(*notes: str) -> str:
    return "; ".join(_one_line(note).rstrip(".;") for note in notes if note.strip()) or FREE


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _one_line(text).replace("|", "\\|")
