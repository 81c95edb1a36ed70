"""The formula language: what it works out, what it refuses, and what the checks make of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from marketeer.domain.contract import Check, Code, Column, Contract, Facts, Field, ListOf, Rule, Section, Table
from marketeer.domain.contract_check import check
from marketeer.domain.contract_formula import FormulaError, evaluate, parse_formula, snake
from marketeer.domain.contract_functions import flesch_kincaid, sample_size
from marketeer.domain.contract_jsonld import markup_problems
from marketeer.domain.contract_platforms import google_width, post_problems, x_length
from marketeer.domain.contract_quantities import Value, hours_of, number_of, rate_of


@dataclass(slots=True)
class Names:
    """A lookup that knows these names and nothing else."""

    known: dict[str, Value] = field(default_factory=dict)

    def name(self, identifier: str) -> Value:
        return self.known.get(identifier)

    def look(self, function: str, arguments: tuple[Value, ...]) -> Value:
        return None


def value(formula: str, **names: Value) -> Value:
    return evaluate(formula, Names(dict(names)))


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("1 + 2 * 3", 7.0),
        ("mean(a, b, 3)", 4.0),
        ("sum(a, b) / 2", 4.5),
        ("a ** 2", 16.0),
        ("round(10 / 3, 1)", 3.3),
        ("ceil(7 / 2)", 4.0),
        ("rate('2.9%')", 0.029),
        ("'$1,200 [ctx]' * 2", 2400.0),
        ("-a", -4.0),
        ("a < b <= 5", True),
        ("a == b or b == 5", True),
        ("not a == 4", False),
        ("'Yes ' == 'yes'", True),
        ("1 if has('Van Westendorp', 'westendorp') else 0", 1.0),
        ("chars(' abc ')", 3.0),
        ("words('three short words')", 3.0),
        ("number_at('Email 2 · Day 5', 2)", 5.0),
        ("near(102, 100, 0, 2)", True),
        ("sum(shares('50% A / 50% B'))", 100.0),
        ("all_in(merge_fields('Hi {{first_name}}'), '`{{first_name}}` | CRM')", True),
        ("all_in(event_calls(\"gtag('event', 'sign_up')\"), 'no such thing')", False),
    ],
)
def test_formulas_are_worked_out(formula: str, wanted: Value) -> None:
    found = value(formula, a="4", b="5 [A1]")
    assert found == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)


@pytest.mark.parametrize(
    "formula", ["a + nothing", "a / 0", "10 ** 400", "a > 'no data'", "mean(a, 'no data')", "nothing == 3", "rows('X')"]
)
def test_what_cannot_be_known_is_not_judged(formula: str) -> None:
    assert value(formula, a="4") is None


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os')",
        "a.b",
        "a[0]",
        "[x for x in a]",
        "lambda: 1",
        "f'{a}'",
        "exec('1')",
        "chars()",
        "mean(a, key=1)",
        "1 +",
        "True",
        "a := 1",
        "1 " * 400,
    ],
)
def test_everything_else_is_refused_with_a_reason(formula: str) -> None:
    with pytest.raises(FormulaError, match=r"\w"):
        parse_formula(formula)


def test_names_are_columns_and_labels_in_snake_case() -> None:
    assert [snake(name) for name in ("Invites each", "#", "**K**", "MRR effect", "Today's workaround")] == [
        "invites_each",
        "number",
        "k",
        "mrr_effect",
        "today_s_workaround",
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$24,748 [ctx]", 24748),
        ("+$1,874 [calc]", 1874),
        ("\u2212$639", -639),
        ("-20% [A3]", -20),
        ("11,433 [calc]", 11433),
        ("14 days (two weeks)", 14),
        ("412 \u00d7 $49 = $20,188", 20188),
        ("about 38", 38),
        ("3-5", None),
        ("$49 to $59", None),
        ("no data", None),
        ("Custom", None),
    ],
)
def test_the_number_of_a_text_is_the_one_it_means(text: str, number: float | None) -> None:
    assert number_of(text) == number


def test_rates_and_spans_are_read_in_their_usual_forms() -> None:
    assert [rate_of(text) for text in ("3.625% of visitors", "0.05", "80%", "0.05 (95% confidence)")] == [
        0.03625,
        0.05,
        0.8,
        0.05,
    ]
    assert [hours_of(text) for text in ("10 minutes", "day 2, 06:30", "1 week", "immediately", "36 h", "soon")] == [
        pytest.approx(1 / 6),
        48,
        168,
        0,
        36,
        None,
    ]


@pytest.mark.parametrize(
    ("baseline", "effect", "wanted"),
    [
        ("1%", "+5% relative", 637_010),
        ("2%", "20% relative", 21_109),
        ("5%", "10% relative", 31_234),
        ("10%", "1 percentage point absolute", 14_751),
        ("20%", "100% relative", 82),
        ("2.9%", "20% relative", 14_410),
    ],
)
def test_sample_sizes_are_those_of_the_exact_formula(baseline: str, effect: str, wanted: int) -> None:
    size = sample_size(baseline, effect, "0.05", "0.80", "two")
    assert isinstance(size, float)
    assert size == pytest.approx(wanted, rel=0.002)


def test_the_school_grade_of_a_text_follows_flesch_and_kincaid() -> None:
    assert flesch_kincaid("The cat sat on the mat.") < 2
    assert flesch_kincaid("Organisational considerations necessitate comprehensive documentation procedures.") > 18


# -- what the checks make of it --------------------------------------------------------------------------------


def findings(body: str, *checks: Check) -> list[str]:
    contract = Contract(skill="s", sections=(Section(heading="S", checks=checks),), envelope=False)
    return [f"{f.severity.value} {f.line()}" for f in check(contract, f"# T\n\n## S\n\n{body}\n", Facts()).findings]


SCORES = Table(
    columns=(
        Column(name="Idea"),
        Column(name="Reach"),
        Column(name="Ease"),
        Column(name="Score", calc="mean(reach, ease)", within=0.1),
    )
)
ROWS = "| Idea | Reach | Ease | Score |\n|---|---|---|---|\n| a | 8 | 5 | 6.5 |\n| b | 7 | 3 | 5 |"


def test_a_column_is_recomputed_from_its_row() -> None:
    assert findings(ROWS, SCORES) == []
    assert findings(ROWS.replace("6.5", "6.5 [calc]"), SCORES) == []
    lines = findings(ROWS.replace("6.5", "7.5"), SCORES)
    assert lines == ["major S: Score is '7.5' (row 1); wanted: 6.5 (mean(reach, ease))"]
    assert findings(ROWS.replace("| 8 |", "| no data |"), SCORES) == []


def test_a_near_miss_in_counting_characters_is_a_matter_of_style() -> None:
    chars = Field(label="Chars", calc="chars(block('post'))")
    post = "```post\n" + "word " * 20 + "\n```\n\n**Chars:** "
    assert findings(f"{post}99", chars) == []
    assert findings(f"{post}104", chars)[0].startswith("minor")
    assert findings(f"{post}140", chars)[0].startswith("major")


def test_bounds_totals_and_order_are_formulas_and_rules_of_a_column() -> None:
    prices = Table(
        columns=(
            Column(name="Tier"),
            Column(name="Monthly", rising="strict"),
            Column(name="Annual", at_most="12 * number(monthly)"),
            Column(name="Weight", total=100),
        )
    )
    good = (
        "| Tier | Monthly | Annual | Weight |\n|---|---|---|---|\n| A | Free | Free | 60% |\n| B | $49 | $490 | 40% |"
    )
    assert findings(good, prices) == []
    assert "at most 588" in findings(good.replace("$490", "$600"), prices)[0]
    assert "sums to 110" in findings(good.replace("40%", "50%"), prices)[0]
    more = good + "\n| C | $39 | $390 | 0 |"
    assert "every number larger" in findings(more, prices)[0]


def test_a_rule_is_told_in_the_words_of_the_contract() -> None:
    rule = Rule(says="the split sums to 100", holds="sum(shares(split)) == 100")
    split = Field(label="Split")
    assert findings("**Split:** 50/50, sticky for 30 days", split, rule) == []
    assert findings("**Split:** 60% and 50%", split, rule) == [
        "major S: a rule is broken; wanted: the split sums to 100"
    ]
    assert findings("**Split:** even", split, rule) == []


def test_a_rule_for_each_row_names_the_rows_that_break_it() -> None:
    rule = Rule(says="low is below high", holds="low < high", each_row=("Low", "High"))
    table = "| Name | Low | High |\n|---|---|---|\n| a | 1 | 2 |\n| b | 5 | 3 |\n| c | 9 | 3 |"
    assert findings(table, rule) == ["major S: rows 2, 3 of Low | High break a rule; wanted: low is below high"]


def test_the_number_of_rows_can_follow_from_a_field() -> None:
    checks = (Field(label="Length"), Table(columns=(Column(name="A"), Column(name="B")), row_count="length"))
    table = "| A | B |\n|---|---|\n| 1 | x |\n| 2 | y |"
    assert findings(f"**Length:** 2\n\n{table}", *checks) == []
    assert "there are 2 rows; wanted: 3" in findings(f"**Length:** 3\n\n{table}", *checks)[0]


def test_ad_lines_are_measured_without_counts_quotes_and_tags() -> None:
    lines = ListOf(min_items=2, max_width=12, unique=True)
    assert findings('1. "Twelve chars" (12)\n2. **H2:** Short [ctx]\n3. Other | 5', lines) == []
    assert "'Thirteen char' with 13" in findings("- Thirteen char\n- b", lines)[0]
    assert "repeats" in findings("- Same (4)\n- same", lines)[0]
    assert google_width("東京 now") == 8


def test_posts_are_counted_as_their_platform_counts() -> None:
    assert x_length("see https://example.com/a-very-long-address-of-a-page now") == 4 + 23 + 4
    assert x_length("日本") == 4
    assert x_length("👩‍👩‍👧 ok") == 2 + 3
    assert list(post_problems("a" * 281, "P01 · X · 2026-03-02")) == [
        ("is 281 characters long as X counts", "at most 280")
    ]
    assert list(post_problems("a" * 281, "P01 · LinkedIn · 2026-03-02")) == []
    assert list(post_problems("#a #b #c #d #e #f", "P1 · Instagram")) == [("has 6 hashtags", "at most 5 on Instagram")]


def test_markup_has_what_its_types_require() -> None:
    good = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "Organization", "@id": "#org", "name": "Fieldnod"},
            {
                "@type": "Product",
                "name": "Fieldnod",
                "offers": {"@type": "Offer", "price": "49", "priceCurrency": "USD"},
            },
        ],
    }
    assert list(markup_problems(good)) == []
    bad = {"@type": "SoftwareApplication", "name": "x", "url": "/pricing", "datePublished": "March 2026"}
    found = [one for one, _ in markup_problems(bad)]
    assert len(found) == 4
    assert "without offers.price, aggregateRating or review" in found[1]


def test_yaml_records_hold_dates_and_are_not_empty() -> None:
    record = Code(info=("yaml",), parses_as="yaml", dates=("checked_on",), filled=("strengths",))
    good = "```yaml\nchecked_on: 2026-02-10\nstrengths: [price]\n```"
    assert findings(good, record) == []
    assert "nothing under strengths" in findings(good.replace("[price]", "[]"), record)[0]
    assert "checked_on 'last week'" in findings(good.replace("2026-02-10", "last week"), record)[0]
