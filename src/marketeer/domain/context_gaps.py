"""What a product context leaves open, and which skills have to do without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from marketeer.domain.contract import (
    REF_PERSONA,
    REF_PRICE,
    Check,
    Code,
    Contract,
    Field,
    ListOf,
    Quotes,
    Section,
    Subsections,
    Table,
)
from marketeer.domain.contract_units import CUSTOMER_FACING
from marketeer.domain.contract_values import is_unfilled, is_unknown
from marketeer.domain.markdown import Part, TableBlock, heading_key, key, parse
from marketeer.domain.skill import Skill

# The sections of the product context that a contract's references and quotation rules look things up in.
PERSONAS = "Personas"
PRICES = "Product Overview"
LANGUAGE = "Customer Language"
VOICE = "Brand Voice"


class SectionState(StrEnum):
    """KNOWN: nothing of it is open. THIN: some of it is. UNKNOWN: it says so itself, or is empty."""

    KNOWN = "known"
    THIN = "thin"
    UNKNOWN = "unknown"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionGap:
    """How one section stands. `open` names the fields, columns and lists that say nothing yet."""

    heading: str
    state: SectionState
    open: tuple[str, ...] = ()


def section_gaps(contract: Contract, text: str) -> tuple[SectionGap, ...]:
    """Every section that the foundation's `contract` asks for, in its order."""
    outline = parse(text)
    parts = {heading_key(part.title): part for part in reversed(outline.sections)}
    return tuple(_gap(section, parts.get(heading_key(section.heading))) for section in contract.sections)


def context_needs(skill: Skill) -> tuple[str, ...]:
    """The sections the skill works from: those it declares, and those its contract holds its output against."""
    derived = (need for section in skill.contract.sections for need in _needs(section.checks))
    return tuple(dict.fromkeys((*skill.info.needs, *derived)))


def _needs(checks: tuple[Check, ...]) -> Iterator[str]:
    for check in checks:
        match check:
            case Field():
                yield from _of_ref(check.ref)
            case Table():
                for column in check.columns:
                    yield from _of_ref(column.ref)
            case Quotes():
                yield LANGUAGE
            case Code() if set(check.info) & set(CUSTOMER_FACING):
                yield from (VOICE, LANGUAGE)
            case Subsections():
                for kind in (*check.titled, *([check.each] if check.each else [])):
                    yield from _needs(kind.checks)
            case _:
                pass


def _of_ref(ref: str | None) -> Iterator[str]:
    if ref == REF_PERSONA:
        yield PERSONAS
    elif ref == REF_PRICE:
        yield PRICES


def _gap(section: Section, part: Part | None) -> SectionGap:
    if part is None:
        return SectionGap(heading=section.heading, state=SectionState.MISSING)
    if _says_nothing(part.text.lstrip("*_->` ").partition("\n")[0]):
        return SectionGap(heading=section.heading, state=SectionState.UNKNOWN)
    asked = [name for check in section.checks for name in _asked(check)]
    left_open = tuple(name for check in section.checks for name in _open(check, part))
    if left_open and len(left_open) == len(asked):
        return SectionGap(heading=section.heading, state=SectionState.UNKNOWN, open=left_open)
    return SectionGap(
        heading=section.heading, state=SectionState.THIN if left_open else SectionState.KNOWN, open=left_open
    )


def _asked(check: Check) -> list[str]:
    match check:
        case Field():
            return [check.label]
        case Table():
            return [column.name for column in check.columns]
        case ListOf():
            return [check.after or "the list"]
        case Quotes():
            return ["quotes"]
        case _:
            return []


def _open(check: Check, part: Part) -> list[str]:
    match check:
        case Field():
            values = [line.value for line in part.fields if key(line.label) == key(check.label)]
            return [check.label] if not values or _says_nothing(values[0]) else []
        case Table():
            return _open_columns(check, part.tables)
        case ListOf():
            blocks = [b for b in part.lists if check.after is None or key(check.after) in key(b.before)]
            told = any(not _says_nothing(item) for block in blocks for item in block.items)
            return [] if told else [check.after or "the list"]
        case Quotes():
            return [] if '"' in part.text or "\u201c" in part.text else ["quotes"]
        case _:
            return []


def _open_columns(check: Table, tables: tuple[TableBlock, ...]) -> list[str]:
    """Columns that no table has, or in which some row says nothing."""
    names = [key(column.name) for column in check.columns]
    table = next((t for t in tables if t.rows and key(t.header[0]) in names), None)
    if table is None:
        return [column.name for column in check.columns]
    header = [key(name) for name in table.header]
    return [
        column.name
        for column in check.columns
        if key(column.name) not in header or any(_blank_cell(row, header.index(key(column.name))) for row in table.rows)
    ]


def _blank_cell(row: tuple[str, ...], at: int) -> bool:
    return at >= len(row) or _says_nothing(row[at])


def _says_nothing(value: str) -> bool:
    text = value.strip().strip("*_` ")
    return text in ("", "-") or is_unknown(text) or is_unfilled(text)
