"""The daemon over HTTP as its operator meets it: where it listens, when it refuses to, and a change of its token."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import Cli
from tests.e2e.harness import end_of
from tests.support.waiting import LIMIT_S

EVENT = {
    "id": "e-1",
    "type": "traffic_drop",
    "timestamp": "2026-11-22T18:00:00Z",
    "source": "analytics",
    "data": {"percentageDrop": 25},
}


@contextmanager
def a_daemon(cli: Cli, **variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port, once it says that it listens."""
    with cli.running("start", "--daemon", **variables) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "http://" in line)
        yield process, int(re.findall(r":(\d+)", line)[0])


def ask(port: int, method: str, path: str, token: str | None = None, body: Mapping[str, Any] | None = None) -> Any:
    """(status, document)"""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)) as connection:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_an_event_and_a_goal_that_come_over_http_are_worked_on_and_read_as_the_commands_print_them(cli: Cli) -> None:
    goal = {"pipeline": "Social Content", "rehearse": True}
    with a_daemon(cli, WEBHOOK_TOKEN="one") as (process, port):
        assert ask(port, "POST", "/webhook", "one", EVENT)[0] == 202
        status, stored = ask(port, "POST", "/goals", "one", goal)
        assert status == 201
        assert cli("follow", stored["goal_id"]).code == 0
        shown = cli("show", stored["goal_id"], "--json").document
        assert ask(port, "GET", f"/goals/{stored['goal_id']}", "one") == (200, shown)
        assert ask(port, "GET", "/goals", "one") == (200, cli("status", "--json").document)
        (event,) = json.loads(cli("events", "--json").out)["events"]
        assert (event["id"], len(event["goals"])) == ("e-1", 1)
        process.terminate()
        end_of(process)
    assert process.returncode == 0


def test_a_token_that_has_changed_counts_after_a_sighup(cli: Cli) -> None:
    (cli.folder / ".env").write_text("WEBHOOK_TOKEN=one\n")
    with a_daemon(cli, WEBHOOK_PORT=str(free_port())) as (process, port):
        assert ask(port, "GET", "/goals", "one")[0] == 200
        (cli.folder / ".env").write_text("WEBHOOK_TOKEN=two\n")
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert any("WEBHOOK_TOKEN" in line for line in process.stderr)
        statuses: list[int] = []
        while not statuses or statuses[-1] != 200:
            statuses.append(_status(port, "two"))
        assert _status(port, "one") == 401


def _status(port: int, token: str) -> int:
    """0 while nobody listens."""
    try:
        status, _ = ask(port, "GET", "/goals", token)
    except (OSError, http.client.HTTPException):
        return 0
    return int(status)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "marketeer.example"])  # noqa: S104 - it is refused
def test_where_others_can_reach_it_the_daemon_does_not_start_without_a_token(cli: Cli, host: str) -> None:
    refused = cli("start", "--daemon", WEBHOOK_HOST=host)
    assert (refused.code, refused.out) == (2, "")
    assert "WEBHOOK_TOKEN" in refused.complaint
    assert cli.files == []


def test_a_port_that_is_taken_is_named_in_one_line(cli: Cli) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        refused = cli("start", "--daemon", WEBHOOK_PORT=str(port))
    assert refused.code == 2
    assert f"WEBHOOK_PORT={port}" in refused.complaint


def test_a_daemon_beside_another_is_refused_before_it_listens(cli: Cli) -> None:
    with a_daemon(cli) as (process, _):
        refused = cli("start", "--daemon")
        assert (refused.code, str(process.pid) in refused.complaint) == (2, True)


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
