"""Rows and records: turns each frozen dataclass into a row of plain values and back, driven by its annotations."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from marketeer.domain.usage import MICRO

T = TypeVar("T")
Convert = Callable[[Any], Any]
_TIME_CHARS = len("2026-01-01T00:00:00.000000")
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_EMPTY: dict[type, str] = {tuple: "[]", list: "[]", dict: "{}"}


@lru_cache(maxsize=256)
def time_text(at: datetime) -> str:
    """Fixed width, UTC, sorts as text."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:_TIME_CHARS] + "Z"


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def micros(amount: Decimal) -> int:
    return int((amount / MICRO).to_integral_value())


def dollars(amount: int) -> Decimal:
    return (Decimal(amount) * MICRO).quantize(MICRO)


def json_text(value: Any) -> str:
    return _JSON.encode(value) if value else _EMPTY.get(type(value)) or _JSON.encode(value)


def _same(value: Any) -> Any:
    return value


def _optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _json_converters(item: Any) -> tuple[Convert, Convert]:
    """For `tuple[item, ...]` kept as a JSON list."""
    if dataclasses.is_dataclass(item):
        hints = get_type_hints(item)
        build: Callable[..., Any] = item  # type: ignore[assignment]
        nested = {f.name: _nested(hints[f.name]) for f in dataclasses.fields(item)}

        def encode(values: Any) -> str:
            return json_text([{n: getattr(v, n) for n in nested} for v in values])

        def decode(text: str) -> Any:
            return tuple(build(**{n: nested[n](v) for n, v in row.items()}) for row in json.loads(text))

        return encode, decode
    restore = _nested(item)
    return (lambda values: json_text(list(values))), (lambda text: tuple(restore(v) for v in json.loads(text)))


def _nested(hint: Any) -> Convert:
    """How a value inside JSON becomes what the annotation says."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if get_origin(hint) is tuple:
        args = get_args(hint)
        if args[-1] is Ellipsis:
            inner = _nested(args[0])
            return lambda values: tuple(inner(v) for v in values)
        inners = [_nested(a) for a in args]
        return lambda values: tuple(f(v) for f, v in zip(inners, values, strict=True))
    return _same


def _converters(hint: Any) -> tuple[Convert, Convert]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = next(a for a in get_args(hint) if a is not type(None))
        encode, decode = _converters(inner)
        return _optional(encode), _optional(decode)
    if origin is tuple:
        return _json_converters(get_args(hint)[0])
    if origin is Mapping or hint is Mapping or (origin and issubclass(origin, Mapping)):
        return json_text, json.loads
    if hint is datetime:
        return time_text, time_of
    if hint is Decimal:
        return micros, dollars
    if hint is bool:
        return int, bool
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str, hint
    return _same, _same


def _column(name: str) -> str:
    return name.removesuffix("_usd") + "_microusd" if name.endswith("_usd") else name


class Codec(Generic[T]):
    """Row <-> record for one dataclass. A field `x_usd` is the column `x_microusd`; `skip` fields have no column."""

    def __init__(self, cls: type[T], *, skip: tuple[str, ...] = ()) -> None:
        hints = get_type_hints(cls)
        names = [f.name for f in dataclasses.fields(cls) if f.name not in skip]  # type: ignore[arg-type]
        self._cls: Callable[..., T] = cls
        self._fields = [(name, _column(name), *_converters(hints[name])) for name in names]
        self.columns = tuple(column for _, column, _, _ in self._fields)
        self._plain = attrgetter(*names)
        self._encoded = [(i, encode) for i, (_, _, encode, _) in enumerate(self._fields) if encode is not _same]

    def values(self, record: T) -> tuple[Any, ...]:
        """In the order of `columns`."""
        values = list(self._plain(record))
        for index, encode in self._encoded:
            values[index] = encode(values[index])
        return tuple(values)

    def changed(self, before: T, after: T) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The columns that differ, and their values after."""
        pairs = zip(self._fields, self._plain(before), self._plain(after), strict=True)
        differing = [(field, new) for field, old, new in pairs if old is not new and old != new]
        columns = tuple(column for (_, column, _, _), _ in differing)
        return columns, tuple(encode(new) for (_, _, encode, _), new in differing)

    def fields(self, row: sqlite3.Row) -> dict[str, Any]:
        return {name: decode(row[column]) for name, column, _, decode in self._fields}

    def record(self, row: sqlite3.Row) -> T:
        return self._cls(**self.fields(row))
