"""Two specialists contradict each other: the later one is asked again, and what is left then stands in the report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from marketeer.testing.doomed import Point
from tests.e2e.conftest import Inside
from tests.e2e.harness import Ledger, environment
from tests.support.waiting import LIMIT_S

START = ("start", "Tell everybody of the free trial", "--pipeline", "Offer", "--rehearse")
SEED = int(os.environ.get("MARKETEER_TEST_SEED", "20261123"))
# Commits of the process, of about nineteen: some are shared, so the last ones do not come in every run.
ON_ITS_WAY = (6, 13)
PIPELINE = """pipelines:
  - name: Offer
    category: content
    priority: P1
    description: A page, then a mail about it.
    phases:
      - name: Make
        steps:
          - {skill: offer-page, note: "The page."}
          - {skill: offer-mail, uses: [offer-page], note: "The mail."}
"""
PROMISE = '      - field: {label: Trial, hint: "how long it is free", one_of: ["a 14-day free trial"]}\n'


@pytest.fixture
def team(inside: Inside) -> Path:
    """Two skills of the user's, whose rehearsed outputs promise what their contracts say; and a plan of both."""
    inside("init", "--example")
    folder = inside.folder / "workspace" / "team"
    for name in ("offer-page", "offer-mail"):
        assert inside("skills", "new", name).code == 0
        promise(folder, name, PROMISE)
    (folder / "pipelines.yaml").write_text(PIPELINE, "utf-8")
    return folder


def promise(team: Path, skill: str, field: str) -> None:
    file = team / "skills" / skill / "contract.yaml"
    before, after = file.read_text("utf-8").split("  - heading: Draft\n")
    file.write_text(f"{before.partition('      - field: {label: Trial')[0]}{field}  - heading: Draft\n{after}", "utf-8")


def start(inside: Inside) -> tuple[dict[str, list[str]], str]:
    """The tasks' ids by skill, and the report."""
    done = inside(*START, "--json")
    assert done.code == 0, done.err
    tasks: dict[str, list[str]] = {}
    for task in (task for phase in done.document["phases"] for task in phase["tasks"]):
        tasks.setdefault(task["skill"], []).append(task["task_id"])
    (report,) = (inside.folder / "workspace" / "rehearsal" / "goals").glob("*/report.md")
    return tasks, report.read_text("utf-8")


def test_outputs_that_promise_the_same_are_reported_at_once(inside: Inside, team: Path) -> None:
    tasks, report = start(inside)
    assert {skill: len(ids) for skill, ids in tasks.items()} == {"offer-page": 1, "offer-mail": 1}
    assert "## Contradictions" not in report
    sources = report.partition("## Where it comes from")[2]
    assert f"### offer-mail ({tasks['offer-mail'][0]})" in sources
    assert "| 14-day free trial" not in sources, "a length is no figure that needs a source"
    assert "| figure | " in sources


def test_the_later_output_is_done_over_once_and_what_is_left_is_in_the_report(inside: Inside, team: Path) -> None:
    promise(team, "offer-mail", PROMISE.replace("14-day", "30-day"))
    tasks, report = start(inside)
    assert len(tasks["offer-page"]) == 1
    first, second = tasks["offer-mail"]
    assert f"{first} was replaced by {second}, so that the outputs agree: the free trial" in report
    left = report.partition("## Contradictions")[2].partition("\n## ")[0]
    assert all(words in left for words in (f"{second} says 30 days", f"{tasks['offer-page'][0]} says 14 days"))
    assert f"by {second}" in inside("show", first).out
    assert f"{first}, so that the outputs agree: the free trial" in inside("show", second).out
    told = inside("journal", "--json").document["entries"]
    assert [entry["task_id"] for entry in told if entry["what"] == "contradiction_found"] == [first]


def test_killed_anywhere_on_its_way_it_comes_to_the_same(inside: Inside, team: Path) -> None:
    promise(team, "offer-mail", PROMISE.replace("14-day", "30-day"))
    random = Random(SEED)  # noqa: S311 - repeatable by its seed
    point, number = random.choice((Point.BEFORE_COMMIT, Point.AFTER_COMMIT)), random.randint(*ON_ITS_WAY)
    at = str(number)
    died = subprocess.run(
        [sys.executable, "-m", "marketeer.testing.doomed", point, at, *START], cwd=inside.folder, check=False,
        env=environment(), capture_output=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, (SEED, point, at)
    assert inside("resume").code == 0
    found = Ledger(inside.folder / "workspace")
    (goal,) = found.goals
    assert (goal["status"], goal["pass_number"], len(found.tasks), len(found.reservations)) == ("completed", 2, 3, 0)
    assert sum(entry["what"] == "contradiction_found" for entry in found.journal) == 1
    assert max(Counter(call["work_item_id"] for call in found.settled).values()) == 1
