"""An event that was answered takes effect exactly once, whenever the daemon is killed: a sample of `make prove`."""

from __future__ import annotations

from pathlib import Path

from proofs.webhooks import Size, proof, storm
from tests.e2e.harness import SEED


async def test_what_was_answered_takes_effect_once_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    outcome = await storm(Size(events=60, kills=2, senders=6), SEED, tmp_path)
    assert len(outcome.sent) == 60
    assert outcome.goals == 40
    assert outcome.killed_at
    assert proof(outcome).figures
