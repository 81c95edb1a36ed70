"""What the contract check finds, what it forgives, and what it waives."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketeer.domain.contract import (
    Check,
    Code,
    Column,
    Contains,
    Contract,
    Facts,
    Field,
    ListOf,
    Quotes,
    Section,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_check import CheckResult, check
from marketeer.domain.markdown import count_words, parse, unwrap
from marketeer.domain.review import Severity

REGISTRY = frozenset({"copywriting", "page-cro"})
FACTS = Facts(
    product="Harbourlog",
    personas=("Mira, harbour master", "Tom, skipper"),
    prices=("€39 a month",),
    words_to_avoid=("seamless", "berth solution"),
    anchors=("Mira", "pontoons", "harbour master"),
    registry=REGISTRY,
    context="Harbourlog: €39 a month. 31 harbours. Visit to trial 2.1%. Berths are booked by text in 10 minutes.",
)
SUMMARY = (
    "Harbourlog helps small harbours keep their berths booked and billed. This page is written for the goal of more "
    "trial signups before the season begins. It speaks to the harbour master, shows the plan of the pontoons first, "
    "answers the two doubts that come up in every call, and leads to one step: the free trial."
)
PLAN = Contract(
    skill="plan",
    max_words=2000,
    sections=(
        Section(
            heading="Brief",
            checks=(
                Field(label="Persona", ref="context.personas"),
                Field(label="Level", one_of=("high", "low")),
                Field(label="Headline", max_chars=20),
            ),
        ),
        Section(
            heading="Ideas",
            checks=(
                Table(
                    columns=(
                        Column(name="ID", unique=True, pattern=r"^I\d+$"),
                        Column(name="Idea"),
                        Column(name="Score", integer=True, minimum=1, maximum=10),
                    ),
                    min_rows=2,
                    sorted_desc="Score",
                ),
            ),
        ),
        Section(
            heading="Steps",
            instead_of=("None needed",),
            checks=(
                Table(columns=(Column(name="Step"), Column(name="For", ref="table:Ideas.ID"))),
                ListOf(min_items=2, after="In"),
            ),
        ),
    ),
)
GOOD = f"""# A plan for Harbourlog

Made for Harbourlog alone.

## Summary

{SUMMARY}

## Brief

**Persona:** Mira
**Level:** High
**Headline:** Every berth billed

## Ideas

| ID | Idea | Score |
|----|------|------:|
| I1 | Show the pontoon plan | 8 |
| I2 | Send a season note | 5 [A1] |

## Steps

| Step | For |
|---|---|
| Draw it | I1, I2 |

**In:**

- the plan
- the note

## Assumptions

| ID | Assumption | Why it was needed | How to check it |
|---|---|---|---|
| A1 | Guests read notes | No figure is on file | Ask three guests |

## Handoff

| To | Uses | Section |
|---|---|---|
| copywriting | the ideas | Ideas |
"""


def bare(*checks: Check, unknown_allowed: bool = False) -> Contract:
    """A contract of one section S without the envelope."""
    return Contract(
        skill="s", sections=(Section(heading="S", checks=checks),), envelope=False, unknown_allowed=unknown_allowed
    )


def run(contract: Contract, body: str, facts: Facts = FACTS) -> CheckResult:
    return check(contract, f"# T\n\n## S\n\n{body}\n", facts)


def found(result: CheckResult) -> list[str]:
    return [finding.line() for finding in result.findings]


def table(*rows: str, header: str = "| A | B |") -> str:
    return "\n".join([header, "|---|---|", *rows])


def test_a_document_as_the_contract_wants_it_has_no_findings() -> None:
    assert found(check(PLAN, GOOD, FACTS)) == []
    assert check(PLAN, GOOD, FACTS).waived == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## Ideas", "## IDEAS ##"),
        ("## Brief", "## 1. Brief"),
        ("- the plan", "* the plan"),
        ("**Persona:** Mira", "- **Persona**: Mira"),
        ("**Level:** High", "**Level:** `high` [A1]"),
        ("| ID | Idea | Score |", "|ID|Idea|Score|"),
        ("| I1 | Show the pontoon plan | 8 |", "| I1 | Show plan \\| map | 8 | extra |"),
        ("**Headline:** Every", "\n\n**Headline:**   Every"),
        ("| A1 |", "| [A1] |"),
    ],
)
def test_small_differences_of_form_are_forgiven(old: str, new: str) -> None:
    assert found(check(PLAN, GOOD.replace(old, new), FACTS)) == []


def test_a_document_wrapped_in_one_fence_is_unwrapped() -> None:
    assert found(check(PLAN, f"```markdown\n{GOOD}```\n", FACTS)) == []
    assert unwrap("~~~~md\n# A\n\n```js\nx\n```\n~~~~") == "# A\n\n```js\nx\n```\n"
    assert unwrap("```js\n1\n```\ntext\n```js\n2\n```") == "```js\n1\n```\ntext\n```js\n2\n```"


def test_a_hash_inside_a_fence_is_no_heading() -> None:
    assert [part.title for part in parse("# T\n\n## A\n\n~~~sh\n## B\n~~~\n\n## C\n").sections] == ["A", "C"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Every berth billed", "Every berth billed, every night", "Headline is 31 characters long; wanted: at most 20"),
        ("**Level:** High", "**Level:** medium", "Level is 'medium'; wanted: one of high, low"),
        ("**Level:** High\n", "", "no line **Level:**"),
        ("**Persona:** Mira", "**Persona:** Bob", "a persona: Mira, harbour master; Tom, skipper"),
        ("| I2 | Send", "| I1 | Send", "ID repeats 'I1'"),
        ("| 5 [A1] |", "| 9 |", "the rows are not sorted"),
        ("| 5 [A1] |", "| five |", "Score is 'five' (row 2); wanted: a whole number"),
        ("| I1, I2 |", "| I1, I7 |", "For names 'I7' (row 1)"),
        ("- the note\n", "", "the list after 'In' has 1 items; wanted: at least 2"),
        ("| copywriting |", "| copyrighting |", "To names 'copyrighting'"),
        ("Harbourlog helps", "It helps", "does not name the product"),
        ("# A plan for Harbourlog\n", "", "0 H1 headings"),
        ("the plan\n", "TODO\n", "the placeholder 'TODO'"),
        ("the plan\n", "[your plan here]\n", "the placeholder '[your plan here]'"),
        ("the plan\n", "<the plan>\n\n**Level:** x\n", ""),
    ],
)
def test_every_defect_is_told_in_words_the_writer_can_act_on(old: str, new: str, expected: str) -> None:
    lines = found(check(PLAN, GOOD.replace(old, new), FACTS))
    assert expected in "\n".join(lines)


def test_a_link_text_is_not_a_placeholder() -> None:
    assert found(run(bare(), "See [your account](https://example.com).")) == []


def test_an_unfilled_hint_of_the_template_is_a_finding() -> None:
    assert "is still the hint" in found(run(bare(Field(label="A")), "**A:** <the name>"))[0]
    assert found(run(bare(Field(label="A")), "**A:** <https://example.com>")) == []


def test_a_missing_section_is_major_and_a_missing_half_is_critical() -> None:
    without_one = GOOD.replace("## Steps", "### Steps")
    assert {finding.severity for finding in check(PLAN, without_one, FACTS).findings} == {Severity.MAJOR}
    without_two = without_one.replace("## Ideas", "### Ideas")
    assert [f.severity for f in check(PLAN, without_two, FACTS).findings].count(Severity.CRITICAL) == 1


def test_sections_in_another_order_are_one_finding() -> None:
    swapped = GOOD.replace("## Brief", "## X").replace("## Ideas", "## Brief").replace("## X", "## Ideas")
    assert len([line for line in found(check(PLAN, swapped, FACTS)) if "stands where" in line]) == 1


def test_words_outside_the_range_are_minor_within_a_tenth_and_major_beyond() -> None:
    words = count_words(GOOD)
    for most, severity in ((words - 1, Severity.MINOR), (words // 2, Severity.MAJOR)):
        result = check(replace(PLAN, max_words=most), GOOD, FACTS)
        assert [finding.severity for finding in result.findings] == [severity]


def test_more_extra_sections_than_allowed_are_minor() -> None:
    extra = GOOD.replace("## Assumptions", "## A\n\na\n\n## B\n\nb\n\n## C\n\nc\n\n## Assumptions")
    result = check(PLAN, extra, FACTS)
    assert [(finding.severity, finding.wanted) for finding in result.findings] == [(Severity.MINOR, "at most 2")]


def test_a_secret_is_critical_and_not_repeated_in_the_finding() -> None:
    secret = "sk-" + "ant0api03" * 4
    result = check(PLAN, GOOD.replace("the plan\n", secret + "\n"), FACTS)
    assert result.findings[0].severity is Severity.CRITICAL
    assert secret not in result.findings[0].line()


def test_words_to_avoid_and_set_phrases_fail_only_in_customer_facing_blocks() -> None:
    copy = "```copy\nA Seamless way.\n```\n\n```post\nThis takes berths to the next level.\n```"
    lines = found(run(bare(Code(info=("copy", "post"))), copy))
    assert "says 'seamless'" in lines[0]
    assert "next level" in lines[1]
    assert found(run(bare(), "Seamless is a word we avoid.")) == []


def test_an_alternative_text_waives_the_checks_of_its_section() -> None:
    start, _, rest = GOOD.partition("## Steps")
    text = f"{start}## Steps\n\nNone needed: nothing to do.\n\n## Assumptions{rest.partition('## Assumptions')[2]}"
    assert found(check(PLAN, text, FACTS)) == []


def test_checks_without_a_fact_are_waived_and_named() -> None:
    result = check(PLAN, GOOD.replace("Mira", "Somebody"), Facts())
    assert found(result) == []
    assert any("Personas" in sentence for sentence in result.waived)
    assert any("product's name" in sentence for sentence in result.waived)
    assert any("skills" in sentence for sentence in result.waived)


def test_unknown_is_an_answer_only_where_the_contract_says_so() -> None:
    body = "**A:** Unknown: the owner would know"
    assert found(run(bare(Field(label="A", one_of=("x",)), unknown_allowed=True), body)) == []
    assert found(run(bare(Field(label="A", one_of=("x",))), body)) != []
    assert found(run(bare(ListOf(min_items=3), unknown_allowed=True), "- Unknown: ask sales")) == []
    assert found(run(bare(Table(columns=(Column(name="A"),), min_rows=2)), "Unknown: ask")) != []
    assert found(run(bare(Table(columns=(Column(name="A"),)), unknown_allowed=True), "Unknown: ask")) == []


def test_table_columns_must_be_there_in_order_and_may_be_followed_by_others() -> None:
    check_ = Table(columns=(Column(name="A"), Column(name="B")))
    assert found(run(bare(check_), "| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |")) == []
    assert "wanted: a table | A | B |" in found(run(bare(check_), table("| 1 | 2 |", header="| B | A |")))[0]
    assert "there is no table" in found(run(bare(check_), "text"))[0]


def test_named_rows_distinct_values_and_must_include_are_checked() -> None:
    check_ = Table(
        columns=(Column(name="A"), Column(name="B", distinct_min=2, must_include=("yes",))), rows=("low", "high")
    )
    assert found(run(bare(check_), table("| Low | yes |", "| high | no |"))) == []
    assert "in another order" in found(run(bare(check_), table("| high | yes |", "| low | no |")))[0]
    lines = "\n".join(found(run(bare(check_), table("| low | no |", "| top | no |"))))
    assert "there is no row 'high'" in lines
    assert "has 1 different values" in lines
    assert "has no row for yes" in lines


def test_lists_count_patterns_and_the_text_in_front() -> None:
    check_ = ListOf(min_items=2, after="Out", pattern=r".+: .+")
    assert found(run(bare(check_), "**In**\n\n- x\n- y\n- z\n\n**Out**\n\n1. a: b\n2. c: d\n")) == []
    assert "holds 'c'" in found(run(bare(check_), "Out:\n\n- a: b\n- c\n"))[0]
    assert "there is no list after 'Out'" in found(run(bare(check_), "In:\n\n- a: b\n- c: d\n"))[0]


def test_field_lines_written_as_a_list_are_not_list_items() -> None:
    checks = (Field(label="A"), Field(label="B"), ListOf(min_items=1, max_items=1))
    assert found(run(bare(*checks), "- **A:** x\n- **B:** y\n\n- only one\n")) == []


def test_code_blocks_are_counted_parsed_and_measured() -> None:
    yaml = Code(info=("yaml",), parses_as="yaml", required_keys=("name", "url"))
    assert found(run(bare(yaml), "```yaml\nname: x\nurl: y\n```")) == []
    assert "lacks the keys url" in found(run(bare(yaml), "```yaml\nname: x\n```"))[0]
    assert "does not parse" in found(run(bare(yaml), "```yaml\nname: [x\n```"))[0]
    email = Code(info=("email",), min_blocks=2, min_words=3, max_words=5, contains_one_of=("?",))
    lines = "\n".join(found(run(bare(email), "```email\none two\n```")))
    assert "there are 1 blocks ```email" in lines
    assert "has 2 words; wanted: at least 3" in lines
    assert "wanted: one of ?" in lines


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 50_000, "? " * 60_000, "&a [*a, *a]"])
def test_hostile_yaml_and_json_do_no_harm(text: str) -> None:
    for kind in ("yaml", "json"):
        run(bare(Code(info=("x",), parses_as=kind, required_keys=("a",))), f"```x\n{text}\n```")


def test_literal_texts_and_quotes_with_their_source() -> None:
    checks = (Contains(text="Requires human approval"), Quotes(min_quotes=2))
    quotes = '“Berths are booked by text” (Tom, review)\n\n"Harbourlog: €39 a month" [support mail]'
    good = f"{quotes}\n\nrequires  human approval"
    assert found(run(bare(*checks), good)) == []
    assert len(found(run(bare(*checks), '"It never rains here."'))) == 2


def test_subsections_by_number_title_and_pattern() -> None:
    each = Subsection(title_pattern=r"^P\d+", title_hint="P01 · day", checks=(Field(label="A"),))
    check_ = Subsections(each=each, min_count=2, max_count=2)
    assert found(run(bare(check_), "### P01\n\n**A:** x\n\n### P02\n\n**A:** y\n")) == []
    lines = "\n".join(found(run(bare(check_), "### P01\n\n### Other\n\n**A:** y\n")))
    assert "there are 1 H3 headings 'P01 · day'" in lines
    assert "in 'P01': no line **A:**" in lines
    assert "'Other' has another form" in lines
    titled = Subsections(titled=(Subsection(title="Hero"), Subsection(title="Proof")))
    assert found(run(bare(titled), "### hero\n\n### More\n\n### Proof\n")) == []
    assert "in another order" in found(run(bare(titled), "### Proof\n\n### Hero\n"))[0]


def test_prices_must_stand_in_the_context() -> None:
    price = bare(Field(label="Price", ref="context.prices"))
    assert found(run(price, "**Price:** €39 a month, billed yearly")) == []
    assert found(run(price, "**Price:** Free")) == []
    assert "quotes '€49'" in found(run(price, "**Price:** €49 a month"))[0]


def test_words_of_scripts_without_spaces_are_counted_too() -> None:
    assert count_words("two words") == 2
    assert 4 <= count_words("新規登録を増やす") <= 8


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=600))
def test_no_text_makes_the_check_fail(text: str) -> None:
    check(PLAN, text, FACTS)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# ", "## Ideas", "### x", "|", "---", "\n", "- ", "**a:**", "```", "~~~", "> ", "I1", "\\", "\t"]
        )
    )
)
def test_no_heap_of_markdown_makes_the_check_fail(pieces: list[str]) -> None:
    check(PLAN, GOOD + "".join(pieces), FACTS)


def test_ten_kilobytes_are_checked_in_a_moment() -> None:
    text = GOOD + "\n\n" + "A line of prose that says something about berths.\n\n- and an item\n\n" * 150
    check(PLAN, text, FACTS)
    spans = []
    for _ in range(3):
        started = time.process_time()
        check(PLAN, text, FACTS)
        spans.append(time.process_time() - started)
    assert len(text) > 10_000
    assert min(spans) < 0.1  # ten times the target, for a busy machine
