"""Running the product as its users do, killing it, and reading what it left behind."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from unittest import mock

from marketeer.cli.app import main
from marketeer.logs import StderrHandler
from tests.support.waiting import LIMIT_S

# Of every moment a test kills or interrupts at.
SEED = int(os.environ.get("MARKETEER_TEST_SEED", "20261122"))

HEAR_SIGNALS = frozenset({"start", "resume", "follow", "worker"})


def environment(**more: str) -> dict[str, str]:
    """The machine's environment without anything that configures the product, or could reach a paid API."""
    ours = ("ANTHROPIC_", "MARKETEER_", "REDIS_", "WEBHOOK_", "BUDGET_", "LOG_", "NOTIFY_", "OTEL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept.pop("WORKSPACE_DIR", None)
    ours_too = {"PYTHONPATH": os.pathsep.join(sys.path), "NO_PROXY": "*", "WEBHOOK_PORT": "0"}
    # Calls are counted: who wants a model's review says so.
    ours_too["MARKETEER_REVIEW"] = "quick"
    return kept | ours_too | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "marketeer", *arguments]


def run(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One command from beginning to end: in this process where that can be, in one of its own elsewhere."""
    if may_run_here(arguments):
        code, out, err = run_here(arguments, cwd=cwd, env=env or environment())
        return subprocess.CompletedProcess(command(*arguments), code, out, err)
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def may_run_here(words: Sequence[str]) -> bool:
    """Signals are heard in the main thread only, and beside the loop of a test a command needs another thread."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and not (_loop_runs() and (not HEAR_SIGNALS.isdisjoint(words[:1]) or "--follow" in words))


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run_here(words: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    """A command in this process, in its own surroundings: exit code and what it said. Most tests are about that, and
    to start Python costs as much as all that a command does."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    usual = dict(os.environ)
    with ExitStack() as stack:
        nothing = stack.enter_context(open(os.devnull))  # noqa: PTH123 - no file of anybody's
        stack.enter_context(mock.patch.multiple(sys, stdin=nothing, stdout=out, stderr=err))
        stack.enter_context(chdir(cwd))
        stack.enter_context(logs_as_they_were())
        stack.callback(_replace_environment, usual)
        _replace_environment(env)
        code = _ended_beside_a_loop(words) if _loop_runs() else main(words)
    return code, _said(out), _said(err)


def _ended_beside_a_loop(words: Sequence[str]) -> int:
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(main, words).result()


@contextmanager
def logs_as_they_were() -> Iterator[None]:
    """A block that sets up logs, as commands and proofs do, leaves no trace of that."""
    root, ours = logging.getLogger(), logging.getLogger("marketeer")
    levels, handlers = (root.level, ours.level), _handlers_of_ours(root)
    try:
        yield
    finally:
        for handler in _handlers_of_ours(root):
            root.removeHandler(handler)
        for handler in handlers:
            root.addHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


def _handlers_of_ours(root: logging.Logger) -> list[logging.Handler]:
    return [handler for handler in root.handlers if isinstance(handler, StderrHandler)]


def _replace_environment(by: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(by)


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.detach()
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()


def kill_after(seconds: float, *arguments: str, cwd: Path, env: dict[str, str]) -> bool:
    """Start a command and kill -9 it after this long. True when it was still running."""
    process = subprocess.Popen(
        command(*arguments), cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A fake Claude server in a process of its own, with its own log of what it was asked and billed."""

    url: str
    log: Path

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def settings(self) -> dict[str, str]:
        return {"ANTHROPIC_API_KEY": "sk-ant-test-key", "ANTHROPIC_BASE_URL": self.url}

    def environment(self, **more: str) -> dict[str, str]:
        return environment(**self.settings, **more)


@contextmanager
def fake_claude(folder: Path, *options: str) -> Iterator[Server]:
    log = folder / "fake-claude.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "marketeer.testing.fake_claude", "--port", "0", "--log", str(log), *options],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Server(url=process.stdout.readline().split()[-1], log=log)
    finally:
        process.terminate()
        process.wait(timeout=LIMIT_S)
        assert process.stdout is not None
        process.stdout.close()


def end_of(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit code and what is still to be read. `communicate` would lose what a readline before has read ahead."""
    overdue = threading.Timer(LIMIT_S, process.kill)
    overdue.start()
    try:
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.map(_rest_of, (process.stdout, process.stderr))
        return process.wait(), out, err
    finally:
        overdue.cancel()


def _rest_of(stream: IO[str] | None) -> str:
    if stream is None:
        return ""
    with stream:
        return stream.read()


class Ledger:
    """What the database of a finished goal says, read without the product."""

    def __init__(self, workspace: Path) -> None:
        connection = sqlite3.connect(workspace / "marketeer.db")
        connection.row_factory = sqlite3.Row
        try:
            self.calls = [dict(r) for r in connection.execute("SELECT * FROM calls")]
            self.reservations = [dict(r) for r in connection.execute("SELECT * FROM reservations")]
            self.tasks = [dict(r) for r in connection.execute("SELECT * FROM tasks")]
            self.goals = [dict(r) for r in connection.execute("SELECT * FROM goals")]
            self.documents = [dict(r) for r in connection.execute("SELECT * FROM documents")]
            self.journal = [dict(r) for r in connection.execute("SELECT * FROM journal ORDER BY entry_id")]
        finally:
            connection.close()

    @property
    def settled(self) -> list[dict[str, Any]]:
        return [call for call in self.calls if not call["estimated"]]

    @property
    def estimated(self) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["estimated"]]


def assert_nothing_lost_or_doubled(workspace: Path) -> Ledger:
    """What every goal must look like once it has completed, whatever happened on the way."""
    ledger = Ledger(workspace)
    assert {goal["status"] for goal in ledger.goals} == {"completed"}
    assert {task["status"] for task in ledger.tasks} == {"approved"}
    assert ledger.reservations == []
    settled = Counter((call["kind"], call["work_item_id"]) for call in ledger.settled)
    # A plan that cannot be used is asked for once more, and stand-ins that know of no plans are asked twice.
    most = {"plan": 2}
    again = [(kind, item) for (kind, item), count in settled.items() if count > most.get(kind, 1)]
    assert not again, "a recorded call was made again"
    written = {call["work_item_id"] for call in ledger.settled if call["kind"] == "execute"}
    assert len(written) == sum(task["generation"] for task in ledger.tasks)
    approvals = Counter(entry["task_id"] for entry in ledger.journal if entry["what"] == "task_approved")
    assert approvals == Counter(task["task_id"] for task in ledger.tasks), "approved twice, or not at all"
    stored = {(d["path"], d["version"]): d["content"] for d in ledger.documents}
    for task in ledger.tasks:
        content = stored[task["output_path"], task["output_version"]]
        assert (workspace / task["output_path"]).read_text() == content
    for goal in ledger.goals:
        assert (workspace / goal["report_path"]).is_file()
    return ledger


def wait_until(predicate: Any, *, seconds: float = LIMIT_S) -> None:
    """Look again and again until it holds."""
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
