"""Log lines: an event and its fields as one line, JSON or pretty, with every secret masked.

Most lines hold a few plain values and no secret. Such a line is put together in one go and looked over as a whole; only
where something in it may be a secret, or is no plain value, each part of it is masked by itself.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from math import isfinite

from marketeer.masking import MASK, Masking

# Texts of several lines, which a reader wants below the line.
EXCEPTION, STACK = "exception", "stack"

_HEAD = ("timestamp", "level", "logger", "event")
_SECRET_KEY = re.compile(r"(^|[_-])(api[_-]?key|password|secret|token|authorization)$", re.IGNORECASE)
_MAX_DEPTH = 8
_MAX_NAMES = 1_000

_EVENT_WIDTH = 30
_RESET, _BOLD, _DIM, _CYAN, _MAGENTA, _BLUE = (f"\x1b[{code}m" for code in (0, 1, 2, 36, 35, 34))
_LEVEL_COLOURS = {"info": "\x1b[32m", "debug": "\x1b[32m", "warning": "\x1b[33m"}
_RED = "\x1b[31m"


class SecretMasker:
    """Masks known secrets, and what looks like one, anywhere in an event's fields."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.text = Masking(secrets)

    def __call__(self, fields: Mapping[str, object]) -> dict[str, object]:
        return dict(self._entry(key, value, 0) for key, value in fields.items())

    def _entry(self, key: str, value: object, depth: int) -> tuple[str, object]:
        name = self.text(key)
        if value is not None and is_secret(key):
            return name, MASK
        return name, self._value(value, depth)

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


def is_secret(key: str) -> bool:
    """Whether what has this name is a secret, whatever it looks like."""
    return _SECRET_KEY.search(key) is not None


class Lines(ABC):
    """What makes lines of events. Timestamp and level are written by ourselves, so no secret can be in them, and a
    secret such as "1" must not break them; all else is masked."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._masked = SecretMasker(secrets)

    @abstractmethod
    def line(self, timestamp: str, level: str, logger: str, event: str, fields: Mapping[str, object]) -> str:
        """Without the end of the line."""


# -- for programs ----------------------------------------------------------------------------------------------


class _Names(dict[str, str]):
    """What stands before a field's value, for names are few and the same in every line. KeyError for one that needs
    care."""

    def __missing__(self, key: str) -> str:
        if key in _HEAD or is_secret(key):
            raise KeyError(key)
        before = f", {encode_basestring(key)}: "
        if len(self) < _MAX_NAMES:
            self[key] = before
        return before


def _number(value: float) -> str:
    if not isfinite(value):
        raise KeyError(value)
    return float.__repr__(value)


# Everything else needs care.
_WRITTEN: Mapping[type, Callable[..., str]] = {
    str: encode_basestring,
    int: int.__repr__,
    float: _number,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}


class JsonLines(Lines):
    """A field cannot take the place of the event's own four."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(secrets)
        self._names = _Names()

    def line(self, timestamp: str, level: str, logger: str, event: str, fields: Mapping[str, object]) -> str:
        names = self._names
        try:
            rest = "".join([names[key] + _WRITTEN[type(value)](value) for key, value in fields.items()])
        except KeyError:
            return self._careful(timestamp, level, logger, event, fields)
        told = f'"logger": {encode_basestring(logger)}, "event": {encode_basestring(event)}{rest}}}'
        if self._masked.text.may_touch(told):
            return self._careful(timestamp, level, logger, event, fields)
        return f'{{"timestamp": "{timestamp}", "level": "{level}", {told}'

    def _careful(self, timestamp: str, level: str, logger: str, event: str, fields: Mapping[str, object]) -> str:
        own = (timestamp, level, self._masked.text(logger), self._masked.text(event))
        head = dict(zip(_HEAD, own, strict=True))
        return json.dumps({**head, **self._masked(fields), **head}, ensure_ascii=False)


# -- for people ------------------------------------------------------------------------------------------------


class PrettyLines(Lines):
    """Tracebacks stand below the line."""

    def __init__(self, secrets: Sequence[str], *, colours: bool) -> None:
        super().__init__(secrets)
        self._colours = colours

    def line(self, timestamp: str, level: str, logger: str, event: str, fields: Mapping[str, object]) -> str:
        shown, text = self._masked(fields), self._masked.text
        below = [_harmless(str(shown.pop(name))) for name in (STACK, EXCEPTION) if name in shown]
        colour = _BOLD + _LEVEL_COLOURS.get(level, _RED)
        parts = [
            self._paint(timestamp, _DIM),
            f"[{self._paint(f'{level:<9}', colour)}]",
            self._paint(f"{_harmless(text(event)):<{_EVENT_WIDTH}}", _BOLD),
            f"[{self._paint(_harmless(text(logger)), _BOLD + _BLUE)}]",
        ]
        parts += [self._field(name, value) for name, value in shown.items()]
        return "\n".join((" ".join(parts), *below))

    def _field(self, name: str, value: object) -> str:
        return f"{self._paint(_harmless(name), _CYAN)}={self._paint(_word(value), _MAGENTA)}"

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colours else text


def _word(value: object) -> str:
    """Bare where its end can be seen without quotes."""
    if isinstance(value, str) and value.isprintable() and value and not set(value) & set(" '\"="):
        return value
    return repr(value)


def _harmless(text: str) -> str:
    """What comes from outside must not steer the terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text)
