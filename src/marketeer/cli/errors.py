"""Errors as users meet them: one line, an exit code, and with --json the goal document that says so."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from typing import Any

from marketeer.cli import output
from marketeer.domain.errors import ConfigurationError, MarketeerError, UsageError
from marketeer.masking import Masking

FAILED = 1
USAGE = 2
INTERRUPTED = 130

NO_GOAL_DOCUMENT: Mapping[str, Any] = {
    "goal_id": None,
    "description": None,
    "status": None,
    "category": None,
    "pipeline": None,
    "priority": None,
    "rehearsal": None,
    "phases": [],
    "tasks_completed": 0,
    "tasks_failed": 0,
    "calls": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_usd": 0.0,
    "duration_s": 0.0,
    "report_path": None,
    "error": None,
    "created_at": None,
    "finished_at": None,
    "continues_when": None,
}


class Stopped(MarketeerError):
    """The user interrupted before there was anything to finish."""


class GoalTrouble(MarketeerError):
    """An error after the goal was stored. `document` is the goal as it stands."""

    def __init__(self, error: MarketeerError, advice: str, document: Mapping[str, Any]) -> None:
        super().__init__(f"{error}; {advice}")
        self.document = document
        self.exit_code = code_of(error)


def code_of(error: BaseException) -> int:
    match error:
        case GoalTrouble():
            return error.exit_code
        case Stopped() | KeyboardInterrupt():
            return INTERRUPTED
        case UsageError():
            return USAGE
        case _:
            return FAILED


def report(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong, without secrets that may be part of it; returns the exit code."""
    error = innermost(error)
    masked = _masking()
    line = masked(_line(error))
    if as_json:
        found = error.document if isinstance(error, GoalTrouble) else NO_GOAL_DOCUMENT
        output.document({**found, "error": line})
    if not isinstance(error, MarketeerError) and _wants_traceback():
        output.note(masked("".join(traceback.format_exception(error)).rstrip()))
    output.error_line(line)
    return code_of(error)


def innermost(error: BaseException) -> BaseException:
    """Task groups wrap what went wrong; the first of our own errors in there is what to tell."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(MarketeerError)
        error = (ours or error).exceptions[0]
    return error


def _line(error: BaseException) -> str:
    if isinstance(error, MarketeerError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; go on with `marketeer resume`"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename!r}' if error.filename else ''}; mend that and try again"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"unexpected {what}; nothing stored is lost, run it again with LOG_LEVEL=debug to see where it happened"


def _masking() -> Masking:
    """Of the secrets of the settings; while nobody has read those, and when they are wrong, of what looks like one."""
    settings = sys.modules.get("marketeer.settings")
    try:
        return Masking(settings.load_settings().secrets()) if settings else Masking()
    except ConfigurationError:
        return Masking()


def _wants_traceback() -> bool:
    from marketeer.settings import load_settings

    try:
        return load_settings().log_level == "debug"
    except ConfigurationError:
        return False
