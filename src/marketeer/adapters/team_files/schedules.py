"""What schedules.yaml may say: the built-in schedules, and the workspace's own laid over them key by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from marketeer.adapters.team_files.schema import Flag, Line
from marketeer.adapters.team_files.source import Source, Strict, parse_yaml, read_text
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Priority
from marketeer.domain.plan import Pipeline
from marketeer.domain.schedule import Missed, Overlap, Schedule, parse_missed, schedule_fault

FILE = "schedules.yaml"
BUILT_IN = Path(__file__).parent.parent.parent / "team" / FILE

T = TypeVar("T")
Place = tuple[str | int, ...]
FindPipeline = Callable[[str], Pipeline]


class ScheduleRule(Strict):
    id: Line
    cron: Line | None = None
    pipeline: Line | None = None
    priority: Priority | None = None
    zone: Line | None = None
    overlap: Overlap | None = None
    missed: Line | None = None
    enabled: Flag | None = None


class SchedulesFile(Strict):
    schedules: tuple[ScheduleRule, ...]


class FileSchedules:
    """`ports.ScheduleFiles`. `workspace` is the workspace's `team/` folder, which need not exist.

    `find_pipeline` raises UsageError for a name that no pipeline has."""

    def __init__(self, workspace: Path | None, find_pipeline: FindPipeline) -> None:
        self._own = workspace / FILE if workspace else None
        self._find_pipeline = find_pipeline

    def stamp(self) -> object:
        """Of the workspace's file. The built-in one changes with the program."""
        try:
            found = self._own.stat() if self._own else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def read(self, *, zone: str) -> Sequence[Schedule]:
        found: dict[str, Schedule] = {}
        for path, shown in self._files():
            source, data = parse_yaml(read_text(path, shown), shown)
            for place, rule in _rules(source, data):
                found[rule.id] = self._made(source, place, rule, found.get(rule.id), zone)
        return tuple(found.values())

    def _files(self) -> Iterator[tuple[Path, str]]:
        yield BUILT_IN, f"marketeer/team/{FILE}"
        if self._own is not None and self._own.exists():
            yield self._own, f"team/{FILE}"

    def _made(self, source: Source, place: Place, rule: ScheduleRule, below: Schedule | None, zone: str) -> Schedule:
        """The rule over the schedule it changes, or a new one."""
        missed = None
        if rule.missed is not None:
            missed = _tried(source, (*place, "missed"), lambda: parse_missed(rule.missed or ""))
        if rule.pipeline is not None:
            pipeline = _tried(source, (*place, "pipeline"), lambda: self._find_pipeline(rule.pipeline or ""))
            below = below or _bare(rule, pipeline, zone)
        if below is None or not (rule.cron or below.cron):
            lacking = "cron" if rule.pipeline else "pipeline"
            msg = (
                f"the new schedule {rule.id!r} has no {lacking}; add it, or use the id of a built-in one to change that"
            )
            raise source.error(place, msg)
        made = _laid_over(rule, missed, below)
        fault = schedule_fault(made)
        if fault is not None:
            key = next((key for key in ("cron", "zone") if fault.startswith(key)), "id")
            raise source.error((*place, key), fault)
        return made


def _tried(source: Source, place: Place, work: Callable[[], T]) -> T:
    """What is wrong in the words of others, with file and line."""
    try:
        return work()
    except UsageError as exc:
        raise source.error(place, str(exc)) from exc


def _rules(source: Source, data: dict[str, Any]) -> Iterator[tuple[Place, ScheduleRule]]:
    seen: set[str] = set()
    for number, rule in enumerate(source.check(SchedulesFile, data).schedules):
        place = ("schedules", number)
        if rule.id in seen:
            msg = f"the schedule id {rule.id!r} is taken in this file; choose another"
            raise source.error((*place, "id"), msg)
        seen.add(rule.id)
        yield place, rule


def _bare(rule: ScheduleRule, pipeline: Pipeline, zone: str) -> Schedule:
    """A new schedule with nothing but what it cannot do without."""
    return Schedule(
        schedule_id=rule.id, cron=rule.cron or "", zone=zone, pipeline=pipeline.name, priority=pipeline.priority
    )


def _laid_over(rule: ScheduleRule, missed: Missed | None, below: Schedule) -> Schedule:
    given: dict[str, Any] = rule.model_dump(exclude_none=True, exclude={"id"})
    return replace(below, **(given | ({"missed": missed} if missed is not None else {})))
