"""What events.yaml may say: types, mappings and conditions; the workspace's file is laid over the built-in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from marketeer.adapters.team_files.schema import Flag, Line, Lines
from marketeer.adapters.team_files.source import Source, Strict, suggest, wrong
from marketeer.domain.errors import UsageError
from marketeer.domain.event_condition import (
    AllOf,
    AnyOf,
    EventCondition,
    FieldCondition,
    Operator,
    wrong_condition,
    wrong_field,
    wrong_value,
)
from marketeer.domain.event_mapping import MAX_COOLDOWN, EventMapping, EventRules, wrong_goal, wrong_id
from marketeer.domain.goal import Priority
from marketeer.domain.plan import Pipeline

FindPipeline = Callable[[str], Pipeline]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SPAN = re.compile(r"(\d{1,6}) ?(s|min|h|d)")
_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


class TypeRule(Strict):
    name: Line
    means: Line = ""

    @model_validator(mode="after")
    def _is_a_name(self) -> Self:
        if not _NAME.fullmatch(self.name):
            msg = f"the type {self.name!r} must be small letters, digits and _, such as trial_expired; rename it"
            raise wrong(msg, "name")
        return self


class ConditionRule(Strict):
    field: Line | None = None
    operator: Operator | None = None
    value: Any = None
    all_: Annotated[tuple[ConditionRule, ...] | None, Field(alias="all", min_length=1)] = None
    any_: Annotated[tuple[ConditionRule, ...] | None, Field(alias="any", min_length=1)] = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in ("field", "all_", "any_") if getattr(self, name) is not None]
        if len(given) != 1:
            msg = "a condition has a field with operator and value, or `all`, or `any`; give exactly one of them"
            raise wrong(msg)
        if self.field is not None:
            _check_field(self.field, "field")
            self._check_value()
        elif self.operator is not None or self.value is not None:
            msg = f"operator and value belong to a field, not to `{given[0].strip('_')}`; move them into an entry of it"
            raise wrong(msg)
        return self

    def _check_value(self) -> None:
        if self.operator is None:
            msg = f"operator is missing; choose one of {', '.join(one.value for one in Operator)}"
            raise wrong(msg)
        found = wrong_value(self.operator, self.value)
        if found is not None:
            msg = f"value {found}"
            raise wrong(msg, "value")

    def make(self) -> EventCondition:
        if self.all_ is not None:
            return AllOf(parts=tuple(part.make() for part in self.all_))
        if self.any_ is not None:
            return AnyOf(parts=tuple(part.make() for part in self.any_))
        assert self.field is not None  # noqa: S101 - checked above
        assert self.operator is not None  # noqa: S101 - checked above
        return FieldCondition(field=self.field, operator=self.operator, value=self.value)


class MappingRule(Strict):
    """Of one whose id is known already only what is to be different."""

    id: Line
    event: Line | None = None
    pipeline: Line | None = None
    priority: Priority | None = None
    condition: ConditionRule | None = None
    cooldown: Line | None = None
    key: Line | None = None
    include: Lines | None = None
    goal: Line | None = None
    enabled: Flag | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for at, found in (("id", wrong_id(self.id)), ("goal", wrong_goal(self.goal or ""))):
            if found is not None:
                raise wrong(found, at)
        if self.cooldown is not None:
            _span(self.cooldown)
        for name in (*([self.key] if self.key else []), *(self.include or ())):
            _check_field(name, "key" if name == self.key else "include")
        found = wrong_condition(self.condition.make()) if self.condition is not None else None
        if found is not None:
            msg = f"the condition {found}"
            raise wrong(msg, "condition")
        return self

    def values(self) -> dict[str, Any]:
        """What is said, as values of an EventMapping."""
        given = {name: getattr(self, name) for name in ("event", "pipeline", "priority", "key", "goal", "enabled")}
        given["include"] = self.include
        given["condition"] = self.condition.make() if self.condition is not None else None
        given["cooldown"] = _span(self.cooldown) if self.cooldown is not None else None
        return {name: value for name, value in given.items() if value is not None}


class EventsFile(Strict):
    types: tuple[TypeRule, ...] = ()
    mappings: tuple[MappingRule, ...] = ()


def read_events(
    source: Source, data: object, *, over: EventRules | None, find_pipeline: FindPipeline, origin: str
) -> EventRules:
    """The file's types and mappings laid over those. Raises ConfigurationError for whatever does not fit together."""
    file = source.check(EventsFile, data)
    types = {**(over.types if over else {}), **{one.name: one.means for one in file.types}}
    known = {mapping.mapping_id: mapping for mapping in (over.mappings if over else ())}
    seen: set[str] = set()
    for number, rule in enumerate(file.mappings):
        if rule.id in seen:
            msg = f"the mapping {rule.id!r} stands twice; give one of them another id"
            raise source.error(("mappings", number, "id"), msg)
        seen.add(rule.id)
        known[rule.id] = _mapping(source, number, rule, known.get(rule.id), types, find_pipeline, origin)
    return EventRules(types=types, mappings=tuple(known.values()))


def _mapping(
    source: Source,
    number: int,
    rule: MappingRule,
    base: EventMapping | None,
    types: Mapping[str, str],
    find_pipeline: FindPipeline,
    origin: str,
) -> EventMapping:
    place = ("mappings", number)
    values = rule.values() | {"origin": origin}
    for name in ("event", "pipeline", "priority"):
        if base is None and name not in values:
            msg = f"{name} is missing; a mapping of your own has event, pipeline and priority"
            raise source.error(place, msg)
    if rule.event is not None and rule.event not in types:
        msg = f"no event type {rule.event!r}; {suggest(rule.event, types)}, or declare it under `types`"
        raise source.error((*place, "event"), msg)
    if rule.pipeline is not None:
        try:
            values["pipeline"] = find_pipeline(rule.pipeline).name
        except UsageError as exc:
            raise source.error((*place, "pipeline"), str(exc)) from exc
    if base is not None:
        return replace(base, **values)
    values.setdefault("goal", f"Respond to the event {values['event']}: it stands among the inputs.")
    return EventMapping(mapping_id=rule.id, **values)


def _check_field(name: str, at: str) -> None:
    found = wrong_field(name)
    if found is not None:
        msg = f"{at} {found}"
        raise wrong(msg, at)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    span = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else None
    if span is None or span > MAX_COOLDOWN:
        msg = f"cooldown is {text!r}; give a time of at most {MAX_COOLDOWN.days} days such as 30s, 5min, 1h or 2d"
        raise wrong(msg, "cooldown")
    return span
