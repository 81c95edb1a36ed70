"""A goal from plan to report with everything that can happen on the way, and a second one that knows what it taught."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Queue
from threading import Event, Thread
from typing import Any

import pytest

from marketeer.testing.answers import Asked, RehearsedAnswers
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.plan_answers import PlanningAnswers
from tests.e2e.conftest import Finished, Inside
from tests.support.waiting import LIMIT_S

GOAL = "Write cold emails to hotel owners who asked us at the fair"
NOTE = "Name the fair in the first line"
SKILL = "cold-email"
# A note on an answer to a question that several tasks wait for is the Director's; so is what a goal taught as a whole.
DIRECTOR = "director"


class Careless:
    """Plans, reviews and writes well, but for the first cold email: that lacks its summary."""

    def __init__(self) -> None:
        self._good = RehearsedAnswers()
        self._slipped = False

    async def __call__(self, asked: Asked) -> str:
        text = await self._good(asked)
        if self._slipped or not any(part.startswith(f"# Skill: {SKILL}") for part in asked.system):
            return text
        self._slipped = True
        return re.sub(r"^## Summary\n.*?(?=^## )", "", text, flags=re.MULTILINE | re.DOTALL)


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that runs beside the commands of this process."""
    address, stop = Queue[str](), Event()

    async def serve() -> None:
        async with FakeClaude(answer=PlanningAnswers(Careless())) as server:
            address.put(server.base_url)
            await asyncio.to_thread(stop.wait)

    thread = Thread(target=lambda: asyncio.run(serve()), name="fake claude")
    thread.start()
    try:
        yield address.get(timeout=LIMIT_S)
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Runs commands. `real` goals are worked on against the server, others are rehearsed."""

    inside: Inside
    real: bool

    def __call__(self, *arguments: str) -> Finished:
        return self.inside(*arguments)

    def begin(self) -> Finished:
        return self("start", GOAL, *(() if self.real else ("--rehearse",)))

    def tasks(self) -> list[dict[str, Any]]:
        return [task for phase in self("show", "last", "--json").document["phases"] for task in phase["tasks"]]

    def learnings(self) -> list[dict[str, Any]]:
        of = () if self.real else ("--rehearsal",)
        found: list[dict[str, Any]] = self("learnings", "list", *of, "--json").document["learnings"]
        return found

    def plan(self) -> str:
        found = re.search(r"^Plan: +(\S+)$", self("show", "last").out, re.MULTILINE)
        assert found
        return (self.inside.folder / found[1]).read_text(encoding="utf-8")

    def answer(self, *more: str) -> Finished:
        (asked,) = self("approvals", "--json").document["approvals"]
        assert self("approve", asked["approval_id"], *more).code == 0
        return self("resume", "last")


@pytest.fixture(params=["rehearsed", "served"])
def desk(inside: Inside, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    assert inside("init", "--example").code == 0
    if request.param == "rehearsed":
        yield Desk(inside=inside, real=False)
        return
    with served() as address:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test-key")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
        monkeypatch.setenv("MARKETEER_REVIEW", "standard")
        yield Desk(inside=inside, real=True)


def test_what_one_goal_taught_is_seen_at_work_in_the_next_of_its_kind(desk: Desk) -> None:
    assert desk.begin().code == 4
    done = desk.answer("--note", NOTE)
    assert done.code == 0, done.err
    assert "Report: " in done.out
    taught = desk.learnings()
    of_director = {one["learning_id"] for one in taught if one["agent"] == DIRECTOR}
    assert NOTE in {one["action"] for one in taught}
    of_skill = {one["learning_id"] for one in taught if one["agent"] == SKILL}
    assert bool(of_skill) is desk.real, "only the careless one was sent back"
    check_that_show_explains_every_verdict(desk)

    assert desk.begin().code == 4
    plan = desk.plan()
    assert NOTE in plan
    assert any(learning_id in plan for learning_id in of_director)
    assert desk.answer().code == 0
    (email,) = [task for task in desk.tasks() if task["skill"] == SKILL]
    shown = desk("show", "last").out
    assert email["revision"] == 0
    # On probation a learning is told to some tasks and withheld from others; either is said.
    assert [learning_id in shown for learning_id in of_skill] == [True] * len(of_skill)


def check_that_show_explains_every_verdict(desk: Desk) -> None:
    for task in desk.tasks():
        shown = desk("show", task["task_id"]).out
        assert shown.count("by the contract") >= task["revision"] + 1
        for number in range(1, task["revision"] + 2):
            assert f"Review {number}: {'REVISE' if number <= task['revision'] else 'APPROVE'}" in shown
        assert ("[major] " in shown) is bool(task["revision"])
        assert ("of 10 by the rubric" in shown) is desk.real
