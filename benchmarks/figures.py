"""What a benchmark answers with: figures, each with the limit it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value. `limit` is the most it may be, or the least with `at_least`; None: nobody set one."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a thread's working time one function takes, with the library code that it calls. 0 to 1."""

    thread: str
    function: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one benchmark. `method` says in a sentence or two how they came about."""

    name: str
    method: str
    figures: tuple[Figure, ...]
    profile: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a benchmark may write: a folder of its own, on the disk that is measured."""

    folder: Path

    def sub(self, name: str) -> Path:
        """A new folder in it."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made


def spread(values: Sequence[float], unit: str, digits: int = 3) -> str:
    """Lowest to highest, for the note beside a median."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f} {unit}".strip() + f" in {len(values)} runs"
