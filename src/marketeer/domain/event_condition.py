"""Conditions of event mappings: a field, an operator and a value, joined by all and any. Data, never code.

What an event lacks, or holds in another form than the condition needs, never meets it: the answer says which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marketeer.domain.event import Event

DATA = "data."
MAX_CONDITION_DEPTH = 5
MAX_CONDITIONS = 50
_SHOWN_CHARS = 60
_FIELD = re.compile(r"source|type|data(?:\.[A-Za-z0-9_-]+)+")
_PATH = re.compile(r"[A-Za-z0-9_.-]+")


class Operator(StrEnum):
    """ABOVE to AT_MOST compare numbers; CONTAINS looks into a text or a list; EXISTS wants true or false."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUALS = "=="
    DIFFERS = "!="
    ONE_OF = "in"
    CONTAINS = "contains"
    EXISTS = "exists"


NUMERIC = frozenset({Operator.ABOVE, Operator.AT_LEAST, Operator.BELOW, Operator.AT_MOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCondition:
    """`field` is `data.` and a path, or `source` or `type`."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    parts: tuple[EventCondition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    parts: tuple[EventCondition, ...]


EventCondition = FieldCondition | AllOf | AnyOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether a condition is met, and why or why not, in words."""

    met: bool
    why: str


class _Missing:
    """What is not there. None is a value of JSON's own."""


MISSING = _Missing()


def field_value(event: Event, field: str) -> object:
    """The value at a path such as `data.page.url`, MISSING when there is none."""
    if not field.startswith(DATA):
        return {"source": event.source, "type": event.type}.get(field, MISSING)
    value: object = event.data
    for name in field.removeprefix(DATA).split("."):
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value


def evaluate(condition: EventCondition | None, event: Event) -> Answer:
    """Whether the event meets it. No condition is always met."""
    match condition:
        case None:
            return Answer(met=True, why="no condition")
        case FieldCondition():
            return _field(condition, field_value(event, condition.field))
        case AllOf():
            answers = [evaluate(part, event) for part in condition.parts]
            lacking = [answer for answer in answers if not answer.met]
            return Answer(met=not lacking, why="; ".join(answer.why for answer in lacking or answers))
        case AnyOf():
            answers = [evaluate(part, event) for part in condition.parts]
            first = next((answer for answer in answers if answer.met), None)
            return first or Answer(met=False, why="; ".join(answer.why for answer in answers))


def _field(wanted: FieldCondition, found: object) -> Answer:
    if wanted.operator is Operator.EXISTS:
        there = found is not MISSING and found is not None
        return Answer(met=there is wanted.value, why=f"{wanted.field} is {'there' if there else 'not there'}")
    if found is MISSING or found is None:
        return Answer(met=False, why=f"{wanted.field} is missing")
    if wanted.operator in NUMERIC and not is_number(found):
        return Answer(met=False, why=f"{wanted.field} is {shown(found)}, which is no number")
    if wanted.operator is Operator.CONTAINS and not isinstance(found, (str, list)):
        return Answer(met=False, why=f"{wanted.field} is {shown(found)}, which is neither a text nor a list")
    met = _holds(wanted.operator, found, wanted.value)
    how = f"{'which is' if met else 'not'} {wanted.operator.value} {shown(wanted.value)}"
    return Answer(met=met, why=f"{wanted.field} is {shown(found)}, {how}{_hint(wanted, found, met=met)}")


def _holds(operator: Operator, found: Any, value: Any) -> bool:  # one arm per operator, nothing else
    match operator:
        case Operator.ABOVE:
            return bool(found > value)
        case Operator.AT_LEAST:
            return bool(found >= value)
        case Operator.BELOW:
            return bool(found < value)
        case Operator.AT_MOST:
            return bool(found <= value)
        case Operator.EQUALS:
            return same(found, value)
        case Operator.DIFFERS:
            return not same(found, value)
        case Operator.ONE_OF:
            return any(same(found, one) for one in value)
        case _:
            return _contains(found, value)


def _contains(found: str | list[Any], value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value.casefold() in found.casefold()
    return any(same(one, value) for one in found)


def same(one: object, other: object) -> bool:
    """As JSON means it: 20 is 20.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _hint(wanted: FieldCondition, found: Any, *, met: bool) -> str:
    """A share where a percentage is meant is the usual mistake."""
    percent = wanted.field.rpartition(".")[2].casefold().startswith("percent")
    share = percent and not met and is_number(found) and 0 < abs(found) < 1
    return " (it is in percent: 25 means 25%)" if share else ""


# -- what may stand in one --------------------------------------------------------------------------------------


def wrong_field(name: str) -> str | None:
    """What is wrong with the name of a field; None when nothing is."""
    if _FIELD.fullmatch(name):
        return None
    hint = f"did you mean '{DATA}{name}'?" if _PATH.fullmatch(name) else "such as data.page"
    return f"is {name!r}; it must be source, type or a path below data; {hint}"


def wrong_value(operator: Operator, value: object) -> str | None:
    """What is wrong with a value for this operator."""
    if operator in NUMERIC:
        return (
            None if is_number(value) else f"is {value!r}; {operator.value!r} compares with a number (no quotes, no %)"
        )
    if operator is Operator.ONE_OF:
        return None if isinstance(value, list) else f"is {value!r}; 'in' needs a list such as [pro, team]"
    if operator is Operator.EXISTS:
        return None if isinstance(value, bool) else f"is {value!r}; 'exists' needs true or false"
    plain = isinstance(value, (str, int, float))
    return None if plain else f"is {value!r}; it must be a text, a number, true or false"


def wrong_condition(condition: EventCondition) -> str | None:
    """What is wrong with a condition that was not read from a file."""
    depth, size = measure(condition)
    if depth > MAX_CONDITION_DEPTH or size > MAX_CONDITIONS:
        return f"has more than {MAX_CONDITIONS} parts or {MAX_CONDITION_DEPTH} levels; make it simpler"
    if _has_empty(condition):
        return "has an `all` or `any` without parts; give it some"
    for leaf in fields_of(condition):
        for name, found in (("field", wrong_field(leaf.field)), ("value", wrong_value(leaf.operator, leaf.value))):
            if found is not None:
                return f"has a {name} that {found}"
    return None


def _has_empty(condition: EventCondition) -> bool:
    if isinstance(condition, FieldCondition):
        return False
    return not condition.parts or any(_has_empty(part) for part in condition.parts)


def measure(condition: EventCondition) -> tuple[int, int]:
    """Its levels and its parts."""
    if isinstance(condition, FieldCondition):
        return 1, 1
    inside = [measure(part) for part in condition.parts]
    return 1 + max((depth for depth, _ in inside), default=0), 1 + sum(size for _, size in inside)


# -- as data ---------------------------------------------------------------------------------------------------


def condition_document(condition: EventCondition | None) -> dict[str, Any] | None:
    """In the form in which events.yaml says it."""
    match condition:
        case None:
            return None
        case FieldCondition():
            return {"field": condition.field, "operator": condition.operator.value, "value": condition.value}
        case AllOf():
            return {"all": [condition_document(part) for part in condition.parts]}
        case AnyOf():
            return {"any": [condition_document(part) for part in condition.parts]}


def condition_of(document: Mapping[str, Any] | None) -> EventCondition | None:
    """Back from `condition_document`."""
    return None if document is None else _condition_of(document)


def _condition_of(document: Mapping[str, Any]) -> EventCondition:
    if "all" in document:
        return AllOf(parts=tuple(_condition_of(part) for part in document["all"]))
    if "any" in document:
        return AnyOf(parts=tuple(_condition_of(part) for part in document["any"]))
    return FieldCondition(field=document["field"], operator=Operator(document["operator"]), value=document.get("value"))


def in_words(condition: EventCondition | None) -> str:
    """`data.percentageDrop > 20`, for people."""
    match condition:
        case None:
            return "always"
        case FieldCondition():
            name = condition.field.removeprefix(DATA)
            return f"{name} {condition.operator.value} {shown(condition.value)}"
        case AllOf():
            return " and ".join(_nested(part) for part in condition.parts)
        case AnyOf():
            return " or ".join(_nested(part) for part in condition.parts)


def _nested(condition: EventCondition) -> str:
    words = in_words(condition)
    return words if isinstance(condition, FieldCondition) else f"({words})"


def fields_of(condition: EventCondition) -> Iterator[FieldCondition]:
    """Every leaf."""
    if isinstance(condition, FieldCondition):
        yield condition
        return
    for part in condition.parts:
        yield from fields_of(part)
