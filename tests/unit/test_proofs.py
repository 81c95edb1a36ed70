"""The page of proofs keeps what was not run again, and names what a reader needs to repeat it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from benchmarks.machine import this_machine
from marketeer.testing.doomed import Point
from proofs import kills
from proofs.__main__ import PROOFS, main
from proofs.figures import Figure, Options, Proof
from proofs.lives import AT_RANDOM, Kind, Outcome
from proofs.page import Run, section, updated

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    proof = Proof(name="kills", shows="It was killed.", figures=(Figure("kills", "1,000"),))
    options = Options(jobs=2, seed=7, folder=tmp_path)
    return Run(
        proof=proof,
        options=options,
        machine=this_machine(tmp_path),
        code="version 1",
        day=date(2026, 11, 22),
        took_s=1_500,
    )


def test_a_section_says_how_it_was_run_and_where(run: Run) -> None:
    text = section(run)
    assert text.startswith("## Kills\n\nIt was killed.\n")
    assert "| kills | 1,000 |" in text
    assert "| seed | `MARKETEER_TEST_SEED=7` |" in text
    assert "| date, duration | 2026-11-22, 25 minutes with 2 at a time |" in text
    assert run.machine.cpu in text
    assert "| code | version 1 |" in text


def test_a_proof_that_is_run_again_replaces_its_section_and_no_other(run: Run) -> None:
    order = ("kills", "outage")
    first = updated("", {"outage": section(replace(run, proof=replace(run.proof, name="outage")))}, order)
    both = updated(first, {"kills": section(run)}, order)
    assert both.index("## Kills") < both.index("## Outage")
    again = updated(both, {"kills": section(replace(run, took_s=60))}, order)
    assert (again.count("## "), "60 s" in again, "25 minutes" in again.partition("## Outage")[0]) == (2, True, False)
    assert updated(again, {}, order) == again


@pytest.mark.parametrize("name", PROOFS)
def test_each_proof_has_its_result_in_the_docs(name: str) -> None:
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    assert page.count(f"\n## {name.capitalize()}\n") == 1, f"run make prove NAMES={name}"
    assert f"| `make prove NAMES={name}` |" in page


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kill"]) == 2
    assert "no proof 'kill': choose from" in capsys.readouterr().err


def test_a_thousand_kills_begin_at_every_commit_before_and_behind_it() -> None:
    planned = list(kills.lives(seed=1))
    assert sum(life.kills for life in planned) >= 1_000
    first = {life.first for life in planned}
    assert first == {(p, n) for p in (Point.BEFORE_COMMIT, Point.AFTER_COMMIT) for n in range(1, kills.BOUNDARIES + 1)}
    assert {life.kind for life in planned} == set(Kind)
    assert len({life.seed for life in planned}) == len(planned)


def test_kills_that_miss_a_kind_of_point_prove_nothing() -> None:
    every = Counter(dict.fromkeys((*Point, AT_RANDOM), 1))
    assert kills.proof([Outcome(kind=Kind.SERVED, killed_at=every)]).figures[0].value == "6"
    del every[Point.HALF_A_FILE]
    with pytest.raises(AssertionError, match="half-a-file"):
        kills.proof([Outcome(kind=Kind.SERVED, killed_at=every)])
