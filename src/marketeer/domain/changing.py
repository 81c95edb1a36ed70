"""A record with some fields changed: `dataclasses.replace` in half the time, for what is done several times a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def changed(record: T, **new: Any) -> T:
    """Raises TypeError for a field that there is not."""
    record_type: Any = type(record)
    names, read = _reader(record_type)
    made: T = record_type(**(dict(zip(names, read(record), strict=True)) | new))
    return made


@cache
def _reader(record_type: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(record_type))
    return names, attrgetter(*names)
