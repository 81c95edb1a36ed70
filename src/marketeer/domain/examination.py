"""Examinations: what a review needs to know of an output's text, and an agreement of a goal's, from plain values alone.

It is pure work on text and the most that any step needs of a processor, so it can be done wherever one is to spare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from marketeer.domain.contract import Contract
from marketeer.domain.contract_check import check
from marketeer.domain.contradiction import Comparison, Contradiction
from marketeer.domain.markdown import Outline, parse
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Finding
from marketeer.domain.sourced import Sourced


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What many outputs are held against: a skill's contract, the names of all skills, and the product context (""
    where there is none)."""

    contract: Contract
    registry: frozenset[str]
    context: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """One output. `sources` are the other texts a figure or a quotation may come from, by path. `is_context`: it is a
    product context itself, so that the standard's is an earlier one."""

    standard: Standard
    text: str
    sources: Mapping[str, str]
    is_context: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found, what could not be checked, and the skills that the output wants to work next. `sourced` are the
    first of `sourced_count` figures, quotations, names and links, with where they come from."""

    findings: tuple[Finding, ...]
    waived: tuple[str, ...]
    asked_for: frozenset[str]
    sourced: tuple[Sourced, ...] = ()
    sourced_count: int = 0


def examine(exam: Exam) -> Examined:
    """Never raises on any text."""
    standard = exam.standard
    known = parse_context(exam.text if exam.is_context else standard.context)
    facts = facts_of(known, registry=standard.registry, sources=exam.sources)
    if exam.is_context:
        # It is its own source of names; its figures and quotes come from elsewhere.
        facts = replace(facts, context=standard.context or None)
    result = check(standard.contract, exam.text, facts)
    asked_for = standard.registry & _cells_under(parse(exam.text), "to")
    return Examined(
        findings=result.findings,
        waived=result.waived,
        asked_for=asked_for,
        sourced=result.sourced,
        sourced_count=result.sourced_count,
    )


def compare(comparison: Comparison) -> tuple[Contradiction, ...]:
    """What the outputs of a goal contradict. Never raises on any text."""
    # Its regular expressions take a while to import, and only a process that ends a goal needs them.
    from marketeer.domain.consistency import contradictions

    found = contradictions(
        comparison.outputs, context=comparison.context, goal=comparison.goal, inputs=comparison.inputs
    )
    return tuple(found)


def _cells_under(outline: Outline, column: str) -> set[str]:
    cells: set[str] = set()
    for section in outline.sections:
        for table in section.tables:
            header = [name.strip().lower() for name in table.header]
            if column in header:
                index = header.index(column)
                for row in table.rows:
                    if index < len(row):
                        cells |= {part.strip(" `*").lower() for part in row[index].replace(";", ",").split(",")}
    return cells
