"""The command line as users meet it: a process of its own in an empty folder, with nothing set and no way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

import marketeer
from marketeer.cli.app import main
from tests.e2e.harness import may_run_here, run_here
from tests.support.waiting import LIMIT_S

SOURCE = Path(marketeer.__file__).parent.parent
PASSED_ON = ("PATH", "SYSTEMROOT", "TMPDIR", "COVERAGE_PROCESS_START")
GOAL = "Increase signup conversion by 20%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What one command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.splitlines()
        return line


@dataclass(slots=True, kw_only=True)
class Cli:
    """Runs `marketeer` in `folder`. `variables` are set on top of an environment without any setting."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | bytes, **variables: str) -> Finished:
        with self.running(*arguments, **variables) as process:
            out, err = process.communicate(timeout=LIMIT_S)
        return Finished(code=process.returncode, out=out, err=err)

    @contextmanager
    def running(self, *arguments: str | bytes, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """The process while it runs; it never outlives the block."""
        with self._running((sys.executable, "-m", "marketeer", *arguments), variables) as process:
            yield process

    @contextmanager
    def running_into(self, log: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """As `running`, and all that it says goes into that file."""
        command = (sys.executable, "-m", "marketeer", *arguments)
        with log.open("a") as file, self._running(command, variables, file) as process:
            yield process

    @contextmanager
    def running_script(self, script: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A program of the test's own, in the same surroundings."""
        with self._running((sys.executable, str(script), *arguments), {}) as process:
            yield process

    @contextmanager
    def _running(
        self, command: Sequence[str | bytes], variables: Mapping[str, str], into: IO[str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment() | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=into or subprocess.PIPE,
            stderr=into or subprocess.PIPE,
            encoding="utf-8",
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        home = {"HOME": str(self.folder), "PYTHONPATH": str(SOURCE), "COLUMNS": "120"}
        # Calls are counted: who wants a model's review says so.
        usual = {"LOG_LEVEL": "error", "WEBHOOK_PORT": "0", "MARKETEER_REVIEW": "quick"}
        return {**kept, **home, **usual, **self.variables}

    @property
    def files(self) -> list[str]:
        """Everything below the folder."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))


class Here(Cli):
    """Commands run in this process, with the same surroundings and streams. What runs beside the test has its own."""

    def __call__(self, *arguments: str | bytes, **variables: str) -> Finished:
        words = [word for word in arguments if isinstance(word, str)]
        if len(words) < len(arguments) or not may_run_here(words):
            return super().__call__(*arguments, **variables)
        code, out, err = run_here(words, cwd=self.folder, env=self._environment() | dict(variables))
        return Finished(code=code, out=out, err=err)


@pytest.fixture
def desk_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


@pytest.fixture
def cli(desk_folder: Path) -> Cli:
    return Here(folder=desk_folder)


@pytest.fixture
def outside(desk_folder: Path) -> Cli:
    """For tests of the processes themselves: their start, their end, what they hold."""
    return Cli(folder=desk_folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """As `Here`, in the surroundings of the test, which it may change."""

    folder: Path
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Finished:
        self.captured.readouterr()
        code = main(arguments)
        out, err = self.captured.readouterr()
        return Finished(code=code, out=out, err=err)


@pytest.fixture
def inside(desk_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    monkeypatch.chdir(desk_folder)
    ours = ("ANTHROPIC_", "MARKETEER_", "REDIS_", "WEBHOOK_", "BUDGET_", "LOG_", "NOTIFY_", "WORKSPACE_")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")
    return Inside(folder=desk_folder, captured=capsys)


def wait_for_line(process: subprocess.Popen[str], part: str) -> str:
    """Read the process's stdout up to the line with that part."""
    assert process.stdout is not None
    for line in process.stdout:
        if part in line:
            return line
    pytest.fail(f"the process ended without saying {part!r}")
