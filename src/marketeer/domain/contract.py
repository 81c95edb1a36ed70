"""The contract: the machine-checkable shape of a skill's output, as data.

This module says what a contract can ask for. `contract_check.py` holds an output against it, and
`contract_template.py` renders it as the output template a specialist reads, so the two cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from marketeer.domain.review import Severity

# Where a referenced value must exist.
REF_REGISTRY = "registry"  # a skill's name, `director` or `human`
REF_PERSONA = "context.personas"  # a persona of the product context
REF_PRICE = "context.prices"  # a price that stands in the product context
CONTEXT_SOURCE = "product context"  # what the product context is called as a source
GOAL_SOURCE = "goal"  # the name under which the goal's own words are a source
REF_SOURCE = "sources"  # an input or an upstream output of this task, by path
REF_TEXT = "text:"  # `text:<Section heading>`: words that stand in that section, word for word
REF_TITLE = "title:"  # `title:<Section heading>`: how an H3 of that section begins
REF_SOURCE_OF = "source:"  # `source:<Section heading>.<Label>`: words of the source that this field names
REF_TABLE = "table:"  # `table:<Section heading>.<Column>`: a value of another table of this output


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A line `**Label:** value`. Character limits count Unicode code points after trimming.

    `calc` is the formula its number is recomputed by, `at_most` and `at_least` are bounds that are formulas themselves
    (contract_formula.py); `within` and `within_percent` say how far off it may be. `customer_facing` marks text that
    customers read, `setting` a number that is chosen rather than claimed. `min_parts` and `max_parts` count the entries
    of a list written on one line. Unless the formula `when` holds, the line may be missing. `calc_says` puts a formula
    into words.
    """

    label: str
    hint: str = ""
    min_chars: int | None = None
    max_chars: int | None = None
    one_of: tuple[str, ...] = ()
    not_one_of: tuple[str, ...] = ()
    pattern: str | None = None
    contains: tuple[str, ...] = ()
    integer: bool = False
    minimum: float | None = None
    maximum: float | None = None
    ref: str | None = None
    max_words: int | None = None
    min_parts: int | None = None
    max_parts: int | None = None
    multiple_of: int | None = None
    when: str | None = None
    customer_facing: bool = False
    setting: bool = False
    calc: str | None = None
    calc_says: str = ""
    at_most: str | None = None
    at_least: str | None = None
    within: float = 0.0
    within_percent: float = 0.0
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table column. `ref` values may be lists separated by commas or semicolons.

    `total` is what the column sums to; `rising` (`strict` or `weak`) how its numbers follow one another.
    """

    name: str
    hint: str = ""
    one_of: tuple[str, ...] = ()
    not_one_of: tuple[str, ...] = ()
    pattern: str | None = None
    max_chars: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False
    unique: bool = False
    ref: str | None = None
    distinct_min: int | None = None  # at least this many different values in the column
    must_include: tuple[str, ...] = ()  # each of these values appears in some row
    total: float | None = None
    rising: str | None = None
    customer_facing: bool = False
    setting: bool = False
    calc: str | None = None
    calc_says: str = ""
    at_most: str | None = None
    at_least: str | None = None
    within: float = 0.0
    within_percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A Markdown table whose header holds these columns in this order; extra columns to the right are allowed.

    `rows` are first-column values that must appear, in this order; `row_count` is a formula for the number of rows.
    """

    columns: tuple[Column, ...]
    min_rows: int = 1
    max_rows: int | None = None
    rows: tuple[str, ...] = ()
    row_count: str | None = None
    sorted_desc: str | None = None
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A bulleted or numbered list, or the one that follows the text `after`.

    `max_width` counts characters as Google Ads does (wide ones twice), without quotes and notes around an item.
    """

    min_items: int = 1
    max_items: int | None = None
    after: str | None = None
    pattern: str | None = None
    max_width: int | None = None
    unique: bool = False
    hint: str = ""
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Fenced blocks with one of these info strings. `copy`, `post` and `email` mark customer-facing text.

    `platform` holds the text against the limits of the platform its subsection's title names. `dates` and `filled` name
    keys of parsed data that hold ISO dates, and something at all. `json_ld` checks schema.org markup. One block has at
    most `one_within` characters. `at_least` and `at_most` are formulas for the words of all blocks together.
    """

    info: tuple[str, ...]
    min_blocks: int = 1
    min_words: int | None = None
    max_words: int | None = None
    contains_one_of: tuple[str, ...] = ()
    parses_as: str | None = None  # json | yaml
    required_keys: tuple[str, ...] = ()
    max_questions: int | None = None
    platform: bool = False
    one_within: int | None = None
    at_least: str | None = None
    at_most: str | None = None
    dates: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    json_ld: bool = False
    hint: str = ""
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """A literal text that must stand in the section."""

    text: str
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """At least this many quoted strings, each followed by its source in brackets."""

    min_quotes: int = 1
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A formula that has to hold, once or (`each_row`) for every row of the section's table that has these columns.

    `says` is the rule in words: what a writer reads. A rule whose values are not known is not judged.
    """

    says: str
    holds: str
    each_row: tuple[str, ...] = ()
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsection:
    """One kind of H3 and what each of them holds. `title` is exact; `title_pattern` a regular expression."""

    checks: tuple[Check, ...] = ()
    title: str | None = None
    title_pattern: str | None = None
    title_hint: str = ""
    hint: str = ""
    customer_facing: bool = False
    min_words: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsections:
    """H3 headings: either a number of one kind, or (`titled`) a fixed series in this order.

    `count` is a formula for their number.
    """

    each: Subsection | None = None
    min_count: int = 1
    max_count: int | None = None
    count: str | None = None
    titled: tuple[Subsection, ...] = ()
    severity: Severity = Severity.MAJOR


Check = Field | Table | ListOf | Code | Contains | Quotes | Rule | Subsections


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One H2. When its text begins with one of `instead_of` (such as `None`), its checks are waived."""

    heading: str
    hint: str = ""
    checks: tuple[Check, ...] = ()
    instead_of: tuple[str, ...] = ()
    optional: bool = False
    must_contain: tuple[str, ...] = ()
    customer_facing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one skill's output must look like. `envelope` adds Summary, Assumptions and Handoff around the sections.

    Words count the whole document. `unknown_allowed`: `Unknown: ...` is an honest answer anywhere in it.
    `merge_fields`: its customer-facing text may hold merge fields such as `{{first_name}}`.
    """

    skill: str
    sections: tuple[Section, ...]
    envelope: bool = True
    min_words: int = 0
    max_words: int = 100_000
    max_extra_sections: int = 2
    unknown_allowed: bool = False
    merge_fields: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a check may hold an output against, taken from the context, the inputs and the live registry.

    Empty tuples mean unknown: a check that needs the fact is waived and named. `context` is the product context's text
    (None: there is none), `sources` are the other texts a number or a quote may come from, by path: inputs, upstream
    outputs and, under `goal`, the goal's own words.
    """

    product: str | None = None
    personas: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    words_to_avoid: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    registry: frozenset[str] = field(default_factory=frozenset)
    sources: Mapping[str, str] = field(default_factory=dict)
    context: str | None = None

    @property
    def on_file(self) -> bool:
        """Whether there is anything that a number or quote could be held against."""
        return self.context is not None or bool(self.sources)

    def texts(self) -> Iterator[str]:
        """Everything a fact may come from."""
        if self.context is not None:
            yield self.context
        yield from self.sources.values()

    def named(self) -> Iterator[tuple[str, str]]:
        """The same, each with what it is called."""
        if self.context is not None:
            yield CONTEXT_SOURCE, self.context
        yield from self.sources.items()
