"""events.yaml while it is in use: read again when the workspace's file has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from marketeer.adapters.team_files.events import read_events
from marketeer.adapters.team_files.source import parse_yaml, read_text
from marketeer.adapters.team_files.team import BUILT_IN
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.event_mapping import EventRules
from marketeer.ports import Clock, Team

LOOK_EVERY_S = 1.0
NAME = "events.yaml"

_Stamp = tuple[int, int, int]


class FileEvents:
    """`ports.EventFiles` over a workspace's `team/` folder, which need not exist. A change is seen within a second.

    `team` is the one that is in force, whose pipelines the mappings name."""

    def __init__(self, workspace: Path, *, team: Callable[[], Team], clock: Clock) -> None:
        self._workspace = workspace
        self._team = team
        self._clock = clock
        self._looked_at: float | None = None
        self._seen: tuple[_Stamp | None, Team] | None = None
        self._read: EventRules | ConfigurationError | None = None

    async def rules(self) -> EventRules:
        now = self._clock.monotonic()
        if self._read is None or self._looked_at is None or now - self._looked_at >= LOOK_EVERY_S:
            await asyncio.to_thread(self._look)
            self._looked_at = now
        if isinstance(self._read, EventRules):
            return self._read
        assert self._read is not None  # noqa: S101 - a look leaves one or the other
        raise self._read

    def _look(self) -> None:
        stamp, team = _stamp_of(self._workspace / NAME), self._team()
        if self._seen is not None and self._seen[0] == stamp and self._seen[1] is team:
            return
        try:
            self._read = load_events(self._workspace, team)
        except ConfigurationError as exc:
            self._read = exc
        self._seen = stamp, team


def load_events(workspace: Path, team: Team) -> EventRules:
    """The built-in rules, with those of a workspace's `team/` folder laid over them. Raises ConfigurationError."""
    shown = f"marketeer/team/{NAME}"
    built_in = read_events(
        *parse_yaml(read_text(BUILT_IN / NAME, shown), shown),
        over=None,
        find_pipeline=team.find_pipeline,
        origin="built-in",
    )
    if not (workspace / NAME).exists():
        return built_in
    own = f"team/{NAME}"
    return read_events(
        *parse_yaml(read_text(workspace / NAME, own), own),
        over=built_in,
        find_pipeline=team.find_pipeline,
        origin=own,
    )


def _stamp_of(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
