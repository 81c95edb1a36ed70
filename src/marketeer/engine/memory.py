"""Memory: what agents are reminded of, and the page that people read and change it in."""

from __future__ import annotations

from marketeer.domain.document import LEARNINGS_PATH, Author, Document, DocumentKind, tree_path
from marketeer.domain.goal import Goal
from marketeer.domain.learning import Learning
from marketeer.domain.learnings_edit import Taken, changes_of
from marketeer.domain.learnings_page import MAX_ENTRIES, Malformed, Page, read_page, render
from marketeer.domain.recall import NOTHING, Recalled, ranked, recalled, search_words
from marketeer.domain.skill import DIRECTOR
from marketeer.domain.task import Task
from marketeer.engine.library import Library
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store

KEEPS_WORDS = "keeps what a person wrote and what could not be read"
# Versions of the page that an edit may be older than the newest.
OLDEST_BASE = 50

log = get_logger(__name__)


class Memory:
    def __init__(self, store: Store, library: Library, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock

    # -- recall ----------------------------------------------------------------------------------------------

    async def recall(self, goal: Goal, task: Task) -> Recalled:
        """What the task's specialist is told, and what is withheld from this task to see whether it helps."""
        best_first = await self._best(task.skill, goal, goal.category.value if goal.category else None)
        return recalled(best_first, task_id=task.task_id) if best_first else NOTHING

    async def for_plan(self, goal: Goal, category: str) -> tuple[Learning, ...]:
        """What earlier goals of the category taught the Director, the best first. Nothing is withheld: its plan is made
        by rules, which no learning changes."""
        best_first = await self._best(DIRECTOR, goal, category)
        told = recalled(best_first, task_id=None).used
        return tuple(learning for learning in best_first if learning.learning_id in told)

    async def _best(self, agent: str, goal: Goal, category: str | None) -> list[Learning]:
        words = search_words(goal.description)
        found = await self._store.fitting_learnings(agent, category=category, words=words, rehearsal=goal.rehearsal)
        return ranked(found, agent=agent, now=self._clock.now()) if found else []

    # -- the page --------------------------------------------------------------------------------------------

    async def look(self, *, rehearsal: bool, agents: frozenset[str] | None = None) -> tuple[Malformed, ...]:
        """Take in what a person has changed in the page. Returns what could not be read of it; `agents` are the names
        that may stand behind `For`."""
        path = tree_path(LEARNINGS_PATH, rehearsal=rehearsal)
        await self._library.refresh(path)
        edited = await self._not_taken_in(path)
        if edited is None:
            return ()
        page = read_page(edited.content, agents)
        taken = await self._changes(page, await self._base(edited, page), rehearsal=rehearsal)
        await self._store.learn(taken.new, taken.entries)
        await self._store.put_learnings(taken.changed, ())
        await self._store.add_document(await self._page(path, rehearsal=rehearsal, taken_in=edited, before=page))
        for malformed in page.malformed:
            self._library.warnings.append(f"{path}:{malformed.line}: {malformed.why}; the entry is kept as it is")
            log.info("learning_not_read", path=path, line=malformed.line, why=malformed.why)
        return page.malformed

    async def as_document(self, *, rehearsal: bool) -> Document | None:
        """`memory/learnings.md`, as it should read now; None while an edit of it waits to be taken in."""
        path = tree_path(LEARNINGS_PATH, rehearsal=rehearsal)
        if await self._not_taken_in(path) is not None:
            return None
        return await self._page(path, rehearsal=rehearsal)

    async def _page(
        self, path: str, *, rehearsal: bool, taken_in: Document | None = None, before: Page | None = None
    ) -> Document:
        newest = await self._store.document(path)
        if before is None and newest is not None and newest.warnings:
            before = read_page(newest.content)
        keeps = before is not None and bool(before.notes or before.malformed)
        now = self._clock.now()
        learnings = await self._store.learnings(rehearsal=rehearsal, retired=False, limit=MAX_ENTRIES)
        return Document(
            path=path,
            kind=DocumentKind.LEARNINGS,
            content=render(learnings, as_of=now, rehearsal=rehearsal, before=before),
            author=Author.MACHINE,
            rehearsal=rehearsal,
            created_at=now,
            warnings=(KEEPS_WORDS,) if keeps else (),
            made_from=(f"{path}@{taken_in.version}",) if taken_in else newest.made_from if newest else (),
        )

    async def _not_taken_in(self, path: str) -> Document | None:
        """A person's newest version, unless a page was made from it already: such a page names it."""
        newest = await self._store.document(path)
        page = await self._machines(path, newest)
        last = int(page.made_from[0].rpartition("@")[2]) if page is not None and page.made_from else 0
        edited = await self._store.document_in_force(path, last) if newest is not None else None
        return edited if edited is not None and edited.author is Author.HUMAN and edited.version > last else None

    async def _machines(self, path: str, newest: Document | None) -> Document | None:
        """The newest page of ours."""
        document = newest
        while document is not None and document.author is Author.HUMAN and document.version > 1:
            document = await self._store.document(path, document.version - 1)
        return document if document is not None and document.author is Author.MACHINE else None

    async def _base(self, edited: Document, page: Page) -> Page | None:
        """The version that a person had before them, by its `As of` line."""
        for version in range(edited.version - 1, max(0, edited.version - OLDEST_BASE), -1):
            document = await self._store.document(edited.path, version)
            if document is not None and document.author is Author.MACHINE:
                base = read_page(document.content)
                if base.as_of == page.as_of:
                    return base
        return None

    async def _changes(self, page: Page, base: Page | None, *, rehearsal: bool) -> Taken:
        known = {one.learning_id: one for one in await self._store.learnings(rehearsal=rehearsal, limit=1_000_000)}
        return changes_of(page, base, known, rehearsal=rehearsal, now=self._clock.now())
