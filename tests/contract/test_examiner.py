"""Whoever holds outputs against contracts says the same, and whatever becomes of a helper, every exam is answered."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache

import pytest

from marketeer.adapters.examiner.beside import ExaminerBeside
from marketeer.adapters.examiner.here import ExaminerHere
from marketeer.adapters.examiner.wire import MOST_STANDARDS, Receiver, Sender
from marketeer.domain.contract import Contract, Section
from marketeer.domain.contradiction import Comparison
from marketeer.domain.examination import Exam, Standard, compare, examine
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.helper.wire import LENGTH, unpacked
from marketeer.ports import Examiner
from tests.support.contradictions import CONTRADICTORY, cases
from tests.support.deliverables import CONTEXT, deliverables
from tests.support.processes import is_running
from tests.support.waiting import wait_until


@cache
def exams() -> Sequence[Exam]:
    """Of all skills: what their examples are held against, as they are and with a piece broken out of them."""
    made: list[Exam] = []
    for one in deliverables():
        standard = Standard(contract=one.contract, registry=one.facts.registry, context=CONTEXT)
        is_context = one.contract.skill == FOUNDATION_SKILL
        exam = Exam(standard=standard, text=one.text, sources=one.facts.sources, is_context=is_context)
        made += [exam, replace(exam, text=one.text.replace("## ", "## Not ", 2))]
    return made


@asynccontextmanager
async def beside(*, limit_s: float = 20.0) -> AsyncIterator[tuple[ExaminerBeside, list[str]]]:
    """An examiner whose helper is at work, and what it says of its loss."""
    told: list[str] = []
    examiner = ExaminerBeside(told.append, worth_help_s=0.0, limit_s=limit_s)
    try:
        await examiner.examine(exams()[0])
        await wait_until(lambda: examiner.has_help)
        yield examiner, told
    finally:
        await examiner.aclose()


async def answers_as_ever(examiner: Examiner) -> None:
    exam = exams()[1]
    assert await examiner.examine(exam) == examine(exam)


async def test_here_and_beside_the_answers_are_the_same_for_all_skills() -> None:
    expected = [examine(exam) for exam in exams()]
    assert sum(bool(one.findings) for one in expected) >= len(expected) // 2
    assert [await ExaminerHere().examine(exam) for exam in exams()] == expected
    async with beside() as (examiner, told):
        assert await asyncio.gather(*map(examiner.examine, exams())) == expected
        assert examiner.has_help
    assert told == []


async def test_here_and_beside_outputs_contradict_each_other_in_the_same_way() -> None:
    case = next(cases(CONTRADICTORY, seed=7, count=1))
    asked = Comparison(
        outputs=tuple(case.outputs), context=case.context, goal="Tell of it", inputs={"inputs/a.md": "9"}
    )
    expected = compare(asked)
    assert expected
    assert await ExaminerHere().compare(asked) == expected
    async with beside() as (examiner, told):
        assert await examiner.compare(asked) == expected
        assert examiner.has_help
        assert told == []


async def test_a_text_that_is_not_quite_text_is_examined_beside_as_it_is_here() -> None:
    first = exams()[0]
    async with beside() as (examiner, told):
        for text in ("", "\x00", "\ud800 alone", "# " + "word " * 100_000):
            exam = replace(first, text=text, sources={"goal": text})
            assert await examiner.examine(exam) == examine(exam)
        assert told == []


async def test_a_few_outputs_begin_no_helper() -> None:
    examiner = ExaminerBeside(lambda why: None)
    for exam in exams()[:8]:
        await examiner.examine(exam)
    assert examiner.pid is None
    await examiner.aclose()


async def test_an_examiner_nobody_needed_is_let_go_at_once() -> None:
    for examiner in (ExaminerHere(), ExaminerBeside(lambda why: None, worth_help_s=math.inf)):
        await answers_as_ever(examiner)
        await examiner.aclose()


async def test_when_the_helper_dies_exams_are_done_here_and_it_is_told_once() -> None:
    some = exams()[:8]
    async with beside() as (examiner, told):
        under_way = [asyncio.create_task(examiner.examine(exam)) for exam in some]
        await asyncio.sleep(0)
        assert examiner.pid is not None
        os.kill(examiner.pid, signal.SIGKILL)
        assert await asyncio.gather(*under_way) == [examine(exam) for exam in some]
        await wait_until(lambda: not examiner.has_help)
        await answers_as_ever(examiner)
        assert len(told) == 1


async def test_a_helper_that_hangs_is_given_up() -> None:
    async with beside(limit_s=0.05) as (examiner, told):
        assert examiner.pid is not None
        os.kill(examiner.pid, signal.SIGSTOP)
        await answers_as_ever(examiner)
        assert not examiner.has_help
        assert told == ["it has not answered for 0.05 s"]


async def test_a_helper_that_cannot_be_started_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/there/is/no/python")
    told: list[str] = []
    examiner = ExaminerBeside(told.append, worth_help_s=0.0)
    await answers_as_ever(examiner)
    await answers_as_ever(examiner)
    assert len(told) == 1
    await examiner.aclose()


async def test_stop_signals_to_the_whole_group_leave_the_helper_at_work() -> None:
    async with beside() as (examiner, told):
        assert examiner.pid is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(examiner.pid, number)
        await answers_as_ever(examiner)
        assert examiner.has_help
        assert told == []


async def test_nothing_is_left_of_a_caller_who_was_cancelled() -> None:
    async with beside() as (examiner, told):
        cut = [asyncio.create_task(examiner.examine(exam)) for exam in exams()[:8]]
        await asyncio.sleep(0)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        await answers_as_ever(examiner)
        assert told == []


async def test_letting_go_ends_the_helper() -> None:
    async with beside() as (examiner, _):
        pid = examiner.pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import asyncio
from marketeer.adapters.examiner.beside import ExaminerBeside
from tests.contract.test_examiner import exams

async def main():
    examiner = ExaminerBeside(print, worth_help_s=0.0)
    while not examiner.has_help:
        await examiner.examine(exams()[0])
        await asyncio.sleep(0)  # examining here never waits
    print(examiner.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_helper_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        os.kill(helper, 0)
        parent.kill()
    await wait_until(lambda: not is_running(helper))


def test_what_exams_share_is_sent_once_and_forgotten_in_the_end() -> None:
    sender, receiver = Sender(), Receiver()
    text = "# A title that is no longer than it need be\n"
    standards = [
        Standard(
            contract=Contract(skill="s", sections=(Section(heading=f"H {number}"),)),
            registry=frozenset({"s"}),
            context=CONTEXT,
        )
        for number in range(2 * MOST_STANDARDS + 1)
    ]
    for number, standard in enumerate([*standards, *standards]):
        exam = Exam(standard=standard, text=text, sources={"goal": "g"})
        first = sender.question(2 * number, exam)
        again = sender.question(2 * number + 1, exam)
        for which, sent in enumerate((first, again)):
            asked_as, *asked = unpacked(sent[LENGTH.size :])
            assert (asked_as, receiver.asked(*asked)) == (2 * number + which, exam)
        assert len(again) < len(text) + 200 < len(first)
