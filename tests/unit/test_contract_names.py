"""Names and links in what customers read, held against what is on file; and where what an output says comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from marketeer.domain.contract import Contract, Facts
from marketeer.domain.contract_check import check
from marketeer.domain.review import Severity
from marketeer.domain.sourced import MAX_KEPT, NOWHERE, Sourced, SourcedKind, SourceList
from tests.support.deliverables import deliverables

CONTEXT = """# Product Marketing Context: Fieldnod

## Proof Points

412 companies pay. Billing says so. QuickBooks Online syncs. Home page: https://fieldnod.io

## Competitive Landscape

JobAnvil is the rival. "First month, it paid for the year." Tom R., Ridgeway Roofing
"""
FACTS = Facts(
    context=CONTEXT, sources={"goal": "Tell of the Zapier integration", "inputs/press.md": "Seen in Tradesman"}
)
ANY = Contract(skill="any", sections=())


def told(text: str, *, block: str = "copy", facts: Facts = FACTS) -> list[str]:
    """What is found wrong with the names and links of a block."""
    document = f"# Page\n\n## Copy\n\n```{block}\n{text}\n```\n"
    found = check(ANY, document, facts).findings
    return [one.found for one in found if "nowhere on file" in one.found]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Trusted by teams at Acme Corp and Ridgeway Roofing.", "Acme Corp"),
        ("As seen in Forbes.", "Forbes"),
        ("Works with Xero and QuickBooks Online.", "Xero"),
        ("Maria Lopez, owner of a roofing firm, swears by it.", "Maria Lopez"),
        ("Companies like Turner Construction use it.", "Turner Construction"),
        ("Unlike Procore, it takes a minute.", "Procore"),
        ("According to McKinsey, extras cost a fortune.", "McKinsey"),
        ("We have partnered with Home Depot.", "Home Depot"),
        ("Switch from Buildertrend in a day.", "Buildertrend"),
        ("Winner of the Golden Hammer Award.", "Golden Hammer Award"),
        ("Read on at https://fieldnod.com/start today.", "https://fieldnod.com/start"),
        ("See www.getnod.com.", "www.getnod.com"),
        ("Type fieldnod.app and go.", "fieldnod.app"),
        ("Type nod.io and go.", "nod.io"),
    ],
)
@pytest.mark.parametrize("block", ["copy", "post", "email"])
def test_whoever_and_whatever_nobody_on_file_has_named_is_found(text: str, name: str, block: str) -> None:
    (found,) = told(text, block=block)
    assert repr(name) in found


@pytest.mark.parametrize(
    "text",
    [
        "Trusted by contractors in the US and Canada.",
        "Used by 412 paying companies, like Ridgeway Roofing.",
        "Works with QuickBooks Online, with Zapier, on your iPhone and with Android.",
        "Unlike JobAnvil, clients need no login.",
        "Seen in Tradesman.",
        "According to Billing, 412 companies pay.",
        "Now Everything Works with Job Sheets",
        "Trusted by Canadian roofers. Connects to the job file. In Ohio it rains.",
        "Start at https://fieldnod.io/start, at app.fieldnod.io, at https://www.example.com/try or at /pricing.",
        "Write to help@fieldnod.com. Hi {{first_name}}, see {{link}}.",
        "Approve it.Then saw.",
    ],
)
def test_what_is_on_file_and_what_names_nobody_passes(text: str) -> None:
    assert told(text) == []


def test_outside_what_customers_read_anybody_may_be_named() -> None:
    text = "# Page\n\n## Notes\n\nProspects such as Acme Corp use Procore, see https://acme.com.\n"
    assert not [one for one in check(ANY, text, FACTS).findings if "nowhere on file" in one.found]


def test_without_anything_on_file_nothing_is_held_against_it() -> None:
    assert told("Trusted by Acme Corp, see https://acme.com.", facts=Facts()) == []


def test_each_is_told_of_once_and_sends_the_output_back() -> None:
    document = "# Page\n\n## Copy\n\n```copy\nWorks with Xero.\nYes, it works with Xero.\n```\n"
    found = [one for one in check(ANY, document, FACTS).findings if "nowhere on file" in one.found]
    assert [(one.section, one.severity) for one in found] == [("Copy", Severity.MAJOR)]


# -- where it all comes from -------------------------------------------------------------------------------------


def sourced(body: str, facts: Facts = FACTS) -> list[tuple[str, str, str]]:
    result = check(replace(ANY, envelope=True), f"# Page\n\n## Copy\n\n{body}\n", facts)
    return [(one.kind.value, one.text, one.source) for one in result.sourced]


def test_figures_quotations_names_and_links_are_listed_with_their_sources() -> None:
    block = '412 companies pay.\nWorks with Zapier.\n"First month, it paid for the year." Tom R., Ridgeway Roofing\n'
    assert sourced(f"```copy\n{block}See https://fieldnod.io/start and Xero.\n```") == [
        ("figure", "412 companies pay.", "product context"),
        ("quote", "First month, it paid for the year.", "product context"),
        ("link", "https://fieldnod.io/start", "product context"),
        ("name", "Zapier", "goal"),
    ]


def test_a_tag_says_in_words_where_a_figure_comes_from() -> None:
    body = "Signups rise by 20% [target]. They were 412 companies [ctx].\n\nThat is $9 a month [A1], $18 in two [calc]."
    assert sourced(body) == [
        ("figure", "Signups rise by 20%", "target"),
        ("figure", "They were 412 companies", "product context"),
        ("figure", "That is $9 a month", "assumption A1"),
        ("figure", "$18 in two", "calculation"),
    ]


def test_what_has_no_source_is_listed_as_such() -> None:
    assert sourced("```copy\nSaves 37% of the cost.\n```") == [("figure", "Saves 37% of the cost.", NOWHERE)]


def test_what_customers_read_comes_first_and_only_so_many_are_kept() -> None:
    sources = SourceList()
    for number in range(60):
        sources.note(SourcedKind.FIGURE, f"{number} people", "goal", public=number >= 50)
        sources.note(SourcedKind.FIGURE, f"{number} people", "goal", public=number >= 50)
    kept = sources.kept()
    assert (len(kept), sources.count) == (MAX_KEPT, 60)
    assert kept[0] == Sourced(kind=SourcedKind.FIGURE, text="50 people", source="goal")


def test_every_example_of_a_skill_says_where_its_figures_come_from() -> None:
    for one in deliverables():
        result = check(one.contract, one.text, one.facts)
        assert result.sourced_count >= len(result.sourced) > 0, one.name
        assert NOWHERE not in {each.source for each in result.sourced}, one.name
