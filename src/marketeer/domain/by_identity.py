"""Remembers what a function made of an object, for as long as the object is that very one.

For what is made of a whole skill or contract again and again: to hash one, as `functools.cache` does, means to walk
through all of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
MOST = 128


def by_identity(function: Callable[[T], R]) -> Callable[[T], R]:
    """The object must be immutable. It is held with what was made of it, so that no other can come by its identity."""
    known: OrderedDict[int, tuple[Any, R]] = OrderedDict()

    @wraps(function)
    def remembering(given: T) -> R:
        found = known.get(id(given))
        if found is None:
            found = known[id(given)] = (given, function(given))
            if len(known) > MOST:
                known.popitem(last=False)
        return found[1]

    return remembering
