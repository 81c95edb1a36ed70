"""The parts of the web face that need no server: addresses, sources and what is loaded when."""

from __future__ import annotations

import base64
import errno
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.loopback import is_loopback
from marketeer.settings import load_settings
from marketeer.testing.clock import FakeClock
from marketeer.web.address import cannot_listen
from marketeer.web.limits import MOST_SOURCES, RateLimit
from marketeer.web.refusal import Refusal
from tests.e2e.harness import environment

KEY = base64.b64encode(b"sixteen bytes or more").decode()


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST.", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_an_address_of_this_machine_alone_needs_no_token(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.1", "localhost.example", "::ffff:10.0.0.1", "127.1"])  # noqa: S104
def test_every_other_address_counts_as_public(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL])
def test_what_is_said_of_an_address_that_cannot_be_had_names_the_variable(number: int) -> None:
    assert "WEBHOOK_PORT=80" in str(cannot_listen("127.0.0.1", 80, OSError(number, "why")))


def test_sources_stand_side_by_side_or_one_a_line_in_a_file(tmp_path: Path) -> None:
    both = (("shop", f"whsec_{KEY}"), ("crm", KEY))
    assert load_settings(webhook_sources=f"shop=whsec_{KEY}, crm={KEY}").webhook_secrets() == both
    file = tmp_path / "sources"
    file.write_text(f"# who may sign\nshop = whsec_{KEY}\n\ncrm={KEY}\n")
    settings = load_settings(webhook_sources_file=str(file))
    assert settings.webhook_secrets() == both
    assert KEY in settings.secrets()
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        "shop",
        "shop=",
        "shop=whsec_",
        "shop=c2hvcnQ=",
        "shop=not base64 at all!",
        f"={KEY}",
        f"a shop={KEY}",
        f"shop={KEY},crm",
    ],
)
def test_a_source_without_a_name_or_a_good_secret_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(ConfigurationError, match="WEBHOOK_SOURCES") as caught:
        load_settings(webhook_sources=given)
    assert KEY not in str(caught.value)


def test_sources_in_the_variable_and_in_the_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "sources"
    file.write_text(f"shop={KEY}")
    with pytest.raises(ConfigurationError, match="WEBHOOK_SOURCES"):
        load_settings(webhook_sources=f"shop={KEY}", webhook_sources_file=str(file))


def test_a_source_may_send_its_minutes_share_and_no_more_however_it_spreads_it() -> None:
    clock = FakeClock()
    limit = RateLimit(60, clock)
    taken = 0
    for _ in range(600):
        clock.advance(0.2)
        with suppress(Refusal):
            limit.take("shop")
            taken += 1
    assert 115 <= taken <= 120


@settings(deadline=None)
@given(per_minute=st.integers(1, 50), pauses=st.lists(st.floats(0, 90), max_size=120))
def test_a_minutes_share_may_come_at_once_and_whoever_waits_as_told_is_served(
    per_minute: int, pauses: list[float]
) -> None:
    clock = FakeClock()
    limit = RateLimit(per_minute, clock)
    for _ in range(per_minute):
        limit.take("shop")
    for pause in pauses:
        clock.advance(pause)
        try:
            limit.take("shop")
        except Refusal as refused:
            clock.advance(int(refused.headers["Retry-After"]))
            limit.take("shop")


def test_a_crowd_of_names_is_forgotten_rather_than_kept() -> None:
    limit = RateLimit(60, FakeClock())
    for number in range(3 * MOST_SOURCES):
        limit.take(f"source {number}")
    assert len(limit._counts) == MOST_SOURCES


def test_the_commands_do_not_load_the_web_stack() -> None:
    look = (
        "import sys\n"
        "from marketeer.cli.app import COMMANDS, load_command, main\n"
        "main(['--help'])\n"
        "[load_command(name) for name in COMMANDS]\n"
        "import marketeer.cli.daemon, marketeer.cli.finishing\n"
        "print(sorted({'fastapi', 'starlette', 'uvicorn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[]"
