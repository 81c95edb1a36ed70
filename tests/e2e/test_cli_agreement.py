"""Two specialists contradict each other: the later one is asked again, and what is left then stands in the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Inside

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
    done = inside("start", "Tell everybody of the free trial", "--pipeline", "Offer", "--rehearse", "--json")
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
    told = inside("journal", "--json").document["entries"]
    assert [entry["task_id"] for entry in told if entry["what"] == "contradiction_found"] == [first]
