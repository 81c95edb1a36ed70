"""What a skill folder's contract.yaml may say, and how it becomes domain data.

The format is described for people in docs/skill-format.md; the domain's dataclasses are in domain/contract.py.
Each model has the fields of the dataclass it makes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from marketeer.adapters.team_files.source import Strict, wrong
from marketeer.domain import contract as domain
from marketeer.domain.contract_formula import FormulaError, parse_formula
from marketeer.domain.phrases import phrase_pattern
from marketeer.domain.review import Severity
from marketeer.domain.rubric import SCORES, WEIGHTS_SUM, Dimension, ReviewDepth
from marketeer.domain.skill import Brief
from marketeer.domain.usage import Tier

_BOUNDS = (
    ("minimum", "maximum"),
    *((f"min_{what}", f"max_{what}") for what in ("", "chars", "rows", "items", "words", "count", "parts")),
)
CHECK_KINDS = ("field", "table", "list", "code", "contains", "quotes", "rule", "subsections")
FORMULA_KEYS = frozenset({"calc", "at_most", "at_least", "row_count", "count", "holds", "when"})


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as exc:
        msg = f"pattern {pattern!r} is not a regular expression ({exc}); correct it"
        raise wrong(msg) from exc
    return pattern


def _is_phrase(cue: str) -> str:
    try:
        phrase_pattern([cue]).check()
    except re.error as exc:
        msg = f"cue {cue!r} cannot be read ({exc}); check its brackets"
        raise wrong(msg) from exc
    return cue


def _is_ref(ref: str) -> str:
    fixed = (domain.REF_REGISTRY, domain.REF_PERSONA, domain.REF_PRICE, domain.REF_SOURCE)
    dotted = (domain.REF_TABLE, domain.REF_SOURCE_OF)
    if ref in fixed or (ref.startswith(dotted) and "." in ref) or ref.startswith((domain.REF_TEXT, domain.REF_TITLE)):
        return ref
    msg = (
        f"ref {ref!r} points nowhere; it must be {', '.join(fixed)}, table:<Section heading>.<Column>, "
        "text:<Section heading>, title:<Section heading> or source:<Section heading>.<Label>"
    )
    raise wrong(msg)


def _is_formula(text: str) -> str:
    try:
        parse_formula(text)
    except FormulaError as exc:
        raise wrong(str(exc)) from exc
    return text


Line = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Hint = Annotated[str, StringConstraints(strict=True, strip_whitespace=True)]
Lines = tuple[Line, ...]
Pattern = Annotated[Line, AfterValidator(_compiles)]
Ref = Annotated[Line, AfterValidator(_is_ref)]
Formula = Annotated[Line, AfterValidator(_is_formula)]
Count = Annotated[int, Field(strict=True, ge=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]
Flag = Annotated[bool, Field(strict=True)]


class _Bounded(Strict):
    """A model whose lower bounds may not pass its upper ones."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        # Each model has two or three of these: asking pydantic for the others is a quarter of the loading time.
        given = self.__dict__
        for low, high in _BOUNDS:
            least, most = given.get(low), given.get(high)
            if least is not None and most is not None and least > most:
                key = low.removesuffix("_")
                msg = f"{key} {least} is more than {high.removesuffix('_')} {most}; correct one of them"
                raise wrong(msg, key)
        return self


class FieldCheck(_Bounded):
    label: Line
    hint: Hint = ""
    min_chars: Count | None = None
    max_chars: AtLeastOne | None = None
    one_of: Lines = ()
    not_one_of: Lines = ()
    pattern: Pattern | None = None
    contains: Lines = ()
    integer: Flag = False
    minimum: Number | None = None
    maximum: Number | None = None
    ref: Ref | None = None
    max_words: AtLeastOne | None = None
    min_parts: Count | None = None
    max_parts: AtLeastOne | None = None
    multiple_of: AtLeastOne | None = None
    when: Formula | None = None
    customer_facing: Flag = False
    setting: Flag = False
    calc: Formula | None = None
    calc_says: Hint = ""
    at_most: Formula | None = None
    at_least: Formula | None = None
    within: NotNegative = 0.0
    within_percent: NotNegative = 0.0
    severity: Severity = Severity.MAJOR

    def make(self) -> domain.Field:
        return domain.Field(**_values(self))


class ColumnRule(_Bounded):
    name: Line
    hint: Hint = ""
    one_of: Lines = ()
    not_one_of: Lines = ()
    pattern: Pattern | None = None
    max_chars: AtLeastOne | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    integer: Flag = False
    unique: Flag = False
    ref: Ref | None = None
    distinct_min: AtLeastOne | None = None
    must_include: Lines = ()
    total: Number | None = None
    rising: Literal["strict", "weak"] | None = None
    customer_facing: Flag = False
    setting: Flag = False
    calc: Formula | None = None
    calc_says: Hint = ""
    at_most: Formula | None = None
    at_least: Formula | None = None
    within: NotNegative = 0.0
    within_percent: NotNegative = 0.0


def _named(column: object) -> object:
    """A column may be written as its bare name."""
    return {"name": column} if isinstance(column, str) else column


class TableCheck(_Bounded):
    columns: Annotated[tuple[Annotated[ColumnRule, BeforeValidator(_named)], ...], Field(min_length=1)]
    min_rows: Count = 1
    max_rows: AtLeastOne | None = None
    rows: Lines = ()
    row_count: Formula | None = None
    sorted_desc: Line | None = None
    severity: Severity = Severity.MAJOR

    @model_validator(mode="after")
    def _sorted_by_a_column(self) -> Self:
        names = [column.name.casefold() for column in self.columns]
        if self.sorted_desc and self.sorted_desc.casefold() not in names:
            shown = ", ".join(column.name for column in self.columns)
            msg = f"sorted_desc {self.sorted_desc!r} is no column; choose one of {shown}"
            raise wrong(msg, "sorted_desc")
        return self

    def make(self) -> domain.Table:
        columns = tuple(domain.Column(**_values(column)) for column in self.columns)
        return domain.Table(**{**_values(self), "columns": columns})


class ListCheck(_Bounded):
    min_items: Count = 1
    max_items: AtLeastOne | None = None
    after: Line | None = None
    pattern: Pattern | None = None
    max_width: AtLeastOne | None = None
    unique: Flag = False
    hint: Hint = ""
    severity: Severity = Severity.MAJOR

    def make(self) -> domain.ListOf:
        return domain.ListOf(**_values(self))


class CodeCheck(_Bounded):
    info: Annotated[Lines, Field(min_length=1)]
    min_blocks: Count = 1
    min_words: Count | None = None
    max_words: AtLeastOne | None = None
    contains_one_of: Lines = ()
    parses_as: Literal["json", "yaml"] | None = None
    required_keys: Lines = ()
    max_questions: AtLeastOne | None = None
    platform: Flag = False
    one_within: AtLeastOne | None = None
    at_least: Formula | None = None
    at_most: Formula | None = None
    dates: Lines = ()
    filled: Lines = ()
    json_ld: Flag = False
    hint: Hint = ""
    severity: Severity = Severity.MAJOR

    def make(self) -> domain.Code:
        return domain.Code(**_values(self))


class ContainsCheck(Strict):
    text: Line
    severity: Severity = Severity.MAJOR

    def make(self) -> domain.Contains:
        return domain.Contains(**_values(self))


class QuotesCheck(Strict):
    min_quotes: AtLeastOne = 1
    severity: Severity = Severity.MAJOR

    def make(self) -> domain.Quotes:
        return domain.Quotes(**_values(self))


class RuleCheck(Strict):
    says: Line
    holds: Formula
    each_row: Lines = ()
    severity: Severity = Severity.MAJOR

    def make(self) -> domain.Rule:
        return domain.Rule(**_values(self))


class SubsectionRule(Strict):
    title: Line | None = None
    title_pattern: Pattern | None = None
    title_hint: Hint = ""
    hint: Hint = ""
    customer_facing: Flag = False
    min_words: AtLeastOne | None = None
    checks: tuple[CheckItem, ...] = ()

    @model_validator(mode="after")
    def _one_title(self) -> Self:
        if self.title and self.title_pattern:
            msg = "a subsection has either title or title_pattern; remove one of them"
            raise wrong(msg, "title_pattern")
        return self

    def make(self) -> domain.Subsection:
        return domain.Subsection(**{**_values(self), "checks": _checks(self.checks)})


class SubsectionsCheck(_Bounded):
    min_count: Count = 1
    max_count: AtLeastOne | None = None
    count: Formula | None = None
    each: SubsectionRule | None = None
    titled: tuple[SubsectionRule, ...] = ()
    severity: Severity = Severity.MAJOR

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.each is None) == (not self.titled):
            msg = "subsections take either each or titled; write one of the two"
            raise wrong(msg, "titled" if self.titled else "each")
        if any(kind.title is None for kind in self.titled):
            msg = "every entry of titled needs its title; add it"
            raise wrong(msg, "titled")
        return self

    def make(self) -> domain.Subsections:
        each = self.each.make() if self.each else None
        titled = tuple(kind.make() for kind in self.titled)
        return domain.Subsections(**{**_values(self), "each": each, "titled": titled})


class CheckItem(Strict):
    """One entry of `checks`: exactly one of the kinds."""

    field: FieldCheck | None = None
    table: TableCheck | None = None
    list_: ListCheck | None = Field(default=None, alias="list")
    code: CodeCheck | None = None
    contains: ContainsCheck | None = None
    quotes: QuotesCheck | None = None
    rule: RuleCheck | None = None
    subsections: SubsectionsCheck | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or self._given() is None:
            msg = f"a check has exactly one of {', '.join(CHECK_KINDS)}; start a new `- ` entry for each"
            raise wrong(msg, "checks")
        return self

    def _given(self) -> Any:
        return next((value for name in self.model_fields_set if (value := getattr(self, name)) is not None), None)

    def make(self) -> domain.Check:
        made: domain.Check = self._given().make()
        return made


class SectionRule(Strict):
    heading: Line
    hint: Hint = ""
    instead_of: Lines = ()
    optional: Flag = False
    must_contain: Lines = ()
    customer_facing: Flag = False
    checks: tuple[CheckItem, ...] = ()

    def make(self) -> domain.Section:
        return domain.Section(**{**_values(self), "checks": _checks(self.checks)})


class BriefRule(Strict):
    objective: Line
    boundaries: Lines = ()
    acceptance: Lines = ()

    def make(self) -> Brief:
        return Brief(**_values(self))


class Words(_Bounded):
    min_: Count = Field(default=0, alias="min")
    max_: AtLeastOne = Field(default=100_000, alias="max")


class ContractHead(Strict):
    """Who the skill is on the team: what planning needs, above the sections."""

    squad: Line | None = None
    tier: Tier
    timeout_s: Annotated[int, Field(strict=True, ge=10, le=3600)] = 300
    max_output_tokens: Annotated[int, Field(strict=True, ge=256, le=128_000)] = 12_000
    review_depth: ReviewDepth = ReviewDepth.STANDARD
    upstream: Lines = ()
    downstream: Lines = ()
    needs: Lines = ()
    cues: tuple[Annotated[Line, AfterValidator(_is_phrase)], ...] = ()
    brief: BriefRule
    envelope: Flag = True
    words: Words = Field(default_factory=Words)
    unknown_allowed: Flag = False
    merge_fields: Flag = False
    extra_sections: Count = 2


class DimensionRule(Strict):
    dimension: Line
    weight: AtLeastOne
    anchors: dict[int, Line]

    @model_validator(mode="after")
    def _three_anchors(self) -> Self:
        if set(self.anchors) != set(SCORES):
            msg = f"anchors must say what {', '.join(map(str, SCORES))} mean; found {sorted(self.anchors)}"
            raise wrong(msg, "anchors")
        return self

    def make(self) -> Dimension:
        weak, good, excellent = (self.anchors[score] for score in SCORES)
        return Dimension(name=self.dimension, weight=self.weight, weak=weak, good=good, excellent=excellent)


class ContractFile(ContractHead):
    """The whole of contract.yaml."""

    sections: Annotated[tuple[SectionRule, ...], Field(min_length=1)]
    rubric: tuple[DimensionRule, ...] = ()

    @model_validator(mode="after")
    def _weights_sum(self) -> Self:
        total = sum(one.weight for one in self.rubric)
        if self.rubric and total != WEIGHTS_SUM:
            msg = f"the weights of the rubric sum to {total}; make them {WEIGHTS_SUM}"
            raise wrong(msg, "rubric")
        return self

    @model_validator(mode="after")
    def _headings_differ(self) -> Self:
        headings = [section.heading.casefold() for section in self.sections]
        taken = {"summary", "assumptions", "handoff"} if self.envelope else set()
        for index, heading in enumerate(headings):
            if heading in headings[:index] or heading in taken:
                shown = self.sections[index].heading
                msg = f"the section {shown!r} stands twice (Summary, Assumptions and Handoff are added); remove one"
                raise wrong(msg, "sections", index, "heading")
        return self

    def make_rubric(self) -> tuple[Dimension, ...]:
        return tuple(one.make() for one in self.rubric)

    def make(self, skill: str) -> domain.Contract:
        return domain.Contract(
            skill=skill,
            sections=tuple(section.make() for section in self.sections),
            envelope=self.envelope,
            min_words=self.words.min_,
            max_words=self.words.max_,
            max_extra_sections=self.extra_sections,
            unknown_allowed=self.unknown_allowed,
            merge_fields=self.merge_fields,
        )


def _checks(items: tuple[CheckItem, ...]) -> tuple[domain.Check, ...]:
    return tuple(item.make() for item in items)


def _values(model: Strict) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}
