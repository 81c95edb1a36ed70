"""Reloading: settings and team are read again while everything runs; what is wrong changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from marketeer.domain.errors import ConfigurationError
from marketeer.logs import get_logger
from marketeer.runtime.loading import check_schedules_and_events, load_workspace_routing, load_workspace_team
from marketeer.settings import changed_variables, load_settings

if TYPE_CHECKING:  # the office makes the daemon
    from marketeer.adapters.team_files import FileTeam
    from marketeer.domain.routing import Routing
    from marketeer.runtime.office import Office
    from marketeer.settings import Settings

log = get_logger(__name__)


class Reloading:
    """A part of the daemon. `ask()` is safe in a signal handler; `begin_anew` is called once the new configuration is
    in force, `on_reload` is told in words what changed or why nothing did."""

    def __init__(self, office: Office, on_reload: Callable[[Sequence[str]], None] | None = None) -> None:
        self._office = office
        self._on_reload = on_reload
        self._asked = asyncio.Event()
        self._files = _digests(office.settings.workspace_dir / "team")
        self.begin_anew: Callable[[], None] | None = None

    def ask(self) -> None:
        self._asked.set()

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._reload()

    async def _reload(self) -> None:
        try:
            settings, team, routing, files = await asyncio.to_thread(_read, self._office.settings.workspace_dir)
        except ConfigurationError as exc:
            log.warning("configuration_refused", error=str(exc))
            self._say([f"configuration not reloaded, the old one stays: {exc}"])
            return
        changes = [*changed_variables(self._office.settings, settings), *_changed(self._files, files)]
        log.info("configuration_reloaded", changed=changes)
        if not changes:
            self._say(["configuration reread: nothing has changed"])
            return
        self._office.adopt(settings, team, routing)
        self._files = files
        self._say([f"configuration reloaded, changed: {', '.join(changes)}"])
        if self.begin_anew is not None:
            self.begin_anew()

    def _say(self, lines: Sequence[str]) -> None:
        if self._on_reload is not None:
            self._on_reload(lines)


def _read(workspace_dir: Path) -> tuple[Settings, FileTeam, Routing, Mapping[str, str]]:
    """Everything that is configured, checked: also what parts read for themselves, which begin anew with it."""
    settings = load_settings(workspace_dir=workspace_dir)
    team = load_workspace_team(settings)
    check_schedules_and_events(settings, team)
    return settings, team, load_workspace_routing(settings, team), _digests(workspace_dir / "team")


def _digests(folder: Path) -> Mapping[str, str]:
    """By path below the folder. Raises ConfigurationError for a file that cannot be read."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            try:
                found[path.relative_to(folder.parent).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as exc:
                msg = f"{path} cannot be read: {exc.strerror}; change its permissions or take it out of team/"
                raise ConfigurationError(msg) from exc
    return found


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
