"""Logs: one line per event on stderr, JSON or pretty, with every secret masked.

Events of ours go straight to the line; what libraries tell the standard library's logging ends in the same place. Which
level is heard and where lines go is kept where the standard library keeps it. Ids are bound once per work item.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

from marketeer.log_lines import EXCEPTION, STACK, JsonLines, Lines, PrettyLines

_OUR_ROOT = "marketeer"
_LEVELS = {number: name.lower() for name, number in logging.getLevelNamesMapping().items() if name != "WARN"}

_BOUND: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Within the block, and in what is started from it, every line has these fields."""
    token = _BOUND.set({**_BOUND.get(), **fields})
    try:
        yield
    finally:
        _BOUND.reset(token)


def bind(**fields: object) -> None:
    """Every line from here to the end of the `bound` block around it has these fields too."""
    _BOUND.set({**_BOUND.get(), **fields})


class StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at that moment: a live display replaces it while it runs."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event, fields = record.getMessage(), dict(_BOUND.get())
            if record.exc_info and record.exc_info[1] is not None:
                fields[EXCEPTION] = _traceback(record.exc_info[1])
            if record.stack_info:
                fields[STACK] = record.stack_info
        except Exception as exc:  # noqa: BLE001 - a log line must not stop work, nor show its raw arguments
            self._write(_lost(record.name, exc))
            return
        self.tell(record.created, record.levelno, record.name, event, fields)

    def tell(self, created: float, level: int, logger: str, event: str, fields: Mapping[str, object]) -> None:
        """Write one line. `created` is in seconds since 1970."""
        timestamp = datetime.fromtimestamp(created, UTC).isoformat(timespec="microseconds")[:-6] + "Z"
        try:
            line = self._lines.line(timestamp, _LEVELS.get(level, str(level)), logger, event, fields)
        except Exception as exc:  # noqa: BLE001 - as above
            line = _lost(logger, exc)
        self._write(line)

    def _write(self, line: str) -> None:
        # Threads of libraries may tell something too.
        self.acquire()
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            # stderr is closed or its reader is gone: there is nobody left to tell
            return
        finally:
            self.release()

    def filter(self, record: logging.LogRecord) -> bool:
        # Checked here and not by level alone: a library may turn its own logger up.
        ours = record.name == _OUR_ROOT or record.name.startswith(f"{_OUR_ROOT}.")
        return (ours or record.levelno >= logging.WARNING) and bool(super().filter(record))


# Nobody has said yet where lines go: what looks like a secret is masked all the same.
_UNCONFIGURED = StderrHandler(JsonLines(()))


def configure_logs(level: str, fmt: str | None, secrets: Sequence[str], *, quiet: bool = False) -> None:
    """Send every log to stderr. May be called again; the last call counts.

    `level` is debug, info, warning or error; `fmt` is json, pretty, or None for pretty on a terminal and json
    elsewhere. `quiet` is for a command that shows its progress in the foreground when nobody asked for logs
    (`not settings.logs_asked_for`): they then start at warning. Libraries are heard from warning up.
    """
    on_terminal = sys.stderr.isatty()
    pretty = fmt == "pretty" or (fmt is None and on_terminal)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    if quiet:
        threshold = max(threshold, logging.WARNING)
    handler = StderrHandler(PrettyLines(secrets, colours=on_terminal) if pretty else JsonLines(secrets))
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, StderrHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(threshold, logging.WARNING))
    logging.getLogger(_OUR_ROOT).setLevel(threshold)


class Logger:
    """A logger of ours. What nobody wants to read costs next to nothing: the level is looked at first.

    A field `exc_info` is an error, whose traceback the line then has, or None.
    """

    def __init__(self, name: str) -> None:
        self._stdlib = logging.getLogger(name)

    def debug(self, event: str, /, **fields: object) -> None:
        self._tell(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        self._tell(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        self._tell(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        self._tell(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """With the traceback of the error that is being handled."""
        self._tell(logging.ERROR, event, {**fields, "exc_info": sys.exception()})

    def _tell(self, level: int, event: str, fields: dict[str, object]) -> None:
        if not self._stdlib.isEnabledFor(level):
            return
        if "exc_info" in fields:
            error = fields.pop("exc_info")
            if isinstance(error, BaseException):
                fields[EXCEPTION] = _traceback(error)
        told = {**_BOUND.get(), **fields}
        created = time.time()
        handlers = [known for known in logging.root.handlers if isinstance(known, StderrHandler)]
        for handler in handlers or (_UNCONFIGURED,):
            handler.tell(created, level, self._stdlib.name, event, told)


def get_logger(name: str) -> Logger:
    """Pass `__name__`. Quiet below warning until `configure_logs` has been called."""
    return Logger(name)


def _traceback(error: BaseException) -> str:
    """Never with local variables, which may hold anything."""
    return "".join(traceback.format_exception(error)).rstrip("\n")


def _lost(logger: str, exc: Exception) -> str:
    return f"a log line of {logger} was lost: {type(exc).__name__} while writing it"
