"""Reads routing.yaml: checks its shape and turns it into domain.routing's data."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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


Loc = Sequence[str | int]
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


class _Own(_Strict):
    """What a workspace may say: any part of the whole."""

    min_score: float = 0.0
    strong_score: float = 0.0
    ask_below: float = Field(default=0.0, ge=0, le=1)
    sets: dict[str, str] = {}
    categories: dict[Category, _Category] = {}
    topics: tuple[str, ...] = ()
    cues: tuple[_Cue, ...] = ()
    escalations: tuple[_Escalation, ...] = ()
    known_words: frozenset[str] = frozenset()
    measured_by: dict[str, str] = {}
    publish_notes: dict[str, str] = {}


class _Routing(_Own):
    min_score: float
    strong_score: float
    ask_below: float = Field(ge=0, le=1)
    categories: dict[Category, _Category]
    topics: tuple[str, ...]
    cues: tuple[_Cue, ...]


_ALL_KEYS = sorted({key for model in (_Own, _Cue, _Escalation, _Category, _Phase) for key in model.model_fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names a routing file may use."""

    skills: Collection[str]
    pipelines: Collection[str]
    squads: Collection[str]


def load_routing(path: Path = BUILT_IN, overlay: Path | None = None, *, names: Names | None = None) -> Routing:
    """The built-in routing with the workspace's own file (if it exists) laid over it, its names among `names`.

    Raises ConfigurationError naming file, line and remedy.
    """
    own = _document(overlay) if overlay is not None and overlay.is_file() else None
    if overlay is not None and own is not None:
        _check_own(own, overlay, names)
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
    if first["type"] == "extra_forbidden":
        return f"{name}: unknown key at {place}; {_suggest(str(first['loc'][-1]), _ALL_KEYS)}"
    return f"{name}: at {place}: {first['msg']}; correct it there"


def _check_own(own: Mapping[str, Any], path: Path, names: Names | None) -> None:
    """Finds the mistakes of a workspace's file while its lines can still be told."""
    try:
        parsed = _Own.model_validate(own)
    except ValidationError as exc:
        raise ConfigurationError(_explained(exc, _place(path, exc.errors()[0]["loc"]))) from exc
    for loc, trouble in _bad_phrases(parsed):
        msg = f"{_place(path, loc)}: {trouble}"
        raise ConfigurationError(msg)
    for loc, kind, name in _named(parsed):
        known: Collection[str] = getattr(names, kind) if names else (name,)
        if name not in known:
            msg = f"{_place(path, loc)}: no {kind.removesuffix('s')} {name!r}; {_suggest(name, known)}"
            raise ConfigurationError(msg)


def _named(parsed: _Own) -> Iterator[tuple[Loc, str, str]]:
    """Every name of a skill, pipeline or squad in the file: its place, its kind and itself."""
    for number, cue in enumerate(parsed.cues):
        yield from ((("cues", number, "skills", name), "skills", name) for name in cue.skills)
        yield from ((("cues", number, "pipelines", name), "pipelines", name) for name in cue.pipelines)
    for number, rule in enumerate(parsed.escalations):
        yield from ((("escalations", number, "skills"), "skills", name) for name in rule.skills)
        yield from ((("escalations", number, "asked_by"), "pipelines", name) for name in rule.asked_by)
    for category, plan in parsed.categories.items():
        place = ("categories", category.value)
        yield from (((*place, "skills"), "skills", name) for name in (*plan.skills, *plan.fallback))
        if plan.pipeline is not None:
            yield (*place, "pipeline"), "pipelines", plan.pipeline
        for number, phase in enumerate(plan.phases):
            at = (*place, "phases", number)
            yield from ((at, "squads", name) for name in phase.squads)
            yield from ((at, "skills", name) for name in (*phase.always, *phase.otherwise))
    for asset, measure in parsed.measured_by.items():
        yield from ((("measured_by", asset), "skills", name) for name in (asset, measure))
    yield from ((("publish_notes", name), "skills", name) for name in parsed.publish_notes)


def _place(path: Path, loc: Loc) -> str:
    """`team/routing.yaml:12`: the value at `loc`, or the nearest one above it that stands in the file."""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    line = node.start_mark.line if node else 0
    for part in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
    return f"{path.parent.name}/{path.name}:{line + 1}"


def _suggest(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(sorted(known))}"


def _bad_phrase(parsed: _Own, name: str) -> str | None:
    return next((f"{name}: {trouble}" for _, trouble in _bad_phrases(parsed)), None)


def _bad_phrases(parsed: _Own) -> Iterator[tuple[Loc, str]]:
    """The phrases that cannot be read: where each stands, and what is wrong with it."""
    for loc, phrase in _phrases(parsed):
        try:
            phrase_pattern([phrase]).check()
        except re.error as exc:
            yield loc, f"phrase {phrase!r} cannot be read ({exc}); check its brackets"


def _phrases(parsed: _Own) -> Iterator[tuple[Loc, str]]:
    yield from ((("topics", number), phrase) for number, phrase in enumerate(parsed.topics))
    both: tuple[tuple[str, Sequence[_Cue | _Escalation]], ...] = (
        ("cues", parsed.cues),
        ("escalations", parsed.escalations),
    )
    for key, rules in both:
        for number, rule in enumerate(rules):
            yield from (((key, number, "say", n), phrase) for n, phrase in enumerate(rule.say))
            yield from (((key, number, "unless", n), phrase) for n, phrase in enumerate(rule.unless))


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
