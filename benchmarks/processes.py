"""Processes of the benchmarks: the command line as users run it, children of our own, and the fake Claude server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.workspaces import BUDGET_USD, KEY

ROOT = Path(__file__).parents[1]
LIMIT_S = 900
# Settings of whoever runs the benchmarks reach no process of theirs.
_OURS = ("ANTHROPIC_", "MARKETEER_", "REDIS_", "WEBHOOK_", "BUDGET_", "LOG_", "NOTIFY_", "WORKSPACE_", "MAX_", "PYTHON")


def environment(**more: str) -> dict[str, str]:
    """What is measured is the machine: a model's review would only add calls to it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return kept | {"PYTHONPATH": path, "NO_PROXY": "*", "LOG_LEVEL": "error", "MARKETEER_REVIEW": "quick", **more}


def with_key(url: str, **more: str) -> dict[str, str]:
    """The environment of a process that works on real goals, against this server. Plans come from templates: what is
    measured is the machine, whose calls are those of its tasks."""
    ours = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url, "MARKETEER_PLANNER": "template"}
    return environment(**ours, BUDGET_MONTHLY=str(BUDGET_USD), **more)


def cli(*arguments: str) -> list[str]:
    """The command line's command."""
    return [sys.executable, "-m", "marketeer", *arguments]


def run(command: list[str], *, cwd: Path, env: Mapping[str, str]) -> str:
    """What it wrote to stdout. Raises RuntimeError when it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        msg = f"{command[1:]!r} ended with {done.returncode}: {done.stderr[-2000:]}"
        raise RuntimeError(msg)
    return done.stdout


def child_command(name: str, arguments: Mapping[str, Any]) -> list[str]:
    return [sys.executable, "-m", "benchmarks.child", name, json.dumps(arguments)]


def child(name: str, arguments: Mapping[str, Any], *, cwd: Path) -> dict[str, Any]:
    """Run a function of `benchmarks.child` in a process of its own; its answer."""
    command = child_command(name, arguments)
    answer: dict[str, Any] = json.loads(run(command, cwd=cwd, env=environment()).splitlines()[-1])
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A fake Claude server in a process of its own."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True) if self.log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def first_request_at(self) -> float | None:
        """Seconds since the epoch, once there was one."""
        requests = self.requests()
        return datetime.fromisoformat(requests[0]["time"]).timestamp() if requests else None


@contextmanager
def fake_claude(folder: Path, text: str, *options: str) -> Iterator[Server]:
    """Answers every request with `text`. `options` are those of `python -m marketeer.testing.fake_claude`."""
    answer_file, log = folder / "answer.md", folder / "requests.jsonl"
    answer_file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "marketeer.testing.fake_claude", "--answer-file", str(answer_file)]
    command += ["--log", str(log), *options]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                msg = "the fake server has no output to read"
                raise RuntimeError(msg)
            yield Server(url=process.stdout.readline().split()[-1], log=log)
        finally:
            process.terminate()
