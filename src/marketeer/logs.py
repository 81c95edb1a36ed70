"""Logs: one line per event on stderr, JSON or pretty, with every secret masked.

structlog takes longer to import than most commands take to run, so only commands that do work import this module;
a command that merely reads has no logger. Ids are bound once per work item with `structlog.contextvars`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from marketeer.masking import MASK, Masking

_OUR_ROOT = "marketeer"
# Written by structlog itself, so no secret can be in them, and a secret such as "1" must not break them.
_MACHINE_MADE = ("timestamp", "level")
_SECRET_KEY = re.compile(r"(^|[_-])(api[_-]?key|password|secret|token|authorization)$", re.IGNORECASE)
_MAX_DEPTH = 8
_MAX_NAMES = 1_000

# What happens to an event before it is known who shows it; the same for our events and those of libraries.
_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class SecretMasker:
    """A structlog processor that masks known secrets, and what looks like one, anywhere in the event."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.text = Masking(secrets)
        self._names: dict[str, tuple[str, bool]] = {}

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:  # noqa: ARG002 - structlog's signature
        return dict(self._entry(str(key), value, 0) for key, value in event_dict.items())

    def _entry(self, key: str, value: object, depth: int) -> tuple[str, object]:
        name, is_secret = self._named(key)
        if is_secret and value is not None:
            return name, MASK
        return name, value if depth == 0 and key in _MACHINE_MADE else self._value(value, depth)

    def _named(self, key: str) -> tuple[str, bool]:
        """As it may be shown, and whether what it names is a secret. Names are few, and the same in every line."""
        known = self._names.get(key)
        if known is None:
            known = (self.text(key), _SECRET_KEY.search(key) is not None)
            if len(self._names) < _MAX_NAMES:
                self._names[key] = known
        return known

    def _value(self, value: object, depth: int) -> object:
        match value:
            case str():
                return self.text(value)
            case None | bool() | int() | float():
                return MASK if self.text.hides_number(str(value)) else value
            case Mapping() if depth < _MAX_DEPTH:
                return dict(self._entry(str(key), item, depth + 1) for key, item in value.items())
            case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
                return [self._value(item, depth + 1) for item in value]
            case bytes():
                return self.text(value.decode(errors="replace"))
            case _:
                return self.text(str(value))


class StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at that moment: a live display replaces it while it runs."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as exc:  # noqa: BLE001 - a log line must not stop work, nor show its raw arguments
            line = f"a log line of {record.name} was lost: {type(exc).__name__} while formatting it"
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            # stderr is closed or its reader is gone: there is nobody left to tell
            return

    def filter(self, record: logging.LogRecord) -> bool:
        # Checked here and not by level alone: a library may turn its own logger up.
        ours = record.name == _OUR_ROOT or record.name.startswith(f"{_OUR_ROOT}.")
        return (ours or record.levelno >= logging.WARNING) and bool(super().filter(record))


def configure_logs(level: str, fmt: str | None, secrets: Sequence[str], *, quiet: bool = False) -> None:
    """Send every log to stderr. May be called again; the last call counts.

    `level` is debug, info, warning or error; `fmt` is json, pretty, or None for pretty on a terminal and json
    elsewhere. `quiet` is for a command that shows its progress in the foreground when nobody asked for logs
    (`not settings.logs_asked_for`): they then start at warning. Libraries are heard from warning up.
    """
    pretty = fmt == "pretty" or (fmt is None and sys.stderr.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]
    if quiet:
        threshold = max(threshold, logging.WARNING)
    handler = StderrHandler()
    handler.setFormatter(_formatter(secrets, pretty=pretty))
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, StderrHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(threshold, logging.WARNING))
    logging.getLogger(_OUR_ROOT).setLevel(threshold)
    _route_through_stdlib()


class Logger:
    """A logger of ours. What nobody wants to read costs next to nothing: the level is looked at first."""

    def __init__(self, name: str) -> None:
        self._stdlib = logging.getLogger(name)
        self._logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)

    def debug(self, event: str, **fields: object) -> None:
        if self._stdlib.isEnabledFor(logging.DEBUG):
            self._logger.debug(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        if self._stdlib.isEnabledFor(logging.INFO):
            self._logger.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, **fields)

    def exception(self, event: str, **fields: object) -> None:
        """With the traceback of the error that is being handled."""
        self._logger.exception(event, **fields)  # noqa: LOG004 - its callers are the handlers


def get_logger(name: str) -> Logger:
    """Pass `__name__`. Quiet below warning until `configure_logs` has been called."""
    if not structlog.is_configured():
        # structlog's own default prints to stdout, which belongs to --json
        _route_through_stdlib()
    return Logger(name)


def _route_through_stdlib() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _formatter(secrets: Sequence[str], *, pretty: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Tracebacks become text before the masking, and never show local variables.
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            SecretMasker(secrets),
            renderer,
        ],
    )
