"""What a command does not need it does not load: start-up and memory are a promise of every command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.harness import environment, run
from tests.support.waiting import LIMIT_S

_SAYS_WHAT_IT_LOADED = """
import sys
from marketeer.cli.app import main
code = main(sys.argv[1:])
sys.stderr.write("\\n" + " ".join(sorted(sys.modules)))
sys.exit(code)
"""
# Each takes long to load or holds megabytes, and some commands do need it.
HEAVY = frozenset(
    {
        "anthropic", "apprise", "bullmq", "fastapi", "httpx2", "markdown_it", "opentelemetry", "prometheus_client",
        "redis", "rich", "uvicorn",
    }
)  # fmt: skip
WORKING = frozenset({"jinja2", "marketeer.domain.contract_check", "marketeer.engine.worker", "yaml"})


def loaded_by(*words: str, cwd: Path) -> frozenset[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SAYS_WHAT_IT_LOADED, *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return frozenset(done.stderr.splitlines()[-1].split())


def test_a_rehearsed_goal_loads_nothing_heavy_and_a_look_at_it_nothing_that_works(tmp_path: Path) -> None:
    assert run("init", "--example", "--workspace", "ws", cwd=tmp_path).returncode == 0
    goal = loaded_by("start", "Increase signup conversion by 20%", "--rehearse", "--workspace", "ws", cwd=tmp_path)
    assert goal >= WORKING
    assert not HEAVY & goal
    assert not (HEAVY | WORKING) & loaded_by("status", "--workspace", "ws", cwd=tmp_path)


def test_help_loads_no_command_and_nothing_that_checks_what_comes_from_outside(tmp_path: Path) -> None:
    loaded = loaded_by("--help", cwd=tmp_path)
    assert not (HEAVY | WORKING | {"pydantic", "asyncio", "sqlite3"}) & loaded
    assert not [name for name in loaded if name.startswith(("marketeer.engine", "marketeer.adapters"))]
