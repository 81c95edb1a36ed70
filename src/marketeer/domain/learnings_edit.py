"""What a person's edit of the page does to the learnings: new ones, changed ones, and those retired by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry
from marketeer.domain.learning import Learning, LearningOutcome, LearningStatus
from marketeer.domain.learnings_page import Entry, Page, edit_of, entry_of, says_so
from marketeer.domain.probation import retired

A_PERSON = "a person"
RETIRED_IN_PAGE = "taken out of the page by a person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`new` are to be taken in as if learned, `changed` to be stored as they are."""

    new: tuple[Learning, ...]
    changed: tuple[Learning, ...]
    entries: tuple[JournalEntry, ...]


def told_by_person(
    *,
    agent: str,
    learning: str,
    action: str,
    rehearsal: bool,
    now: datetime,
    category: str | None = None,
    outcome: LearningOutcome = LearningOutcome.SUCCESS,
    tags: tuple[str, ...] = (),
    confidence: float,
    who: str = A_PERSON,
) -> Learning:
    """A learning that nobody but a person knows of. The same words get the same id."""
    words = "\n".join((agent, category or "", learning, action, str(rehearsal)))
    return Learning(
        learning_id=f"h-{hashlib.sha256(words.encode()).hexdigest()[:10]}",
        agent=agent,
        goal_id=None,
        outcome=outcome,
        learning=learning,
        action=action,
        rehearsal=rehearsal,
        created_at=now,
        confirmed_at=now,
        category=category,
        tags=tags,
        confidence=confidence,
        provenance=(who,),
    )


def changes_of(
    page: Page, base: Page | None, known: Mapping[str, Learning], *, rehearsal: bool, now: datetime
) -> Taken:
    """`known` are all learnings of the tree by id, `base` is the page that was edited, None when nobody can tell."""
    edit = edit_of(page, base)
    new = [_told(entry, rehearsal, now) for entry in edit.added if entry.heading not in known]
    again = {entry.heading: entry for entry in edit.added if _is_meant(entry, known.get(entry.heading), base)}
    changed = [_changed(known[name], entry) for name, entry in {**again, **edit.changed}.items() if name in known]
    gone = [
        retired(known[name], RETIRED_IN_PAGE)
        for name in edit.removed
        if name in known and known[name].status is not LearningStatus.RETIRED
    ]
    data: dict[str, list[str] | list[int]] = {
        "added": [learning.learning_id for learning in new],
        "changed": [learning.learning_id for learning in changed],
        "retired": [learning.learning_id for learning in gone],
        "not_read": [malformed.line for malformed in page.malformed],
    }
    why = ", ".join(f"{len(names)} {what.replace('_', ' ')}" for what, names in data.items())
    entry = JournalEntry(goal_id=WORKSPACE_JOURNAL, at=now, what="learnings_edited", who=A_PERSON, why=why, data=data)
    return Taken(new=tuple(new), changed=(*changed, *gone), entries=(entry,))


def _is_meant(entry: Entry, learning: Learning | None, base: Page | None) -> bool:
    """Whether a known entry that the base does not have changes anything: it was mended or brought back. Without a base
    it may as well have stood there all the time, and be retired since."""
    if learning is None or (base is None and learning.status is LearningStatus.RETIRED):
        return False
    return learning.status is LearningStatus.RETIRED or not says_so(entry, entry_of(learning))


def _told(entry: Entry, rehearsal: bool, now: datetime) -> Learning:
    return told_by_person(
        agent=entry.agent,
        category=entry.category,
        outcome=entry.outcome,
        learning=entry.learning,
        action=entry.action,
        tags=entry.tags,
        confidence=entry.confidence,
        rehearsal=rehearsal,
        now=now,
    )


def _changed(learning: Learning, entry: Entry) -> Learning:
    """With other words it is another lesson, which has yet to prove itself; and what a person brings back is."""
    says_else = (learning.learning, learning.action) != (entry.learning, entry.action)
    starts_over = says_else or learning.status is LearningStatus.RETIRED
    after = replace(
        learning,
        agent=entry.agent,
        category=entry.category,
        outcome=entry.outcome,
        learning=entry.learning,
        action=entry.action,
        tags=entry.tags,
        confidence=entry.confidence,
        provenance=tuple(dict.fromkeys((*learning.provenance, A_PERSON))),
    )
    if not starts_over:
        return after
    return replace(after, evidence=(), status=LearningStatus.PROBATION, retired_because=None)
