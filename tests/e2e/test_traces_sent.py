"""Traces on their way: to the collector that is set, with its headers; and no trouble with them is a goal's trouble."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from marketeer.domain.goal import GoalStatus
from tests.e2e.conftest import Cli
from tests.e2e.harness import end_of
from tests.integration import desk

TOKEN = "collector-token-9966"
OFF = """
import sys
from marketeer.cli.app import main
code = main(sys.argv[1:])
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
sys.exit(code)
"""


@dataclass(slots=True, kw_only=True)
class Collector:
    """An OTLP collector on a port of its own. `received` are (path, authorization, body)."""

    port: int = 0
    received: list[tuple[str, str | None, bytes]] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for _, _, body in self.received]
        scopes = [scope for request in requests for found in request.resource_spans for scope in found.scope_spans]
        return [span for scope in scopes for span in scope.spans]


@contextmanager
def a_collector() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.received.append((self.path, self.headers["authorization"], body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_commands_do_is_sent_to_the_collector_as_one_trace(cli: Cli) -> None:
    with a_collector() as collector:
        cli.variables |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}/",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}",
            "LOG_LEVEL": "debug",
        }
        desk.add_small_plans(cli.folder / "workspace")
        result = cli("start", "--pipeline", desk.SOLO, "--rehearse")
        assert result.code == 0, result.err
    assert {(path, token) for path, token, _ in collector.received} == {("/v1/traces", f"Bearer {TOKEN}")}
    names = {span.name.split()[0] for span in collector.spans}
    assert names == {"goal", "task", "invoke_agent", "chat"}
    assert len({span.trace_id for span in collector.spans}) == 1
    ids = {span.span_id for span in collector.spans}
    assert [span.name for span in collector.spans if span.parent_span_id not in ids] == ["goal"]
    assert TOKEN not in result.out + result.err
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in cli.folder.rglob("*") if path.is_file())


def test_nothing_of_it_is_loaded_while_no_collector_is_set(cli: Cli, tmp_path: Path) -> None:
    script = tmp_path / "off.py"
    script.write_text(OFF)
    desk.add_small_plans(cli.folder / "workspace")
    with cli.running_script(script, "start", "--pipeline", desk.SOLO, "--rehearse") as process:
        _, out, err = end_of(process)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "[]"


async def test_a_collector_that_is_not_there_keeps_no_goal_from_completing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("marketeer.adapters.otel.EXPORT_TIMEOUT_S", 0.2)
    with a_collector() as gone:
        pass
    address = f"http://127.0.0.1:{gone.port}"
    async with desk.an_office(tmp_path, desk.Clerk(), otel_exporter_otlp_endpoint=address) as office:
        assert (await desk.finish(office)).status is GoalStatus.COMPLETED
    assert "Failed to export" in caplog.text


async def test_without_the_extra_a_warning_says_what_to_install_and_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "marketeer.adapters.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    async with desk.an_office(tmp_path, desk.Clerk(), otel_exporter_otlp_endpoint="http://127.0.0.1:9") as office:
        assert (await desk.finish(office)).status is GoalStatus.COMPLETED
    assert "marketeer[otel]" in capsys.readouterr().err
