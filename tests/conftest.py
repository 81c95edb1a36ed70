"""What every test stands on: no network, no settings of the machine it runs on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from dotenv import dotenv_values

from marketeer.settings import ENV_FILE, settings_table
from marketeer.testing import RedisServer
from marketeer.testing.guard import forbid_network
from tests.e2e.harness import SEED, logs_as_they_were
from tests.support.leftovers import pytest_runtest_makereport, pytest_runtest_protocol

__all__ = ["pytest_runtest_makereport", "pytest_runtest_protocol"]

SETTINGS = frozenset(variable for variable, _, _ in settings_table())
PREFIXES = ("ANTHROPIC_", "MARKETEER_", "REDIS_", "WEBHOOK_", "OTEL_")

# Two busy cores make honest tests slow, so nothing has a deadline. CI prints how to repeat one.
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=False, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    with forbid_network():
        yield


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No key and no server of the developer's reaches a test, nor a process that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name in SETTINGS or name.startswith(PREFIXES)]:
            patch.delenv(name)
        # An empty variable hides its line in `.env`.
        for name in SETTINGS.intersection(dotenv_values(ENV_FILE)):
            patch.setenv(name, "")
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """What a shell runs in the background ignores Ctrl-C, and hands that down to every process that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up logs, as commands and proofs do, leaves those of the next alone."""
    with logs_as_they_were():
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One for all tests of this process that leave it running; whoever uses it takes names of its own."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def nothing_blocks() -> Iterator[BlockBuster]:
    """Our code raises BlockingError when it blocks the event loop during this test."""
    with blockbuster_ctx("marketeer") as guard:
        yield guard


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How to repeat the moments at which the tests killed and interrupted."""
    terminalreporter.write_line(f"seed of kills and interrupts: MARKETEER_TEST_SEED={SEED}")
