"""`docs/proofs.md`: a section for each proof, replaced when it is run again and left alone when it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.machine import Machine
from proofs.figures import Options, Proof

INTRODUCTION = """# Proofs

What is promised, tried at length. Each section is written by `make prove`, which ends with an error where a promise is
broken; run it again rather than edit this page. `make prove NAMES="weather outage"` runs some, `MARKETEER_TEST_SEED`
sets the seed, and `make test` runs a small sample of each.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A proof that held, and the circumstances."""

    proof: Proof
    options: Options
    machine: Machine
    code: str
    day: date
    took_s: float


def section(run: Run) -> str:
    lines = [f"## {run.proof.name.capitalize()}", "", run.proof.shows, "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} |" for what, value in _rows(run))]) + "\n"


def _rows(run: Run) -> Iterator[tuple[str, str]]:
    machine = run.machine
    yield "command", f"`make prove NAMES={run.proof.name}`"
    yield "result", "it held"
    yield from ((figure.what, figure.value) for figure in run.proof.figures)
    yield "seed", f"`MARKETEER_TEST_SEED={run.options.seed}`"
    yield "date, duration", f"{run.day.isoformat()}, {_duration(run.took_s)} with {run.options.jobs} at a time"
    yield "code", run.code
    yield "machine", f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:.0f} GB; load {machine.load:.1f} before"
    yield "disk", f"{machine.file_system}; a write of 4 KB is on it after {machine.sync_ms:.2f} ms"
    yield "versions", f"{machine.system}, Python {machine.python}, SQLite {machine.sqlite}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"


def updated(page: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """The page with these sections, by name, in place of its own; all in this order, unknown ones last."""
    kept = {_name(text): text.rstrip("\n") + "\n" for text in _sections(page)}
    merged = kept | dict(sections)
    names = [name for name in order if name in merged] + [name for name in merged if name not in order]
    return "\n".join([INTRODUCTION, *(merged[name] for name in names)])


def _sections(page: str) -> list[str]:
    return [f"## {text}" for text in page.split("\n## ")[1:]]


def _name(text: str) -> str:
    return text.removeprefix("## ").partition("\n")[0].strip().lower()
