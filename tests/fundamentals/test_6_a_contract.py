"""Chapter 6: a contract says what an output must look like, to the one who writes it and to the one who checks it."""

from __future__ import annotations

from marketeer.domain.contract import Column, Contract, Facts, Field, Section, Table
from marketeer.domain.contract_check import check
from marketeer.domain.contract_template import render_template
from marketeer.domain.review import Severity, Verdict, verdict_of

# What a skill's contract.yaml becomes when it is loaded; docs/skill-format.md describes the file.
CONTRACT = Contract(
    skill="headline-writer",
    envelope=False,
    sections=(
        Section(
            heading="Headline",
            hint="The line over the page.",
            checks=(Field(label="Text", hint="one promise, no adjectives", max_chars=40, severity=Severity.CRITICAL),),
        ),
        Section(
            heading="Readers",
            checks=(Table(columns=(Column(name="Persona", ref="context.personas"), Column(name="Why"))),),
        ),
    ),
)
GOOD = """# Headline Writer: Harbourlog

## Headline

**Text:** Every berth booked and billed

## Readers

| Persona | Why |
|---|---|
| Mira | She draws the plan every morning |
"""
FACTS = Facts(personas=("Mira", "Jonas"))


def test_the_writer_is_shown_the_contract_as_a_template() -> None:
    template = render_template(CONTRACT)

    assert "## Headline" in template
    assert "**Text:**" in template
    assert "40" in template, "no limit is checked that was not asked for"


def test_an_output_that_keeps_to_it_is_approved() -> None:
    result = check(CONTRACT, GOOD, FACTS)

    assert result.findings == ()
    assert verdict_of(result.findings) is Verdict.APPROVE


def test_a_finding_says_where_what_and_what_instead() -> None:
    text = GOOD.replace("Every berth booked and billed", "Every berth booked, billed, swept, watched and admired")

    (finding,) = check(CONTRACT, text, FACTS).findings

    assert (finding.section, finding.severity) == ("Headline", Severity.CRITICAL)
    assert "40" in finding.wanted
    assert verdict_of((finding,)) is Verdict.REVISE


def test_a_value_must_exist_where_the_contract_points() -> None:
    (finding,) = check(CONTRACT, GOOD.replace("Mira", "Ole"), FACTS).findings

    assert "Ole" in finding.found


def test_a_check_without_its_facts_is_waived_and_named() -> None:
    result = check(CONTRACT, GOOD.replace("Mira", "Ole"), Facts())

    assert result.findings == ()
    assert any("Personas" in sentence for sentence in result.waived)
