"""Best of n: how many variants of a task are made, what sets them apart, and which one two-way comparisons choose."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from marketeer.domain.errors import UsageError
from marketeer.domain.review import Finding, Severity

LEAST, MOST = 2, 5
_WISH = re.compile(r"([a-z0-9][a-z0-9-]*) ?= ?(\d{1,3})")
# What a variant is to be tried with. None of them asks for a fact that the others do not have.
ANGLES = (
    "Begin with the problem as the reader would tell it, and let the offer answer it.",
    "Begin with the strongest proof there is in the material, and build on that.",
    "Begin with the result the reader wants, and show the shortest way to it.",
    "Say everything in the plainest and shortest words that still carry it.",
    "Answer the reader's strongest objection first, and the rest from there.",
    "Choose the one idea that matters most, and leave out whatever does not serve it.",
    "Set it against what the reader does today, and let the difference speak.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOf:
    """A goal's wish for one skill."""

    skill: str
    count: int


def parse_wish(text: str) -> BestOf:
    """`copywriting=3`. Raises UsageError."""
    found = _WISH.fullmatch(text.strip().lower())
    if found is None or not LEAST <= int(found[2]) <= MOST:
        msg = f"--best-of {text!r} must be a skill and a number from {LEAST} to {MOST}, such as copywriting=3"
        raise UsageError(msg)
    return BestOf(skill=found[1], count=int(found[2]))


def variants_of(wishes: Sequence[BestOf], skill: str, planned: int) -> int:
    """How many: what was wished for with the goal counts before the plan."""
    return next((wish.count for wish in wishes if wish.skill == skill), planned)


def unmet_wishes(wishes: Sequence[BestOf], skills: Collection[str]) -> tuple[str, ...]:
    """A line for each that nobody in the plan can meet."""
    unmet = [wish for wish in wishes if wish.skill not in skills]
    return tuple(f"Best of {wish.count} for {wish.skill}: it takes no part in this plan." for wish in unmet)


def angles(task_id: str, count: int) -> tuple[str, ...]:
    """One for each variant, all different; the same for the same task."""
    return tuple(Random(f"angles of {task_id}").sample(ANGLES, count))  # noqa: S311 - repeatable, not secret


# -- choosing --------------------------------------------------------------------------------------------------


class Preferred(StrEnum):
    """What one comparison says, of the two as they were shown."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    preferred: Preferred
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Variants `one` and `other`, compared as (one, other) and again as (other, one)."""

    one: int
    other: int
    forward: Said
    backward: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The winning variant, and why, a line for each step towards it."""

    winner: int
    reasons: tuple[str, ...]


Findings = Mapping[int, Sequence[Finding]]


def agreed(duel: Duel) -> int | None:
    """The variant that is preferred whichever stands first; None when that decides it, or nothing does."""
    forward = {Preferred.FIRST: duel.one, Preferred.SECOND: duel.other}.get(duel.forward.preferred)
    backward = {Preferred.FIRST: duel.other, Preferred.SECOND: duel.one}.get(duel.backward.preferred)
    return forward if forward == backward else None


def winner_of(duel: Duel, findings: Findings) -> tuple[int, str]:
    """With the reason. What the orders do not agree on, the contract's findings decide, and then who came first."""
    pair = f"variant {duel.one} against variant {duel.other}"
    found = agreed(duel)
    if found is not None:
        said = duel.forward if found == duel.one else duel.backward
        return found, f"{pair}: {found} in both orders, since {said.reason}"
    both = duel.forward.preferred is Preferred.TIE and duel.backward.preferred is Preferred.TIE
    unclear = f"a tie ({duel.forward.reason})" if both else "each order said something else"
    one, other = weight(findings.get(duel.one, ())), weight(findings.get(duel.other, ()))
    if one == other:
        first = min(duel.one, duel.other)
        return first, f"{pair}: {unclear}, and its contract finds no difference, so {first}, which came first"
    better = duel.one if one < other else duel.other
    return better, f"{pair}: {unclear}, so {better}, with the lesser findings by its contract"


def weight(findings: Sequence[Finding]) -> tuple[int, int, int]:
    """Critical, major and minor ones; the smaller, the better."""
    counts = [sum(finding.severity is severity for finding in findings) for severity in Severity]
    return counts[0], counts[1], counts[2]


def standing(
    variants: Sequence[int], decided: Mapping[tuple[int, int], Duel], findings: Findings
) -> Choice | tuple[int, int]:
    """The choice, or the pair that is to be compared next: the best so far against the next one."""
    best, reasons = variants[0], list[str]()
    for challenger in variants[1:]:
        duel = decided.get((best, challenger))
        if duel is None:
            return best, challenger
        best, why = winner_of(duel, findings)
        reasons.append(why)
    return Choice(winner=best, reasons=tuple(reasons))


def chosen(variants: Sequence[int], compare: Callable[[int, int], Duel], findings: Findings) -> Choice:
    """The choice when comparing takes no time."""
    decided: dict[tuple[int, int], Duel] = {}
    while isinstance(found := standing(variants, decided, findings), tuple):
        decided[found] = compare(*found)
    return found
