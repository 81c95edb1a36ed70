"""Logs: where lines go, what they hold, and what they never show."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from marketeer.logs import SecretMasker, StderrHandler, configure_logs, get_logger

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _structlog_as_it_comes() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def fail_with(text: str) -> None:
    raise RuntimeError(text)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_one_line_of_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", [])
    get_logger("marketeer.engine.worker").info("task.done", cost_usd=Decimal("0.5"), skills=("a", "b"))
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "task.done",
        "level": "info",
        "logger": "marketeer.engine.worker",
        "cost_usd": "0.5",
        "skills": ["a", "b"],
    }


def test_ids_bound_once_are_on_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", [])
    with structlog.contextvars.bound_contextvars(goal_id="g1"):
        get_logger("marketeer.a").info("one")
        logging.getLogger("marketeer.b").info("two")
    get_logger("marketeer.a").info("three")
    assert [line.get("goal_id") for line in lines(capsys)] == ["g1", "g1", None]


def test_the_level_decides_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json", [])
    get_logger("marketeer.a").info("unheard")
    get_logger("marketeer.a").warning("heard")
    configure_logs("debug", "json", [])
    get_logger("marketeer.a").debug("heard too")
    assert [line["event"] for line in lines(capsys)] == ["heard", "heard too"]


def test_libraries_are_heard_from_warning_up_even_when_they_turn_themselves_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs("debug", "json", [])
    library = logging.getLogger("some_library")
    monkeypatch.setattr(library, "level", logging.DEBUG)
    library.info("chatter")
    library.warning("trouble with %s", "it")
    assert [(line["event"], line["logger"]) for line in lines(capsys)] == [("trouble with it", "some_library")]


@pytest.mark.parametrize("fmt", ["pretty", "json"])
def test_quiet_holds_back_what_is_below_a_warning(capsys: pytest.CaptureFixture[str], fmt: str) -> None:
    configure_logs("info", fmt, [], quiet=True)
    get_logger("marketeer.a").info("progress")
    get_logger("marketeer.a").warning("trouble")
    err = capsys.readouterr().err
    assert ("progress" in err, "trouble" in err) == (False, True)


@pytest.mark.parametrize("fmt", ["json", "pretty"])
def test_a_secret_shows_nowhere(capsys: pytest.CaptureFixture[str], fmt: str) -> None:
    configure_logs("info", fmt, [SECRET])
    log = get_logger("marketeer.a")
    event = f"with {SECRET}"
    log.info(event, at={"deep": [f"x{SECRET}x", SECRET.encode()], SECRET: 1}, error=ValueError(SECRET))
    logging.getLogger("library").warning("argument %s", SECRET, extra={"field": SECRET})
    try:
        fail_with(SECRET)
    except RuntimeError:
        log.exception("failed", stack_info=True)
        logging.getLogger("library").exception("failed")
    err = capsys.readouterr().err
    assert SECRET not in err
    assert err.count("RuntimeError: ***") == 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-ant-api03-abcDEF_1", "key ***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("{'authorization': 'bearer abc'}", "{'authorization': 'bearer ***'}"),
        ("redis://:pw@host:1/0", "redis://***@host:1/0"),
        ("task-sk-1 and risk-averse", "task-sk-1 and risk-averse"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert SecretMasker([]).text(text) == masked


def test_what_is_named_like_a_secret_is_masked() -> None:
    event = {"x-api-key": "abc", "redis_password": "abc", "tokens": 12, "input_tokens": 3}
    assert SecretMasker([])(None, "info", event) == {
        "x-api-key": "***",
        "redis_password": "***",
        "tokens": 12,
        "input_tokens": 3,
    }


def test_a_secret_is_masked_in_every_spelling() -> None:
    secret = 'p@ss"w/rd'
    masker = SecretMasker([secret])
    for spelling in (f"redis://:{'p%40ss%22w%2Frd'}", json.dumps({"k": secret}), repr([secret])):
        assert "ss" not in masker.text(spelling).replace("redis", "")


@given(secret=st.text(min_size=1, max_size=12), before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_known_secret_survives(secret: str, before: str, after: str) -> None:
    masked = SecretMasker([secret]).text(f"{before}{secret}{after}")
    assert secret not in masked.replace("***", "\0") or secret in f"{before}\0{after}"


def test_the_line_goes_to_the_stderr_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("info", "json", [])
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    get_logger("marketeer.a").info("hello")
    assert '"event": "hello"' in later.getvalue()


def test_a_closed_stderr_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("info", "json", [])
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    get_logger("marketeer.a").info("unheard")


def test_a_line_that_cannot_be_formatted_is_reported_without_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", [])
    (handler,) = [known for known in logging.getLogger().handlers if isinstance(known, StderrHandler)]
    # handed over directly: pytest's own handler would raise first
    handler.handle(logging.LogRecord("library", logging.WARNING, "file.py", 1, "%d pieces", (SECRET,), None))
    err = capsys.readouterr().err
    assert "a log line of library was lost" in err
    assert SECRET not in err


def test_an_unconfigured_logger_leaves_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()
    get_logger("marketeer.a").info("nobody listens")
    get_logger("marketeer.a").warning("somebody should")
    assert capsys.readouterr().out == ""
