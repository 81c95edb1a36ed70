"""A foreground goal during an outage says why it waits, stops at Ctrl-C, and goes on at once when resumed."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

from tests.e2e.harness import (
    Ledger,
    assert_nothing_lost_or_doubled,
    command,
    end_of,
    environment,
    fake_claude,
    run,
)
from tests.integration import desk


def nobodys_address() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_start_without_an_api_says_so_in_a_line_and_resume_completes_once_it_is_back(tmp_path: Path) -> None:
    desk.add_small_plans(tmp_path / "workspace")
    env = environment(ANTHROPIC_API_KEY="sk-ant-test-key", ANTHROPIC_BASE_URL=nobodys_address())
    with subprocess.Popen(
        command("start", "--pipeline", desk.SOLO),
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            waits = next(line for line in process.stdout if "  waits: " in line)
            process.send_signal(signal.SIGINT)
            _, out, _ = end_of(process)
        finally:
            process.kill()
    assert "cannot reach the model API at 127.0.0.1" in waits
    assert "waiting for the API to come back" in waits
    assert (process.returncode, "Waiting:" in out) == (130, True)
    ledger = Ledger(tmp_path / "workspace")
    assert [goal["status"] for goal in ledger.goals] == ["waiting"]
    assert ledger.calls == ledger.reservations == []
    with fake_claude(tmp_path) as server:
        again = run("resume", cwd=tmp_path, env=server.environment())
        assert again.returncode == 0, again.stderr
    assert_nothing_lost_or_doubled(tmp_path / "workspace")
