"""The benchmarks run: each with so little work that only its success means anything."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, TINY, main
from benchmarks.child import longest_chain
from benchmarks.figures import Figure, Place, Result, Share
from benchmarks.machine import Machine, this_machine
from benchmarks.processes import environment
from benchmarks.report import as_json, as_markdown
from benchmarks.workspaces import answer
from tests.support.builders import a_task

DAY = date(2026, 11, 22)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return this_machine(tmp_path)


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_runs_and_has_figures(name: str, tmp_path: Path) -> None:
    result = TINY[name](Place(folder=tmp_path))
    assert result.name == name
    assert all(figure.value > 0 for figure in result.figures if "busy" not in figure.what)
    assert any(figure.limit is not None for figure in result.figures)
    threads = {share.thread.rsplit(", ", 1)[-1] for share in result.profile}
    assert name != "throughput" or {"loop"} < threads


def test_every_benchmark_has_a_tiny_size() -> None:
    assert TINY.keys() == BENCHMARKS.keys()


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overheads"]) == 2
    assert "no benchmark 'overheads': choose from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "met"),
    [(1.0, None, False, None), (1.1, 1.1, False, True), (1.2, 1.1, False, False), (400, 400, True, True)],
)
def test_a_figure_knows_whether_it_keeps_its_limit(
    value: float, limit: float | None, at_least: bool, met: bool | None
) -> None:
    assert Figure(what="x", value=value, unit="s", limit=limit, at_least=at_least).is_met is met


def test_the_longest_chain_counts_calls_that_wait_for_each_other() -> None:
    first = a_task(task_id="t-1", seq=1)
    tasks = [first, replace(first, task_id="t-2", seq=2), replace(first, task_id="t-3", seq=3, depends_on=("t-1",))]
    once: Counter[str | None] = Counter(["t-1", "t-2", "t-3"])
    assert longest_chain(tasks, once) == 2
    assert longest_chain(tasks, once + Counter(["t-2", "t-2", None])) == 4


@pytest.mark.parametrize(("words", "chars"), [(0, 0), (300, 0), (0, 10_000)])
def test_an_answer_is_as_long_as_asked_and_hardly_longer(words: int, chars: int) -> None:
    text = answer(words=words, chars=chars)
    assert words <= len(text.split()) <= max(words + 25, 130) or chars
    assert chars <= len(text) <= max(chars + 200, 1_000) or words


def test_the_page_names_limits_verdicts_and_profile_but_no_host(machine: Machine) -> None:
    slow = Figure(what="overhead", value=1.25, unit="times", limit=1.1)
    result = Result(name="x", method="M.", figures=(slow,), profile=(Share(thread="loop", function="a:b", share=0.5),))
    page = as_markdown(machine, [result], DAY)
    assert "| overhead | 1.250 times | at most 1.1 | **no** |" in page
    assert "| a:b | 50.0% |" in page
    assert machine.cpu in page


def test_the_json_says_what_was_met(machine: Machine) -> None:
    result = Result(name="x", method="M.", figures=(Figure(what="f", value=1.0, unit="s", limit=2.0),))
    document = json.loads(as_json(machine, [result], DAY))
    assert document["results"][0]["figures"][0]["is_met"] is True
    assert document["machine"]["cores"] == machine.cores


def test_no_setting_of_the_machine_reaches_a_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-real")
    monkeypatch.setenv("MAX_PARALLEL_AGENTS", "7")
    assert not {"ANTHROPIC_API_KEY", "MAX_PARALLEL_AGENTS"} & environment().keys()
