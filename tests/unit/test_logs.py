"""Logs: where lines go, what they hold, and what they never show."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.log_lines import JsonLines, SecretMasker
from marketeer.logs import StderrHandler, bind, bound, configure_logs, get_logger

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _logging_as_it_comes() -> Iterator[None]:
    yield
    forget_configuration()


def forget_configuration() -> None:
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known, StderrHandler)]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("marketeer").setLevel(logging.NOTSET)


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
    with bound(goal_id="g1", item="i1"):
        get_logger("marketeer.a").info("one")
        logging.getLogger("marketeer.b").info("two")
        get_logger("marketeer.a").info("three", goal_id="g2")
    get_logger("marketeer.a").info("four")
    ids = [(line.get("goal_id"), line.get("item")) for line in lines(capsys)]
    assert ids == [("g1", "i1"), ("g1", "i1"), ("g2", "i1"), (None, None)]


def test_what_is_bound_within_a_block_ends_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", [])
    with bound(path="/webhook"):
        bind(event_id="e1")
        get_logger("marketeer.a").info("one")
    get_logger("marketeer.a").info("two")
    told = [(line.get("path"), line.get("event_id")) for line in lines(capsys)]
    assert told == [("/webhook", "e1"), (None, None)]


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
    assert SecretMasker([])(event) == {
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


PIECES = ("", " ", "\n", "\t", "\x1f", "\\", "\\n", '"', "/", "a", "task-", "k=", "ü", "'")
SECRETS = ('p@ss"w/rd', "back\\slash", "line\nend", "ünïcode", 'ü"n', "12", "True", "None", "0.5")
LOOKS = ("sk-ant-api03-abcDEF", "whsec_abcDEF12", "Bearer abc.def", "bearer  abc", "BEARER\nabc", "amqp://u:p@host")
VALUES = (12, 120, True, False, None, 0.5, 7, 1.25)


def assert_hidden_as_part_by_part(secrets: list[str], event: str, fields: dict[str, object]) -> None:
    line = json.loads(JsonLines(secrets).line("T", "info", "marketeer.a", event, fields))
    masked = SecretMasker(secrets)
    own = {"timestamp": "T", "level": "info", "logger": masked.text("marketeer.a"), "event": masked.text(event)}
    assert line == {**own, **masked(fields), **own}


@pytest.mark.parametrize("hidden", [*SECRETS, *LOOKS])
def test_a_line_that_is_looked_over_as_a_whole_hides_what_is_hidden_part_by_part(hidden: str) -> None:
    for before, after in product(PIECES, repeat=2):
        assert_hidden_as_part_by_part([hidden] if hidden in SECRETS else [], "e", {"why": f"{before}{hidden}{after}"})
    for value in VALUES:
        assert_hidden_as_part_by_part([hidden], "e", {"value": value})


_TEXTS = st.lists(st.sampled_from([*PIECES, *SECRETS, *LOOKS]), max_size=4).map("".join)


@given(
    secrets=st.lists(st.sampled_from(SECRETS), max_size=3),
    event=_TEXTS,
    fields=st.dictionaries(
        st.sampled_from(["why", "item", "api_key", "level", "event", "12"]),
        _TEXTS | st.sampled_from(VALUES),
        max_size=4,
    ),
)
def test_so_does_any_other_line(secrets: list[str], event: str, fields: dict[str, object]) -> None:
    assert_hidden_as_part_by_part(secrets, event, fields)


def test_a_field_does_not_take_the_place_of_what_every_line_has(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", [])
    get_logger("marketeer.a").info("true", event="false", level="error")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("true", "info")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": {1, 2}}, b"bytes", ValueError("x"), 10**30])
def test_whatever_a_field_holds_the_line_is_json(capsys: pytest.CaptureFixture[str], value: object) -> None:
    configure_logs("info", "json", [])
    get_logger("marketeer.a").info("odd", value=value)
    assert "value" in lines(capsys)[0]


def test_a_field_that_cannot_be_shown_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    configure_logs("info", "json", [])
    get_logger("marketeer.a").info("odd", value=Mute())
    assert "a log line of marketeer.a was lost: RuntimeError" in capsys.readouterr().err


def test_a_pretty_line_shows_where_each_value_ends_and_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "pretty", [])
    get_logger("marketeer.a").info("said\x1b[2J", item="i1", why="two words", nothing="", path="\x1b[31m", n=None)
    head, said = capsys.readouterr().err.split("said", 1)
    assert head.endswith("Z [info     ] ")
    assert "\x1b" not in said
    assert said.endswith("[marketeer.a] item=i1 why='two words' nothing='' path='\\x1b[31m' n=None\n")


def test_a_pretty_line_has_its_traceback_below(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "pretty", [])
    try:
        fail_with("no luck")
    except RuntimeError:
        get_logger("marketeer.a").exception("failed", item="i1")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("[marketeer.a] item=i1")
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", "RuntimeError: no luck")


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
    get_logger("marketeer.a").info("nobody listens")
    get_logger("marketeer.a").warning("somebody should")
    assert [line["event"] for line in lines(capsys)] == ["somebody should"]
