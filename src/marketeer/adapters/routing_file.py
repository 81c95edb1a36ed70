"""Reads routing.yaml: checks its shape and turns it into domain.routing's data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.goal import Category, Priority
from marketeer.domain.phrases import phrase_pattern, phrase_words
from marketeer.domain.routing import (
    CategoryRule,
    Cue,
    EscalationKind,
    EscalationRule,
    PhaseRule,
    Routing,
)
from marketeer.domain.wording import ExampleGroup, Lexicon, Wording

BUILT_IN = Path(__file__).parent.parent / "team" / "routing.yaml"
WORDING = BUILT_IN.with_name("wording.json")
_OVERLAY_LISTS = ("cues", "escalations", "topics", "known_words")
_OVERLAY_MAPS = ("sets", "categories", "measured_by", "publish_notes")


_SET_NAME = re.compile(r"<([a-z]+)>")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Cue(_Strict):
    id: str
    why: str
    say: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    rival: bool = False
    category: dict[Category, float] = {}
    skills: dict[str, float] = {}
    pipelines: dict[str, float] = {}

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        if not self.say and not self.rival:
            msg = f"cue {self.id!r} has nothing to look for: give it phrases under `say`"
            raise ValueError(msg)
        return self


class _Escalation(_Strict):
    kind: EscalationKind
    text: str
    say: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    rival: bool = False
    stops: bool = False
    note: str = ""
    asked_by: tuple[str, ...] = ()


class _Phase(_Strict):
    name: str
    squads: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()


class _Category(_Strict):
    priority: Priority
    skills: tuple[str, ...]
    only_own: bool = False
    fallback: tuple[str, ...] = ()
    pipeline: str | None = None
    phases: tuple[_Phase, ...] = Field(min_length=1)


class _Routing(_Strict):
    min_score: float
    strong_score: float
    ask_below: float = Field(ge=0, le=1)
    sets: dict[str, str] = {}
    categories: dict[Category, _Category]
    topics: tuple[str, ...]
    cues: tuple[_Cue, ...]
    escalations: tuple[_Escalation, ...] = ()
    known_words: frozenset[str] = frozenset()
    measured_by: dict[str, str] = {}
    publish_notes: dict[str, str] = {}


def load_routing(path: Path = BUILT_IN, overlay: Path | None = None) -> Routing:
    """The built-in routing with the workspace's own file (if it exists) laid over it.

    Raises ConfigurationError naming file, place and remedy.
    """
    own = _document(overlay) if overlay is not None and overlay.is_file() else None
    try_phrases = own is not None or path != BUILT_IN
    routing = parse_routing(_document(path), own, own_name=str(overlay), try_phrases=try_phrases)
    return replace(routing, wording=load_wording())


def load_wording(path: Path = WORDING) -> Wording:
    """The counted example goals, as `make wording` wrote them. Raises ConfigurationError."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        groups = tuple(
            ExampleGroup(**{**group, "category": Category(group["category"]), "skills": tuple(group["skills"])})
            for group in table["groups"]
        )
        lexicon = Lexicon(words=table["words"], beginnings=table["beginnings"])
        return Wording(groups=groups, lexicon=lexicon, signs=table["signs"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        msg = f"{path}: cannot be read ({exc}); install Marketeer again, or write the file with make wording"
        raise ConfigurationError(msg) from exc


def parse_routing(
    document: Mapping[str, Any],
    overlay: Mapping[str, Any] | None = None,
    *,
    name: str = "routing.yaml",
    own_name: str = "team/routing.yaml",
    try_phrases: bool = True,
) -> Routing:
    """Routing from parsed YAML. The overlay adds to lists (a cue with a known id replaces it) and replaces the rest.

    `try_phrases` compiles each phrase now, to find those that cannot be read.
    """
    merged = _overlaid(document, overlay) if overlay else document
    try:
        parsed = _Routing.model_validate(_with_sets(merged, merged.get("sets", {})))
    except ValidationError as exc:
        raise ConfigurationError(_explained(exc, own_name if overlay else name)) from exc
    missing = [category.value for category in Category if category not in parsed.categories]
    if missing:
        msg = f"{name}: categories lack {', '.join(missing)}; add an entry for each"
        raise ConfigurationError(msg)
    if try_phrases and (trouble := _bad_phrase(parsed, own_name if overlay else name)):
        raise ConfigurationError(trouble)
    return _routing(parsed)


def _document(path: Path) -> Mapping[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader, in C
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as exc:
        problem = " ".join(str(exc).split())
        msg = f"{path}: cannot be read as YAML ({problem}); correct the file"
        raise ConfigurationError(msg) from exc
    if not isinstance(document, dict):
        msg = f"{path}: holds no settings; write `cues:` with a list under it, or remove the file"
        raise ConfigurationError(msg)
    return document


def _overlaid(document: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for key, value in overlay.items():
        if key in _OVERLAY_LISTS and isinstance(value, list):
            own = {item.get("id") for item in value if isinstance(item, dict)} - {None}
            kept = [i for i in merged.get(key, []) if not (isinstance(i, dict) and i.get("id") in own)]
            merged[key] = [*kept, *value]
        elif key in _OVERLAY_MAPS and isinstance(value, dict):
            merged[key] = {**merged.get(key, {}), **value}
        else:
            merged[key] = value
    return merged


def _with_sets(value: Any, sets: Any) -> Any:
    """`<people>` in any phrase becomes the words of that set."""
    if isinstance(value, str) and isinstance(sets, dict):
        return _SET_NAME.sub(lambda match: str(sets.get(match.group(1), match.group())), value)
    if isinstance(value, list):
        return [_with_sets(item, sets) for item in value]
    if isinstance(value, Mapping):
        return {key: item if key == "sets" else _with_sets(item, sets) for key, item in value.items()}
    return value


def _explained(error: ValidationError, name: str) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the top"
    return f"{name}: at {place}: {first['msg']}; correct it there"


def _bad_phrase(parsed: _Routing, name: str) -> str | None:
    phrases = [*parsed.topics]
    for cue in parsed.cues:
        phrases += [*cue.say, *cue.unless]
    for rule in parsed.escalations:
        phrases += [*rule.say, *rule.unless]
    for phrase in phrases:
        try:
            phrase_pattern([phrase]).check()
        except re.error as exc:
            return f"{name}: phrase {phrase!r} cannot be read ({exc}); check its brackets"
    return None


def _routing(parsed: _Routing) -> Routing:
    words, stems = phrase_words(phrase for cue in parsed.cues for phrase in cue.say)
    return Routing(
        cues=tuple(_cue(cue) for cue in parsed.cues),
        escalations=tuple(_escalation(rule) for rule in parsed.escalations),
        categories=_categories(parsed.categories),
        topics=phrase_pattern(parsed.topics),
        words=words,
        stems=stems,
        known_words=parsed.known_words,
        min_score=parsed.min_score,
        strong_score=parsed.strong_score,
        ask_below=parsed.ask_below,
        measured_by=parsed.measured_by,
        publish_notes=parsed.publish_notes,
    )


def _categories(parsed: Mapping[Category, _Category]) -> tuple[CategoryRule, ...]:
    return tuple(
        CategoryRule(
            category=category,
            priority=rule.priority,
            skills=rule.skills,
            only_own=rule.only_own,
            fallback=rule.fallback,
            pipeline=rule.pipeline,
            phases=_phases(rule.phases),
        )
        for category, rule in parsed.items()
    )


def _phases(parsed: Sequence[_Phase]) -> tuple[PhaseRule, ...]:
    return tuple(
        PhaseRule(name=phase.name, squads=phase.squads, always=phase.always, otherwise=phase.otherwise)
        for phase in parsed
    )


def _cue(cue: _Cue) -> Cue:
    return Cue(
        cue_id=cue.id,
        why=cue.why,
        say=phrase_pattern(cue.say) if cue.say else None,
        unless=phrase_pattern(cue.unless),
        rival=cue.rival,
        categories=cue.category,
        skills=cue.skills,
        pipelines=cue.pipelines,
    )


def _escalation(rule: _Escalation) -> EscalationRule:
    return EscalationRule(
        kind=rule.kind,
        text=rule.text,
        say=phrase_pattern(rule.say),
        unless=phrase_pattern(rule.unless),
        cues=rule.cues,
        skills=rule.skills,
        rival=rule.rival,
        stops=rule.stops,
        note=rule.note,
        asked_by=rule.asked_by,
    )
