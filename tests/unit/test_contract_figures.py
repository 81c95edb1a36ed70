"""Figures, tags and quotations: what needs a source, what counts as one, and what a good writer may do."""

from __future__ import annotations

import pytest

from marketeer.domain.contract import Column as C
from marketeer.domain.contract import Contract, Facts, Field, Section, Table
from marketeer.domain.contract_check import check
from marketeer.domain.contract_figures import amount, claims
from marketeer.domain.contract_tags import tags
from marketeer.domain.contract_verbatim import holds_words
from marketeer.domain.review import Severity

CONTEXT = """# Product Marketing Context: Fieldnod

Crew: $49 a month, 5 users. Office: $129 a month. 412 paying companies (355 Crew, 57 Office).
Median time to approval: 38 minutes. 47 of 61 surveyed. Visit to signup 2.9%, 18,500 visits a month. MRR $24,748.

"I did four thousand in extras and got paid for half." (Dana interview, Nov 2025)
"""
FACTS = Facts(
    product="Fieldnod",
    personas=("Dana, owner", "Luis, field lead"),
    anchors=("Dana", "Luis", "JobAnvil"),
    context=CONTEXT,
    sources={"inputs/pages.csv": "path,rate\n/pricing,4.4%\n", "goal": "Increase signup conversion by 20%"},
)
TAIL = """
## Assumptions

| ID | Assumption | Why it was needed | How to check it |
|---|---|---|---|
| A1 | Half of them answer | Nobody counted | Ask ten |

## Handoff

| To | Uses | Section |
|---|---|---|
| director | all of it [A1] | Work |
"""
SUMMARY = (
    "Fieldnod helps contractors get extras approved before the crew starts. This plan is about the way from a first "
    "visit to a signup. Dana decides, Luis uses it, and JobAnvil is what they know. Fieldnod shows one approval first, "
    "answers the one doubt that stops people, and asks for an address last; nothing else changes."
)


def findings(body: str, *, facts: Facts = FACTS, section: Section | None = None) -> list[str]:
    """What is wrong with a document that is in order but for this body; the severity in front."""
    contract = Contract(skill="plan", sections=(section or Section(heading="Work"),))
    text = f"# Plan for Fieldnod\n\n## Summary\n\n{SUMMARY}\n\n## Work\n\n{body}\n{TAIL}"
    return [f"{one.severity.value} {one.line()}" for one in check(contract, text, facts).findings]


def serious(body: str, **more: object) -> list[str]:
    return [line for line in findings(body, **more) if not line.startswith("minor")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "Visit to signup is 2.9% [ctx] and should reach 3.5% [target].",
        "Visit to signup is **2.9%** `[ctx]`; the goal is 3.5% [target] by 2026-06-30.",
        "MRR is $24,748 [ctx: Goals], and 355 \u00d7 $49 + 57 \u00d7 $129 = $24,748 [calc].",
        "About 25k of MRR comes from 412 companies [ctx].",
        "A Crew seat costs about $50 a month [ctx].",
        "The pricing page converts at 4.4% [in:pages.csv], against 2.9% [ctx] overall.",
        "The pricing page converts at 4.4% [in:inputs/pages.csv].",
        "Suppose half answer: 206 companies [A1].",
        "412 companies pay today [ctx, A1].",
        "Two thirds is usual, some 66% [bench: Example Survey of Builders, 2024].",
        "If the bounce rate rises by more than 5%, roll back.",
        "Pause the ad when cost per signup exceeds $60 for three days.",
        "Power 80%, significance 5%, split 50/50, 10% holdout, shown after 50% scroll.",
        "Warn at 80% of the limit.",
        "Titles stay within 60 characters; step 2 of 3; 14 days; T+7; 24x24 px; Q3 2026; 4.5:1 contrast.",
        "Ask 5 users and 3 customers first.",
        "The page says `save 30%` in code and links to https://example.com/?discount=30%25.",
        "Send it twice a week for 2 weeks, 3x a week at most.",
        "No change: $0 and 0%.",
        "- 2.9% of visits sign up today\n  and that is the baseline [ctx]",
        "All figures below are illustrations [example].\n\n| Case | Lift |\n|---|---|\n| low | 5% |\n| high | 12% |",
        "| Metric | Baseline [ctx] | Target [target] |\n|---|---|---|\n| Signups | 2.9% | 3.5% |",
        "| Claim | Value | Source |\n|---|---|---|\n| JobAnvil's price | $99 a month | jobanvil.com, 2026-02-10 |",
        "| Metric | Now | Goal |\n|---|---|---|\n| Signups | 2.9% [ctx] | 3.5% |",
    ],
)
def test_figures_with_their_origin_and_figures_that_claim_nothing_pass(text: str) -> None:
    assert serious(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Some 41% of visitors leave.", "'41%'"),
        ("Contractors lose $12,000 a year to it.", "'$12,000'"),
        ("Over 3,000 contractors use such tools.", "3,000 contractors"),
        ("Approvals come 6x faster.", "'6x'"),
        ("It saves crews 9 hours a week.", "9 hours"),
        ("More than 90% of owners agree.", "'90%'"),
        ("The rate went from 12 to 19 percent.", "12"),
        ("Wir gewinnen 12,5 % mehr.", "12,5 %"),
        ("Median approval takes 4 hours [ctx].", "4 hours"),
        ("412 companies pay, 77% of them yearly [ctx].", "'77%'"),
        ("The page converts at 9.1% [in:pages.csv].", "'9.1%'"),
        ("The page converts at 9.1% [in:ga4-export.csv].", "[in:ga4-export.csv]"),
        ("Suppose 30% answer [A4].", "[A4]"),
        ("Two thirds is usual, 66% [bench: common knowledge].", "common knowledge"),
        ("12 \u00d7 $49 = $688 [calc]", "does not come out"),
        ("| Metric | Value |\n|---|---|\n| Signups | 17% |", "'17%'"),
    ],
)
def test_a_figure_without_a_true_origin_is_sent_back(text: str, found: str) -> None:
    lines = serious(text)
    assert len(lines) == 1, lines
    assert found in lines[0]


def test_an_untagged_figure_that_is_on_file_is_a_matter_of_style() -> None:
    lines = findings("Crew costs $49 a month, and the goal is to increase conversion by 20%.")
    assert [line.split()[0] for line in lines] == ["minor"]


def test_in_customer_facing_blocks_figures_are_on_file_or_the_output_is_rejected() -> None:
    good = "```copy\nApproved in a median of 38 minutes. Crew is $49 a month for 5 users.\n```"
    assert serious(good) == []
    lines = serious("```copy\nJoin 9,000 contractors and save 30%.\n```")
    assert len(lines) == 1
    assert lines[0].startswith("critical")
    assert "customer-facing text without provenance tags" in findings("```post\nOnly 2.9% sign up [ctx].\n```")[0]


def test_customer_facing_fields_and_columns_are_held_to_the_same_standard() -> None:
    section = Section(
        heading="Work",
        checks=(
            Field(label="Headline", customer_facing=True),
            Table(columns=(C(name="#"), C(name="Option", customer_facing=True))),
        ),
    )
    option = "| # | Option |\n|---|---|\n| 1 | 47 of 61 surveyed customers bill more |"
    body = f"**Headline:** Approved in 38 minutes\n\n{option}"
    assert serious(body, section=section) == []
    assert len(serious(body.replace("38", "12").replace("minutes", "% of jobs"), section=section)) == 1
    assert len(serious(body.replace("61 surveyed", "99 surveyed"), section=section)) == 1


def test_numbers_that_are_settings_or_recomputed_need_no_tag() -> None:
    section = Section(
        heading="Work", checks=(Field(label="Trigger", setting=True), Field(label="Share", calc="10 * 3"))
    )
    assert serious("**Trigger:** 65%\n**Share:** 30%", section=section) == []


@pytest.mark.parametrize(
    "text",
    [
        '"I did four thousand in extras and got paid for half." (Dana interview, Nov 2025)',
        "\u201cI did four thousand in extras and got paid for half\u201d \u2014 Dana, owner of a roofing firm",
        'Dana says: "I did four thousand in extras \u2026 paid for half."',
        '> "I did four thousand in  extras and got paid for half."\n> \u2014 Dana R., owner',
        'Headline: "Get every extra signed before you start" (option B)',
        'The button says "Start your free trial today" and nothing more.',
        'Search for "change order app for small contractors" (informational)',
        '"A sample of what somebody might say about it" (example, not a customer)',
        '- "Stop eating the extras on every job" - Outcome angle, problem first',
    ],
)
def test_true_quotations_and_words_nobody_is_said_to_have_spoken_pass(text: str) -> None:
    assert serious(text) == []


@pytest.mark.parametrize(
    "text",
    [
        '"I did four thousand in extras and got paid for all of it." (Dana interview, Nov 2025)',
        '"It changed how our whole crew works every day." \u2014 Marco P., Hillside Builders',
        'One customer said: "We would never go back to texting prices."',
        '"Best tool we ever bought for the office." (G2 review)',
        '```copy\n"It paid for itself in the first week."\n\u2014 Sam Ortiz, Ortiz Electric\n```',
    ],
)
def test_an_invented_or_altered_quotation_is_critical(text: str) -> None:
    lines = serious(text)
    assert len(lines) == 1, lines
    assert lines[0].startswith("critical")
    assert "nobody on file said" in lines[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [("4,000", 4000), ("2.9", 2.9), ("2,9", 2.9), ("24.7k", 24700), ("1.2 million", 1_200_000), ("18 500", 18500)],
)
def test_numbers_are_read_as_people_write_them(written: str, value: float) -> None:
    assert amount(written) == pytest.approx(value)


def test_tags_are_understood_in_the_ways_writers_put_them() -> None:
    text = (
        "[ctx] [ctx: Goals] [in: inputs/a.md] [A1, A2] [calc; A1] [bench: A, B, 2024] [context] [link](x) [in the end]"
    )
    found = tags(text)
    assert [tag.text for tag in found] == [
        "[ctx]", "[ctx: Goals]", "[in: inputs/a.md]", "[A1, A2]", "[calc; A1]", "[bench: A, B, 2024]", "[context]",
    ]  # fmt: skip
    assert found[2].inputs == ("inputs/a.md",)
    assert found[3].ids == ("A1", "A2")
    assert found[5].bench == "A, B, 2024"


def test_every_class_of_claim_is_recognised() -> None:
    text = "12% of 400 users pay $9, 3x more, ranked #2, saving 40 minutes"
    assert [claim.kind.name for claim in claims(text)] == ["PERCENT", "PEOPLE", "MONEY", "MULTIPLE", "RANK", "DURATION"]


def test_word_for_word_forgives_marks_and_gaps_but_no_other_word() -> None:
    assert holds_words(CONTEXT, "i did four thousand in extras")
    assert holds_words(CONTEXT, "I did four thousand [...] got paid for half!")
    assert not holds_words(CONTEXT, "I did five thousand in extras")
    assert not holds_words(CONTEXT, "")


def test_without_anything_on_file_nothing_is_held_against_it_and_that_is_said() -> None:
    contract = Contract(skill="plan", sections=(Section(heading="Work"),))
    text = f"# P\n\n## Summary\n\n{SUMMARY}\n\n## Work\n\n4% [ctx], 5% [in:x.csv]\n{TAIL}"
    result = check(contract, text, Facts())
    assert [one for one in result.findings if one.severity is not Severity.MINOR] == []
    assert any("held against sources" in sentence for sentence in result.waived)
