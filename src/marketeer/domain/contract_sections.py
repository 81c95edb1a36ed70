"""The envelope: the sections every deliverable has around those of its own contract."""

from __future__ import annotations

from marketeer.domain.contract import REF_REGISTRY, Column, Contract, Section, Table

SUMMARY_WORDS = (40, 120)
SUMMARY_WORDS_TOLERATED = (30, 150)

SUMMARY = Section(
    heading="Summary",
    hint="40 to 120 words of prose: name the product and the goal, then say what was decided and why.",
)
ASSUMPTIONS = Section(
    heading="Assumptions",
    hint="The single word None, or one row for each thing you had to assume; cite it as [A1] where it is used.",
    instead_of=("None",),
    checks=(
        Table(
            columns=(
                Column(name="ID", hint="A1, A2, ...", pattern=r"^\[?A\d+\]?$", unique=True),
                Column(name="Assumption", hint="what is taken as true"),
                Column(name="Why it was needed", hint="what was missing"),
                Column(name="How to check it", hint="who or what would settle it"),
            ),
        ),
    ),
)
HANDOFF = Section(
    heading="Handoff",
    hint="Always the last section: who works on with this.",
    checks=(
        Table(
            columns=(
                Column(name="To", hint="a skill's name, director or human", ref=REF_REGISTRY),
                Column(name="Uses", hint="what they take from this document"),
                Column(name="Section", hint="the heading it stands under"),
            ),
        ),
    ),
)


def all_sections(contract: Contract) -> tuple[Section, ...]:
    """Every section an output of this contract has, in order."""
    if not contract.envelope:
        return contract.sections
    own = {section.heading.casefold() for section in contract.sections}
    before = [section for section in (SUMMARY,) if section.heading.casefold() not in own]
    after = [section for section in (ASSUMPTIONS, HANDOFF) if section.heading.casefold() not in own]
    return (*before, *contract.sections, *after)
