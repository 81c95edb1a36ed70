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
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Convert = Callable[[Any], Any]
# Of a dollar's micro-dollars.
_PLACES = 6
_TIME_CHARS = len("2026-01-01T00:00:00.000000")
# A list of none, as it is kept.
NONE = "[]"
_EMPTY: dict[type, str] = {tuple: NONE, list: NONE, dict: "{}"}


@lru_cache(maxsize=256)
def time_text(at: datetime) -> str:
    """Fixed width, UTC, sorts as text."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:_TIME_CHARS] + "Z"


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def micros(amount: Decimal) -> int:
    return int(amount.scaleb(_PLACES).to_integral_value())


def dollars(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-_PLACES)


def _plain_record(value: Any) -> dict[str, Any]:
    """A record within a record."""
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain_record)


def json_text(value: Any) -> str:
    return _JSON.encode(value) if value else _EMPTY.get(type(value)) or _JSON.encode(value)


def _same(value: Any) -> Any:
    return value


def _json_converters(item: Any) -> tuple[Convert, Convert]:
    """For `tuple[item, ...]` kept as a JSON list."""
    if dataclasses.is_dataclass(item):
        names = [f.name for f in dataclasses.fields(item)]
        build = _record_of(item)

        def encode(values: Any) -> str:
            return json_text([{n: getattr(v, n) for n in names} for v in values]) if values else NONE

        def decode(text: str) -> Any:
            return () if text == NONE else tuple(map(build, json.loads(text)))

        return encode, decode
    restore = _nested(item)
    if restore is _same:
        return (lambda values: json_text(list(values))), (lambda text: () if text == NONE else tuple(json.loads(text)))
    return (lambda values: json_text(list(values))), (lambda text: tuple(restore(v) for v in json.loads(text)))


def _record_of(item: Any) -> Convert:
    hints = get_type_hints(item)
    nested = {f.name: _nested(hints[f.name]) for f in dataclasses.fields(item)}
    return lambda row: item(**{name: nested[name](value) for name, value in row.items()})


def _nested(hint: Any) -> Convert:
    """How a value inside JSON becomes what the annotation says."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if dataclasses.is_dataclass(hint):
        return _record_of(hint)
    if get_origin(hint) is tuple:
        args = get_args(hint)
        if args[-1] is Ellipsis:
            inner = _nested(args[0])
            return lambda values: tuple(inner(v) for v in values)
        inners = [_nested(a) for a in args]
        return lambda values: tuple(f(v) for f, v in zip(inners, values, strict=True))
    return _same


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Converters:
    """Of one field, in and out. `optional`: None is itself, whatever the converters make of other values."""

    encode: Convert = _same
    decode: Convert = _same
    optional: bool = False


def _converters(hint: Any) -> _Converters:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = next(a for a in get_args(hint) if a is not type(None))
        return dataclasses.replace(_converters(inner), optional=True)
    if origin is tuple:
        encode, decode = _json_converters(get_args(hint)[0])
        return _Converters(encode=encode, decode=decode)
    if origin is Mapping or hint is Mapping or (origin and issubclass(origin, Mapping)):
        return _Converters(encode=json_text, decode=json.loads)
    if hint is datetime:
        return _Converters(encode=time_text, decode=time_of)
    if hint is Decimal:
        return _Converters(encode=micros, decode=dollars)
    if hint is bool:
        return _Converters(encode=int, decode=bool)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Converters(encode=_enum_value, decode=_member_of(hint))
    return _Converters()


def _enum_value(value: StrEnum) -> str:
    """Its text: plain, so that SQLite need not look for a way to adapt it."""
    return str.__str__(value)


def _member_of(hint: type[StrEnum]) -> Convert:
    members = {member.value: member for member in hint}

    def decode(text: str) -> StrEnum:
        # What is none is told as the enumeration tells it.
        return members.get(text) or hint(text)

    return decode


def _column(name: str) -> str:
    return name.removesuffix("_usd") + "_microusd" if name.endswith("_usd") else name


class Codec(Generic[T]):
    """Row <-> record for one dataclass. A field `x_usd` is the column `x_microusd`; `skip` fields have no column.

    Ten records are written for each task that is done. So what is done to each field is written out once, as
    `dataclasses` does it, and not looked up field by field.
    """

    def __init__(self, cls: type[T], *, skip: tuple[str, ...] = ()) -> None:
        hints = get_type_hints(cls)
        names = [f.name for f in dataclasses.fields(cls) if f.name not in skip]  # type: ignore[arg-type]
        self._cls = cls
        self._skip = skip
        self._fields = {name: _converters(hints[name]) for name in names}
        self.columns = tuple(map(_column, names))
        self.values: Callable[[T], tuple[Any, ...]] = self._values()
        """Of a record, in the order of `columns`."""
        self._differing: Callable[[T, T], tuple[list[str], list[Any]]] = self._differences()
        # By the names of a row's columns.
        self._makers: dict[tuple[str, ...], Callable[[sqlite3.Row], T]] = {}

    def changed(self, before: T, after: T) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The columns that differ, and their values after."""
        columns, values = self._differing(before, after)
        return tuple(columns), tuple(values)

    def record(self, row: sqlite3.Row, **skipped: Any) -> T:
        """For a class that checks nothing when it is made. `skipped` are the values of the fields without a column."""
        columns = tuple(row.keys())
        make = self._makers.get(columns)
        if make is None:
            make = self._makers[columns] = self._maker(columns)
        record = make(row)
        for name in self._skip:
            self._cls.__dict__[name].__set__(record, skipped[name])
        return record

    # -- writing it out --------------------------------------------------------------------------------------

    def _values(self) -> Any:
        values = [self._converted(name, f"record.{name}", "encode") for name in self._fields]
        return self._function("record", f" return ({', '.join(values)},)")

    def _differences(self) -> Any:
        lines = [" columns, values = [], []"]
        for name, column in zip(self._fields, self.columns, strict=True):
            encoded = self._converted(name, f"after.{name}", "encode")
            lines.append(f" if before.{name} is not after.{name} and before.{name} != after.{name}:")
            lines.append(f"  columns.append({column!r}), values.append({encoded})")
        return self._function("before, after", *lines, " return columns, values")

    def _maker(self, columns: tuple[str, ...]) -> Any:
        """By place: a row that is asked by name looks through its names each time."""
        lines = [" made = new(record_type)"]
        for name, column in zip(self._fields, self.columns, strict=True):
            decoded = self._converted(name, f"row[{columns.index(column)}]", "decode")
            lines.append(f" set_{name}(made, {decoded})")
        return self._function("row", *lines, " return made")

    def _converted(self, name: str, value: str, way: str) -> str:
        """The expression for a field's value, encoded or decoded."""
        converters = self._fields[name]
        if getattr(converters, way) is _same:
            return value
        converted = f"{way}_{name}"
        return f"None if (v := {value}) is None else {converted}(v)" if converters.optional else f"{converted}({value})"

    def _function(self, arguments: str, *lines: str) -> Any:
        known: dict[str, Any] = {"new": object.__new__, "record_type": self._cls}
        for name, converters in self._fields.items():
            known |= {f"encode_{name}": converters.encode, f"decode_{name}": converters.decode}
            known[f"set_{name}"] = self._cls.__dict__[name].__set__
        exec("\n".join([f"def function({arguments}):", *lines]), known)  # noqa: S102 - made of names of fields only
        return known["function"]
