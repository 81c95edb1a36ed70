"""Workers of the command line on one workspace and one Redis, to be killed, put to sleep and cut off."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketeer.adapters.sqlite.file_lock import FileLock
from marketeer.domain.goal import Priority
from marketeer.domain.submission import Submission
from marketeer.runtime import open_office
from marketeer.settings import load_settings
from marketeer.testing import RedisServer
from tests.e2e.harness import command, environment, wait_until
from tests.integration.desk import add_small_plans

LIMIT_S = 240
GOAL = "Increase signup conversion by 20%"


@dataclass(slots=True, kw_only=True)
class Crew:
    """`latency_s` is how long each call of a rehearsal takes."""

    folder: Path
    server: RedisServer
    latency_s: float = 0.3
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        return environment(
            REDIS_URL=self.server.url,
            MARKETEER_REHEARSAL_LATENCY_S=str(self.latency_s),
            LOG_LEVEL="warning",
            **self.settings,
        )

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def hire(self, concurrency: int = 2) -> subprocess.Popen[str]:
        """A worker that stands on the roll when this returns."""
        (worker,) = self.hire_all(concurrency)
        return worker

    def hire_all(self, *concurrencies: int) -> list[subprocess.Popen[str]]:
        """As many as there are numbers. They begin side by side: each needs a second of a processor for that."""
        workers = [self.spawn("worker", "--concurrency", str(number)) for number in concurrencies]
        for worker in workers:
            self._await(worker)
        return workers

    def _await(self, worker: subprocess.Popen[str]) -> None:
        wait_until(lambda: worker.pid in self._listed() or worker.poll() is not None, seconds=LIMIT_S)
        assert worker.poll() is None, (self.folder / "output.log").read_text()

    def spawn(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        log = self.folder / "output.log"
        with log.open("a") as out:
            process = subprocess.Popen(
                command(*arguments), cwd=self.folder, env=self.env | variables, stdout=out, stderr=out, text=True
            )
        self.processes.append(process)
        return process

    def put_to_sleep(self, worker: subprocess.Popen[str]) -> None:
        """At a moment when it does not write: whoever sleeps in the middle of a commit lets nobody else write."""
        lock = FileLock(self.workspace / "marketeer.db-lock")
        try:
            worker.send_signal(signal.SIGSTOP)
            while not lock.try_acquire():
                worker.send_signal(signal.SIGCONT)
                time.sleep(0.02)
                worker.send_signal(signal.SIGSTOP)
        finally:
            lock.close()

    def submit_all(self, pipelines: Sequence[str | None]) -> None:
        """A rehearsal of each for whoever works here, all in a moment and equally urgent; None: of a plan made for the
        goal."""
        asyncio.run(self._submit_all(pipelines))

    async def _submit_all(self, pipelines: Sequence[str | None]) -> None:
        async with open_office(load_settings(workspace_dir=self.workspace)) as office:
            for name in pipelines:
                asked = Submission(description=GOAL, rehearsal=True, pipeline=name, priority=Priority.P1)
                await office.submit(asked)

    def rows(self, sql: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        """Read without the product; nothing while there is no database."""
        file = self.workspace / "marketeer.db"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            try:
                return connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as exc:
                if "no such table" in str(exc):
                    return []
                raise

    def _listed(self) -> set[int]:
        return {pid for (pid,) in self.rows("SELECT pid FROM workers")}

    def held_by(self, pid: int) -> list[tuple[str, int]]:
        """(item, claim) of what a process holds."""
        found = self.rows(
            "SELECT work_item_id, claim FROM work_items WHERE state = 'claimed' AND owner LIKE ?", f"%:{pid}:%"
        )
        return [(item, claim) for item, claim in found]

    def statuses(self) -> list[str]:
        return [status for (status,) in self.rows("SELECT status FROM goals")]

    def wait_until_completed(self, *, seconds: float = LIMIT_S) -> None:
        wait_until(lambda: set(self.statuses()) == {"completed"}, seconds=seconds)

    def dismiss(self) -> None:
        """Everybody stops in order."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            process.wait(timeout=LIMIT_S)

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def a_crew(folder: Path, **options: Any) -> Iterator[Crew]:
    append_only = options.pop("append_only", True)
    with RedisServer(append_only=append_only) as server:
        crew = Crew(folder=folder, server=server, **options)
        add_small_plans(folder / "workspace")
        try:
            yield crew
        except BaseException as exc:
            log = folder / "output.log"
            exc.add_note(log.read_text()[-4000:] if log.exists() else "nobody has said anything")
            raise
        finally:
            crew.kill()
