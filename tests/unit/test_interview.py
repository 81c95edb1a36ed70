"""The questions of `init`: their examples and what becomes of answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from marketeer.adapters.team_files import load_team
from marketeer.cli.interview import EXAMPLES, compose, interview
from marketeer.domain.context_gaps import SectionState, section_gaps
from marketeer.domain.contract import Contract
from marketeer.domain.product_context import parse_context
from marketeer.domain.skill import FOUNDATION_SKILL


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_team(None).skill(FOUNDATION_SKILL).contract


def test_the_answers_the_questions_show_make_a_context_that_is_understood(contract: Contract) -> None:
    assert list(EXAMPLES) == [section.heading for section in contract.sections]
    asked: list[str] = []

    def answer(question: str) -> tuple[str, ...]:
        asked.append(question)
        return EXAMPLES[contract.sections[len(asked) - 1].heading]

    text = compose(contract, "Fieldnod", interview(contract, answer))
    known = parse_context(text)
    assert (known.product, known.prices[:1]) == ("Fieldnod", ("$49",))
    assert known.personas == ("Dana, owner", "Luis, field lead")
    assert known.rivals == ("JobAnvil", "Texts and a spreadsheet")
    assert known.words_to_avoid == ("seamless", "leverage")
    assert known.goals[0].target == "3.5%"
    assert known.primary_conversion.startswith("free signup")
    states = {gap.heading: gap.state for gap in section_gaps(contract, text)}
    assert SectionState.UNKNOWN not in states.values()
    assert all(
        example in question for question, examples in zip(asked, EXAMPLES.values(), strict=True) for example in examples
    )


@pytest.mark.parametrize(
    ("heading", "lines", "expected"),
    [
        ("Personas", ["Mia, owner; user"], "| Mia, owner | user | Unknown: not told yet | Unknown: not told yet |"),
        ("Personas", ["| Mia | user | a | b | c |"], "| Mia | user | a | b | c |"),
        ("Goals", ["More | signups"], "| More | signups | Unknown: not told yet |"),
        ("Brand Voice", ["dry", "short, calm, wry"], "**Tone:** dry\n**Traits:** short, calm, wry\n**Do:** Unknown"),
        ("Brand Voice", ["do: short lines", "Do: name the trade"], "**Do:** short lines; name the trade"),
        ("Problems and Pain Points", ["- Late pay", "Lost notes"], "- Late pay\n- Lost notes"),
        ("Target Audience", ["Shops", "Close books", "Sleep"], "**Jobs to be done:**\n- Close books\n- Sleep"),
        ("Customer Language", ['"It hurts." (call, May)'], '"It hurts." (call, May)\n\n**Words to use:** Unknown'),
        ("Switching Dynamics", ["a", "b", "c", "d", "e"], "**Anxiety:** d; e"),
    ],
)
def test_lines_find_their_place(contract: Contract, heading: str, lines: Sequence[str], expected: str) -> None:
    text = compose(contract, "Ledgerly", {heading: lines})
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert expected in section
