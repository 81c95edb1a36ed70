"""The chain that ties a goal's journal together: each entry's hash covers its content and the hash before it.

Whoever changes, removes or inserts an entry later breaks the chain there. It does not stop somebody who rewrites a
whole journal and its head; for that, keep a head elsewhere and compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

PRUNED = "goal_pruned"
# Of a stub's data: how many entries it stands for, and the hash of the last of them.
STUB_ENTRIES = "entries"
STUB_HASH = "chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain: how many entries there were, and the last one's hash."""

    number: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry as it is stored. `content` is all that it says, as text, with `what` and `data` (JSON) once more.

    `number` counts the goal's entries from 1; `entry_id` is its place in the whole journal.
    """

    entry_id: int
    number: int
    hash: str
    content: Sequence[str | None]
    what: str
    data: str


class FlawKind(StrEnum):
    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing wrong. `number` is the entry's (of several removed ones the first), `entry_id` None when it is gone."""

    kind: FlawKind
    goal_id: str
    number: int
    entry_id: int | None
    message: str


def link_hash(previous: str, number: int, content: Sequence[str | None]) -> str:
    """The hash of an entry behind the one with the hash `previous` (empty for the first)."""
    # Each part with its length in front: no two entries make the same text, and it is written for every entry.
    parts = ["-" if part is None else f"{len(part)}:{part}" for part in (previous, *content)]
    text = f"{number};{';'.join(parts)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def flaws(goal_id: str, links: Iterable[Link], head: Head | None) -> list[Flaw]:
    """What was done to a journal after it was written; empty when nothing was. `links` come by entry id."""
    return _Examination(goal_id, head).of(sorted(links, key=lambda link: (link.number, link.entry_id)))


class _Examination:
    """Walks a chain by number. `_previous` is the hash it has come to, None where that is not known."""

    def __init__(self, goal_id: str, head: Head | None) -> None:
        self._goal_id = goal_id
        self._head = head or Head()
        self._previous: str | None = ""
        self._number = 0
        self._entry_id = 0
        self._flaws: list[Flaw] = []

    def of(self, links: Sequence[Link]) -> list[Flaw]:
        numbers: dict[int, list[Link]] = {}
        for link in links:
            numbers.setdefault(link.number, []).append(link)
        for number, candidates in numbers.items():
            if not 0 < number <= self._head.number:
                for link in candidates:
                    self._inserted(link)
                continue
            self._step_to(candidates[0])
            real = next((link for link in candidates if self._fits(link)), candidates[0])
            for link in candidates:
                if link is not real:
                    self._inserted(link)
            self._take(real)
        self._end()
        return self._flaws

    def _step_to(self, link: Link) -> None:
        """What lies between the last entry and this one."""
        if self._number == 0 and link.number > 1 and (pruned := _stands_for(link)) is not None:
            self._previous = pruned.hash
        elif link.number > self._number + 1:
            self._removed(self._number + 1, link.number - 1)
            self._previous = None

    def _fits(self, link: Link) -> bool:
        return self._previous is not None and link.hash == link_hash(self._previous, link.number, link.content)

    def _take(self, link: Link) -> None:
        if self._previous is not None and not self._fits(link):
            self._changed(link, "is not what was written, or does not follow the one before it")
        elif link.entry_id < self._entry_id:
            self._changed(link, "was moved to another place")
        self._previous, self._number, self._entry_id = link.hash, link.number, link.entry_id

    def _end(self) -> None:
        if self._number < self._head.number:
            self._removed(self._number + 1, self._head.number)
        elif self._head.number and self._previous != self._head.hash:
            message = f"entry {self._number} is not the one that the journal's head was written for"
            self._flaw(FlawKind.CHANGED, self._number, self._entry_id, message)

    def _removed(self, first: int, last: int) -> None:
        which = f"entry {first} was" if first == last else f"entries {first} to {last} were"
        self._flaw(FlawKind.REMOVED, first, None, f"{which} removed")

    def _inserted(self, link: Link) -> None:
        message = f"entry {link.number} ({link.what}, id {link.entry_id}) was inserted"
        self._flaw(FlawKind.INSERTED, link.number, link.entry_id, message)

    def _changed(self, link: Link, how: str) -> None:
        message = f"entry {link.number} ({link.what}, id {link.entry_id}) {how}"
        self._flaw(FlawKind.CHANGED, link.number, link.entry_id, message)

    def _flaw(self, kind: FlawKind, number: int, entry_id: int | None, message: str) -> None:
        self._flaws.append(Flaw(kind=kind, goal_id=self._goal_id, number=number, entry_id=entry_id, message=message))


def _stands_for(link: Link) -> Head | None:
    """What was pruned in front of this entry; None when it is no stub of that many."""
    if link.what != PRUNED:
        return None
    try:
        data = json.loads(link.data)
        stub = Head(number=int(data[STUB_ENTRIES]), hash=str(data[STUB_HASH]))
    except (ValueError, TypeError, KeyError):
        return None
    return stub if stub.number == link.number - 1 else None
