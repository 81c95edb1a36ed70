"""The contract: the machine-checkable shape of a skill's output, as data.

This module says what a contract can ask for. `contract_check.py` holds an output against it, and
`contract_template.py` renders it as the output template a specialist reads, so the two cannot drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from marketeer.domain.review import Severity

# Where a referenced value must exist.
REF_REGISTRY = "registry"  # a skill's name, `director` or `human`
REF_PERSONA = "context.personas"  # a persona of the product context
REF_PRICE = "context.prices"  # a price that stands in the product context
REF_TABLE = "table:"  # `table:<Section heading>.<Column>`: a value of another table of this output


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A line `**Label:** value`. Character limits count Unicode code points after trimming."""

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
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table column. `ref` values may be lists separated by commas or semicolons."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A Markdown table whose header holds these columns in this order; extra columns to the right are allowed.

    `rows` are first-column values that must appear, in this order.
    """

    columns: tuple[Column, ...]
    min_rows: int = 1
    max_rows: int | None = None
    rows: tuple[str, ...] = ()
    sorted_desc: str | None = None
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A bulleted or numbered list, or the one that follows the text `after`."""

    min_items: int = 1
    max_items: int | None = None
    after: str | None = None
    pattern: str | None = None
    hint: str = ""
    severity: Severity = Severity.MAJOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Fenced blocks with one of these info strings. `copy`, `post` and `email` mark customer-facing text."""

    info: tuple[str, ...]
    min_blocks: int = 1
    min_words: int | None = None
    max_words: int | None = None
    contains_one_of: tuple[str, ...] = ()
    parses_as: str | None = None  # json | yaml
    required_keys: tuple[str, ...] = ()
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
class Subsection:
    """One kind of H3 and what each of them holds. `title` is exact; `title_pattern` a regular expression."""

    checks: tuple[Check, ...] = ()
    title: str | None = None
    title_pattern: str | None = None
    title_hint: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsections:
    """H3 headings: either a number of one kind, or (`titled`) a fixed series in this order."""

    each: Subsection | None = None
    min_count: int = 1
    max_count: int | None = None
    titled: tuple[Subsection, ...] = ()
    severity: Severity = Severity.MAJOR


Check = Field | Table | ListOf | Code | Contains | Quotes | Subsections


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One H2. When its text begins with one of `instead_of` (such as `None`), its checks are waived."""

    heading: str
    hint: str = ""
    checks: tuple[Check, ...] = ()
    instead_of: tuple[str, ...] = ()
    optional: bool = False
    must_contain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one skill's output must look like. `envelope` adds Summary, Assumptions and Handoff around the sections.

    Words count the whole document. `unknown_allowed`: `Unknown: ...` is an honest answer anywhere in it.
    """

    skill: str
    sections: tuple[Section, ...]
    envelope: bool = True
    min_words: int = 0
    max_words: int = 100_000
    max_extra_sections: int = 2
    unknown_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a check may hold an output against, taken from the context, the inputs and the live registry.

    Empty tuples mean unknown: a check that needs the fact is waived and named.
    """

    product: str | None = None
    personas: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    words_to_avoid: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    registry: frozenset[str] = field(default_factory=frozenset)
    sources: Mapping[str, str] = field(default_factory=dict)
