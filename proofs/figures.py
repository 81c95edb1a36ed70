"""What a proof answers with, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marketeer.logs import configure_logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`jobs` may run side by side, below `folder`; every random choice comes from `seed`."""

    jobs: int
    seed: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Figure:
    what: str
    value: str


def quietly() -> None:
    """Failing calls are what a proof is about: no warnings of them."""
    configure_logs("error", "json", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`shows` says what was done and what held. A proof that does not hold raises AssertionError instead."""

    name: str
    shows: str
    figures: tuple[Figure, ...]
