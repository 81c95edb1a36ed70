"""A simulated world: planted learnings that help, do nothing or harm, and what becomes of them and of the scores.

The model is scripted: a task scores a base, plus the effect of each planted learning that stands in its prompt, plus
noise. Everything else is the real thing: the order, the prompt and the coin of recall, the evidence and the verdicts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import fmean

from benchmarks.curve import Line, curve
from benchmarks.figures import Figure, Place, Result
from marketeer.domain.learning import Learning, LearningOutcome, LearningStatus
from marketeer.domain.probation import Trial, tried
from marketeer.domain.recall import Found, ranked, recalled

EFFECTS = (1.0, 0.0, -1.0)
OF_EACH = 12
NOISE = 1.0
BASE = 6.0
SEEDS = tuple(range(1, 9))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
# Tasks at the beginning and at the end whose means are compared; and those that one point of the curve stands for.
ENDS = 200
_MARK = re.compile(r"world-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    tasks: int = 1_500
    seeds: tuple[int, ...] = SEEDS


FULL = Size()
TINY = Size(tasks=400, seeds=(1,))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """So many specialists share the planted learnings and the tasks evenly."""

    name: str
    specialists: int


WORLDS = (World(name="one specialist for all", specialists=1), World(name="six specialists", specialists=6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What one run of a world came to: the learnings at its end, by effect, and the score of each task."""

    ended: dict[float, list[Learning]]
    scores: list[float]

    def share(self, effect: float, *, retired: bool) -> float:
        ended = self.ended[effect]
        return sum((one.status is LearningStatus.RETIRED) is retired for one in ended) / len(ended)

    @property
    def rise(self) -> float:
        return fmean(self.scores[-ENDS:]) - fmean(self.scores[:ENDS])


def run(place: Place, size: Size = FULL) -> Result:  # noqa: ARG001 - nothing is written
    figures = [figure for world in WORLDS for figure in _figures(world, [live(world, s, size) for s in size.seeds])]
    return Result(
        name="learning",
        method=f"{OF_EACH} planted learnings of each effect ({', '.join(f'{e:+g}' for e in EFFECTS)}), noise of SD "
        f"{NOISE:g}, {size.tasks:,} tasks, seeds {size.seeds[0]} to {size.seeds[-1]}. With one specialist every "
        "learning fits every task; with six, each has six of them and a sixth of the tasks. Means over the seeds.",
        figures=tuple(figures),
    )


def live(world: World, seed: int, size: Size) -> Lived:
    """One run, the same for the same seed."""
    chance = Random(seed)  # noqa: S311 - no secret
    planted = {f"world-{number}": EFFECTS[number // OF_EACH] for number in range(OF_EACH * len(EFFECTS))}
    known = {name: _learning(name, number % world.specialists) for number, name in enumerate(planted)}
    scores = []
    for number in range(size.tasks):
        agent = f"skill-{chance.randrange(world.specialists)}"
        fitting = [Found(learning=one, relevance=0.0) for one in known.values() if _is_told(one, agent)]
        told = recalled(ranked(fitting, agent=agent, now=NOW), task_id=f"seed{seed}-task{number}")
        score = BASE + sum(planted[mark] for mark in _MARK.findall(told.text)) + chance.gauss(0, NOISE)
        trial = Trial(task_id=f"task{number}", used=told.used, withheld=told.withheld, score=score)
        known |= {one.learning_id: one for one in tried(trial, list(known.values()))}
        scores.append(score)
    ended = {effect: [known[name] for name, planned in planted.items() if planned == effect] for effect in EFFECTS}
    return Lived(ended=ended, scores=scores)


def _is_told(learning: Learning, agent: str) -> bool:
    return learning.agent == agent and learning.status is not LearningStatus.RETIRED


def _learning(name: str, specialist: int) -> Learning:
    return Learning(
        learning_id=name,
        agent=f"skill-{specialist}",
        goal_id=None,
        outcome=LearningOutcome.SUCCESS,
        learning=f"The {name} shows",
        action="do as it says",
        rehearsal=False,
        created_at=NOW,
        confirmed_at=NOW,
    )


def _figures(world: World, lives: Sequence[Lived]) -> list[Figure]:
    shares = (
        ("harmful ones retired", -1.0, True, 0.9),
        ("useless ones retired", 0.0, True, 0.75),
        ("useful ones kept", 1.0, False, 0.9),
    )
    figures = []
    for what, effect, retired, limit in shares:
        values = [life.share(effect, retired=retired) for life in lives]
        note = f"{OF_EACH * min(values):.0f} to {OF_EACH * max(values):.0f} of {OF_EACH} with each seed"
        figures.append(_at_least(f"{what}, {world.name}", fmean(values), "of them", limit, note))
    rises = [life.rise for life in lives]
    note = f"{min(rises):.2f} to {max(rises):.2f}; the last {ENDS} tasks against the first"
    return [*figures, _at_least(f"mean score rises, {world.name}", fmean(rises), "points", 0.0, note)]


def _at_least(what: str, value: float, unit: str, limit: float, note: str) -> Figure:
    return Figure(what=what, value=value, unit=unit, limit=limit, at_least=True, note=note)


# -- the picture -----------------------------------------------------------------------------------------------


def picture(size: Size = FULL) -> str:
    """The share of the possible gain over the tasks, as SVG."""
    lines = []
    for world in WORLDS:
        lives = [live(world, seed, size) for seed in size.seeds]
        possible = OF_EACH / world.specialists
        gains = [fmean(life.scores[n] for life in lives) - BASE for n in range(size.tasks)]
        smooth = [fmean(gains[max(0, n - ENDS // 2) : n + ENDS // 2]) / possible for n in range(0, size.tasks, 10)]
        lines.append(Line(name=world.name, points=[(10 * n, value) for n, value in enumerate(smooth)]))
    return curve(
        title="What learning gains",
        across=f"tasks (means over {ENDS}, seeds {size.seeds[0]} to {size.seeds[-1]})",
        up="of the possible gain",
        lines=lines,
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(), encoding="utf-8")
