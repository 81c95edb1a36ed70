"""No race passes a cap and no call is booked at less than it was billed: a sample of `make prove`."""

from __future__ import annotations

from pathlib import Path

from proofs.bill import compare
from proofs.race import one_race
from tests.e2e.harness import SEED


async def test_four_processes_with_a_hundred_calls_cannot_overspend_though_some_are_killed(tmp_path: Path) -> None:
    raced = await one_race(SEED, tmp_path)
    assert raced.killed
    assert raced.billed_usd > raced.cap_usd / 4


async def test_the_ledger_is_the_servers_bill_to_the_micro_dollar_and_estimates_are_never_less(tmp_path: Path) -> None:
    found = await compare(SEED, tmp_path, 150)
    assert found.settled > 60
    assert found.estimated > 10
    assert found.long_calls
    assert found.read_tokens
    assert found.written_tokens
