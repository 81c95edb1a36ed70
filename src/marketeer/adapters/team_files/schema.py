"""What a skill folder's contract.yaml and SKILL.md may say, and how it becomes domain data.

The format is described for people in docs/skill-format.md; the domain's dataclasses are in domain/contract.py.
Each model has the fields of the dataclass it makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from marketeer.adapters.team_files.source import Strict, wrong
from marketeer.domain import contract as domain
from marketeer.domain.review import Severity
from marketeer.domain.routing import phrase_pattern
from marketeer.domain.skill import Brief, ReviewDepth
from marketeer.domain.usage import Tier

SKILL_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_NAME_CHARS = 64
MAX_DESCRIPTION_CHARS = 1024

_BOUNDS = (
    ("minimum", "maximum"),
    *((f"min_{what}", f"max_{what}") for what in ("", "chars", "rows", "items", "words", "count")),
)
CHECK_KINDS = ("field", "table", "list", "code", "contains", "quotes", "subsections")


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as exc:
        msg = f"pattern {pattern!r} is not a regular expression ({exc}); correct it"
        raise wrong(msg) from exc
    return pattern


def _is_phrase(cue: str) -> str:
    try:
        phrase_pattern([cue]).search("")
    except re.error as exc:
        msg = f"cue {cue!r} cannot be read ({exc}); check its brackets"
        raise wrong(msg) from exc
    return cue


def _is_ref(ref: str) -> str:
    fixed = (domain.REF_REGISTRY, domain.REF_PERSONA, domain.REF_PRICE)
    if ref in fixed or (ref.startswith(domain.REF_TABLE) and "." in ref):
        return ref
    msg = f"ref {ref!r} points nowhere; it must be {', '.join(fixed)} or table:<Section heading>.<Column>"
    raise wrong(msg)


Line = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Hint = Annotated[str, StringConstraints(strict=True, strip_whitespace=True)]
Lines = tuple[Line, ...]
Pattern = Annotated[Line, AfterValidator(_compiles)]
Ref = Annotated[Line, AfterValidator(_is_ref)]
Count = Annotated[int, Field(strict=True, ge=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
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


def _named(column: object) -> object:
    """A column may be written as its bare name."""
    return {"name": column} if isinstance(column, str) else column


class TableCheck(_Bounded):
    columns: Annotated[tuple[Annotated[ColumnRule, BeforeValidator(_named)], ...], Field(min_length=1)]
    min_rows: Count = 1
    max_rows: AtLeastOne | None = None
    rows: Lines = ()
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


class SubsectionRule(Strict):
    title: Line | None = None
    title_pattern: Pattern | None = None
    title_hint: Hint = ""
    hint: Hint = ""
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
    extra_sections: Count = 2


class ContractFile(ContractHead):
    """The whole of contract.yaml."""

    sections: Annotated[tuple[SectionRule, ...], Field(min_length=1)]

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

    def make(self, skill: str) -> domain.Contract:
        return domain.Contract(
            skill=skill,
            sections=tuple(section.make() for section in self.sections),
            envelope=self.envelope,
            min_words=self.words.min_,
            max_words=self.words.max_,
            max_extra_sections=self.extra_sections,
            unknown_allowed=self.unknown_allowed,
        )


class Frontmatter(Strict):
    """The head of SKILL.md, after the Agent Skills specification."""

    name: Line
    description: Line
    license: Line | None = None
    compatibility: Line | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    allowed_tools: Line | None = Field(default=None, alias="allowed-tools")

    @model_validator(mode="after")
    def _within_the_specification(self) -> Self:
        if not SKILL_NAME.fullmatch(self.name) or len(self.name) > MAX_NAME_CHARS:
            msg = f"name {self.name!r} must be 1 to {MAX_NAME_CHARS} lowercase letters, digits and single hyphens"
            raise wrong(msg, "name")
        if len(self.description) > MAX_DESCRIPTION_CHARS:
            size = len(self.description)
            msg = f"description has {size} characters; shorten it to {MAX_DESCRIPTION_CHARS}"
            raise wrong(msg, "description")
        return self


def table_refs(data: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every `table:` reference in a contract's plain data, with the place it stands at."""
    if isinstance(data, list):
        for index, entry in enumerate(data):
            yield from table_refs(entry, (*at, index))
    elif isinstance(data, dict):
        for key, value in data.items():
            if key == "ref" and isinstance(value, str) and value.startswith(domain.REF_TABLE):
                yield (*at, key), value
            yield from table_refs(value, (*at, key))


def has_column(contract: domain.Contract, ref: str) -> bool:
    """Whether a `table:` reference names a table column of the contract."""
    heading, _, column = ref.removeprefix(domain.REF_TABLE).rpartition(".")
    return any(
        section.heading.casefold() == heading.strip().casefold()
        and column.strip().casefold() in _column_names(section.checks)
        for section in contract.sections
    )


def _column_names(checks: tuple[domain.Check, ...]) -> set[str]:
    names: set[str] = set()
    for check in checks:
        if isinstance(check, domain.Table):
            names |= {column.name.casefold() for column in check.columns}
        elif isinstance(check, domain.Subsections):
            for kind in (*check.titled, *([check.each] if check.each else [])):
                names |= _column_names(kind.checks)
    return names


def _checks(items: tuple[CheckItem, ...]) -> tuple[domain.Check, ...]:
    return tuple(item.make() for item in items)


def _values(model: Strict) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}
