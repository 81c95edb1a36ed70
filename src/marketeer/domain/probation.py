"""Probation: which tasks a learning is withheld from, and when it is promoted or retired.

Whether a task sees a learning is a coin thrown by their two ids: the same for every try of the task, independent of
everything else. Status is looked at after every 8th use only, and harm must hold over all looks together, because who
looks often enough finds harm by chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from marketeer.domain.evidence import CONFIDENCE, effect, used_scores, with_score
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import Learning, LearningStatus

SHARE = {LearningStatus.PROBATION: 0.5, LearningStatus.PROMOTED: 0.1}
LOOK_EVERY = 8
ENOUGH_USES = 40
# Points. Half of one is what a minor finding costs: less is no gain.
LEAST_GAIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one finished task says about the learnings that fitted it, by id."""

    task_id: str
    used: tuple[str, ...]
    withheld: tuple[str, ...]
    score: float


def is_withheld(learning: Learning, task_id: str) -> bool:
    """The same answer whenever it is asked, as long as the learning keeps its status."""
    digest = hashlib.sha256(f"{learning.learning_id}\n{task_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < SHARE.get(learning.status, 1.0)


def tried(trial: Trial, learnings: Sequence[Learning]) -> list[Learning]:
    """The learnings of the trial, each with one more score and the status that follows.

    A learning is credited with the score less what is expected of the others in the same prompt: else twelve
    learnings in it would drown each other's effect.
    """
    known = {learning.learning_id: learning for learning in learnings}
    used = {name: _expected(known[name]) for name in trial.used if name in known}
    everything = sum(used.values())
    after = []
    for name in (*used, *(name for name in trial.withheld if name in known)):
        learning = known[name]
        if learning.status in SHARE:
            score = trial.score - (everything - used.get(name, 0.0))
            evidence = with_score(learning.evidence, SHARE[learning.status], score, used=name in used)
            after.append(_judged(replace(learning, evidence=evidence), looks=name in used))
    return after


def _expected(learning: Learning) -> float:
    found = effect(learning.evidence)
    return found.expected if found is not None else 0.0


def _judged(learning: Learning, *, looks: bool) -> Learning:
    uses = used_scores(learning.evidence).count
    found = effect(learning.evidence)
    if not looks or uses % LOOK_EVERY or found is None:
        return learning
    if found.below(1.0 - _doubt(uses // LOOK_EVERY)) < 0:
        return retired(learning, f"harmful: {found.mean:+.1f} points, surely below 0, after {uses} uses")
    if uses >= ENOUGH_USES and found.high < LEAST_GAIN:
        return retired(learning, f"useless: no gain of {LEAST_GAIN} points after {uses} uses")
    status = LearningStatus.PROMOTED if found.low > 0 else LearningStatus.PROBATION
    return replace(learning, status=status)


def _doubt(look: int) -> float:
    """What each look may be wrong by, so that all of them together are right with 90%: 5%, 1.7%, 0.8%, ..."""
    return (1.0 - CONFIDENCE) / (look * (look + 1))


def retired(learning: Learning, why: str) -> Learning:
    return replace(learning, status=LearningStatus.RETIRED, retired_because=why)


def turn_entry(learning: Learning, goal_id: str, trial: Trial, now: datetime) -> JournalEntry:
    """What the journal says of a status that has changed with this trial."""
    found = effect(learning.evidence)
    gained = f"{found.mean:+.1f} points after {used_scores(learning.evidence).count} uses" if found else None
    return JournalEntry(
        goal_id=goal_id,
        at=now,
        what=f"learning_{_TURNS[learning.status]}",
        why=learning.retired_because or gained,
        data={"learning_id": learning.learning_id, "agent": learning.agent, "by_task": trial.task_id},
    )


_TURNS = {
    LearningStatus.PROBATION: "on_probation",
    LearningStatus.PROMOTED: "promoted",
    LearningStatus.RETIRED: "retired",
}
