"""The template says everything the check will ask for."""

from __future__ import annotations

from marketeer.domain.contract import (
    Code,
    Column,
    Contract,
    Field,
    ListOf,
    Quotes,
    Section,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_template import render_template
from marketeer.domain.markdown import parse

CONTRACT = Contract(
    skill="harbour-plan",
    min_words=300,
    max_words=900,
    sections=(
        Section(
            heading="Brief",
            hint="Who it is for.",
            must_contain=("Requires human approval",),
            checks=(
                Field(label="Headline", hint="the outcome", max_chars=70),
                Field(label="Level", one_of=("high", "low")),
                Field(label="Persona", ref="context.personas"),
                Quotes(min_quotes=3),
            ),
        ),
        Section(
            heading="Ideas",
            instead_of=("Not used",),
            checks=(
                Subsections(
                    each=Subsection(title_hint="P01 · day", checks=(Code(info=("post",), max_words=40),)),
                    min_count=2,
                    max_count=4,
                ),
                Table(
                    columns=(Column(name="ID", unique=True), Column(name="Kind", pattern="a|b")),
                    min_rows=3,
                    sorted_desc="ID",
                ),
                ListOf(min_items=2, after="In", hint="what is done"),
            ),
        ),
    ),
)


def template() -> str:
    return render_template(CONTRACT)


def inner() -> str:
    return template().partition("````markdown\n")[2].rpartition("````")[0]


def test_every_section_stands_in_order_with_the_envelope_around_it() -> None:
    titles = [part.title for part in parse(inner()).sections]
    assert titles == ["Summary", "Brief", "Ideas", "Assumptions", "Handoff"]


def test_fields_name_their_limits() -> None:
    assert "**Headline:** <the outcome; at most 70 characters>" in template()
    assert "**Level:** <exactly one of: high, low>" in template()
    assert "**Persona:** <a persona of the product context>" in template()


def test_tables_show_header_hints_and_counts() -> None:
    ideas = parse(inner()).sections[2]
    assert ideas.tables[0].header == ("ID", "Kind")
    assert "matches `a|b`" in ideas.tables[0].rows[0][1]
    assert "<table: at least 3 rows; sorted by ID, the largest first>" in template()


def test_lists_fences_quotes_and_series_name_their_numbers() -> None:
    text = template()
    assert "**In:**\n- <what is done>\n<list: at least 2 items>" in text
    assert "```post\n<0 to 40 words>\n```" in text
    assert "at least 3 quotations" in text
    assert "<repeat this H3 with all that stands under it: 2 to 4 times>" in text


def test_what_stands_under_an_h3_comes_after_the_rest_of_its_section() -> None:
    assert template().index("| ID | Kind |") < template().index("### <P01")


def test_alternatives_demanded_texts_and_word_limits_are_told() -> None:
    text = template()
    assert "begins with `Not used`" in text
    assert "must stand in the section: Requires human approval" in text
    assert "300 to 900 words" in text


def test_a_contract_without_envelope_has_only_its_own_sections() -> None:
    plain = Contract(skill="facts", sections=CONTRACT.sections, envelope=False, unknown_allowed=True)
    text = render_template(plain)
    assert "## Handoff" not in text
    assert "# Facts: <name of the product>" in text
    assert "Unknown: <what would settle it>" in text
