"""The results as a page for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from itertools import groupby

from benchmarks.figures import Figure, Result, Share
from benchmarks.machine import Machine

_VERDICTS = {None: "", True: "yes", False: "**no**"}


def as_json(machine: Machine, results: Sequence[Result], day: date) -> str:
    """One document; `is_met` is null where no limit is set."""
    named = [asdict(result) for result in results]
    for result, data in zip(results, named, strict=True):
        for figure, entry in zip(result.figures, data["figures"], strict=True):
            entry["is_met"] = figure.is_met
    return json.dumps({"date": day.isoformat(), "machine": asdict(machine), "results": named}, indent=1)


def as_markdown(machine: Machine, results: Sequence[Result], day: date) -> str:
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench` on {day.isoformat()}; run it again rather than edit this page. Ratios carry over to",
        "other machines, absolute figures do not. Values are medians where a note gives a range.",
        "",
        "| measured on | |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in machine.lines()),
        "",
    ]
    for result in results:
        lines += [f"## {result.name.capitalize()}", "", result.method, "", *_table(result.figures)]
        if result.profile:
            lines += ["", *_profile(result.profile)]
        lines.append("")
    # no profile here: it says nothing to a program, and makes every new page differ in a hundred lines
    bare = [Result(name=each.name, method=each.method, figures=each.figures) for each in results]
    lines += ["## The same as JSON", "", "```json", as_json(machine, bare, day), "```"]
    return "\n".join(lines) + "\n"


def _table(figures: Sequence[Figure]) -> Iterator[str]:
    yield "| figure | value | limit | met | note |"
    yield "|---|---:|---:|---|---|"
    for figure in figures:
        cells = (figure.what, _value(figure), _limit(figure), _VERDICTS[figure.is_met], figure.note)
        yield f"| {' | '.join(cells)} |"


def _value(figure: Figure) -> str:
    return f"{_number(figure.value)} {figure.unit}"


def _limit(figure: Figure) -> str:
    if figure.limit is None:
        return ""
    return f"{'at least' if figure.at_least else 'at most'} {figure.limit:g}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def _profile(shares: Sequence[Share]) -> Iterator[str]:
    yield "Where the time goes, of what each thread works (time in libraries counts for the function that called them):"
    for thread, group in groupby(shares, key=lambda share: share.thread):
        yield ""
        yield f"| {thread} | share |"
        yield "|---|---:|"
        for share in group:
            yield f"| {share.function} | {100 * share.share:.1f}% |"
