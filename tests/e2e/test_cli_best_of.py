"""Best of n as users meet it: asked for with the goal or in a pipeline, explained by show, and safe from kills."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.migrate import MIGRATIONS
from marketeer.testing.doomed import Point
from proofs.lives import KILLED
from tests.e2e.conftest import Inside
from tests.e2e.harness import Ledger, environment, run
from tests.integration import desk as tools
from tests.support.waiting import LIMIT_S

SKILL = "social-content"
START = ("start", "--rehearse", "--pipeline", "Social Content", "Posts about winter berths")
# What the killed goal makes in all.
VARIANTS, COMPARISONS = 3, 4
PIPELINE = """pipelines:
  - name: Two Drafts
    category: content
    priority: P2
    phases:
      - name: Create
        steps:
          - {skill: social-content, best_of: %s}
"""


@pytest.fixture
def desk(inside: Inside) -> Inside:
    assert inside("init", "--example").code == 0
    return inside


def put_pipeline(folder: Path, best_of: str) -> None:
    team = folder / "workspace" / "team"
    team.mkdir(parents=True, exist_ok=True)
    (team / "pipelines.yaml").write_text(PIPELINE % best_of, encoding="utf-8")


def test_an_output_is_chosen_from_variants_and_show_names_them_with_the_reasons(desk: Inside) -> None:
    dear, usual = (
        desk(*START, "--dry-run", "--json", *more).document["cost_expected_usd"]
        for more in (("--best-of", "social-content=3"), ())
    )
    assert dear > usual * 1.5
    done = desk(*START, "--best-of", "social-content=3", "--json")
    assert done.code == 0
    task_id = done.document["phases"][0]["tasks"][0]["task_id"]
    assert "best_of" not in done.document["phases"][0]["tasks"][0]
    for shown in (desk("show", "last").out, desk("show", task_id).out):
        assert "of 3 was chosen" in shown
        assert [f"{task_id}-1-{number}.md" in shown for number in (1, 2, 3)] == [True] * 3
        assert "variant 1 against variant 2: " in shown
    variants = sorted((desk.folder / "workspace/rehearsal/outputs/creative" / SKILL / "variants").iterdir())
    texts = [file.read_text(encoding="utf-8") for file in variants]
    output = (desk.folder / "workspace/rehearsal/outputs/creative" / SKILL / f"{task_id}.md").read_text(
        encoding="utf-8"
    )
    assert (len(texts), output in texts) == (3, True)
    assert len(set(texts)) > 1


def test_a_step_of_a_pipeline_can_ask_for_it(desk: Inside) -> None:
    put_pipeline(desk.folder, "2")
    assert desk("start", "--rehearse", "--pipeline", "Two Drafts").code == 0
    assert "of 2 was chosen" in desk("show", "last").out
    put_pipeline(desk.folder, "6")
    refused = desk("start", "--rehearse", "--pipeline", "Two Drafts")
    assert (refused.code, "team/pipelines.yaml:8: " in refused.complaint) == (2, True), refused.err


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("social-content=6", "a number from 2 to 5"),
        ("social-content", "such as copywriting=3"),
        ("social-contnt=2", "did you mean 'social-content'?"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_before_anything_is_written(desk: Inside, wish: str, said: str) -> None:
    refused = desk(*START, "--best-of", wish)
    assert (refused.code, said in refused.complaint) == (2, True), refused.err
    assert desk("status", "--json").document["goals"] == []


def test_a_wish_for_somebody_who_takes_no_part_is_said_in_the_plan(desk: Inside) -> None:
    assert "seo-audit: it takes no part in this plan" in desk(*START, "--dry-run", "--best-of", "seo-audit=2").out


def test_a_process_killed_among_its_variants_buys_none_of_them_twice(tmp_path: Path) -> None:
    for number in range(len(list(MIGRATIONS.glob("*.sql"))) + 9, 100):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert killed_at(number, folder).returncode == KILLED
        calls = Ledger(folder / "workspace").settled
        before = {call["call_id"] for call in calls if "~" in call["work_item_id"]}
        if 0 < len(before) < VARIANTS + COMPARISONS:
            break
    else:
        pytest.fail("no kill fell among the variants")
    assert run("resume", cwd=folder).returncode == 0
    ledger = Ledger(folder / "workspace")
    parts = Counter(call["work_item_id"].partition("~")[2] for call in ledger.settled if "~" in call["work_item_id"])
    assert before <= {call["call_id"] for call in ledger.settled}
    assert set(parts.values()) == {1}
    assert sum(part.startswith("variant-") for part in parts) == VARIANTS
    assert sum(part.startswith("judge-") for part in parts) == COMPARISONS
    assert {task["status"] for task in ledger.tasks} == {"approved"}
    assert ledger.reservations == []


def killed_at(number: int, folder: Path) -> subprocess.CompletedProcess[str]:
    tools.add_small_plans(folder / "workspace")
    doomed = [sys.executable, "-m", "marketeer.testing.doomed", Point.AFTER_COMMIT.value, str(number)]
    return subprocess.run(
        [*doomed, "start", "--pipeline", tools.SOLO, "--rehearse", "--best-of", "analytics-tracking=3"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
