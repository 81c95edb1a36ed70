"""`health`, `metrics` and the kill switch as users and monitors meet them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.degradation import Disk
from tests.e2e.conftest import Inside


def test_health_tells_each_part_and_the_level_and_ends_with_one_when_nothing_can_be_done(inside: Inside) -> None:
    without = inside("health", "--json")
    assert (without.code, without.document["level"]) == (1, "offline")
    inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    found = inside("health", "--json")
    parts = {part["component"]: part for part in found.document["components"]}
    assert set(parts) == {"store", "queue", "model API", "disk", "budget", "pipelines", "scheduler", "daemon"}
    assert all(part["reason"] for part in parts.values())
    assert parts["model API"]["state"] == "degraded"
    assert found.code == (1 if found.document["level"] in ("minimal", "offline") else 0)
    assert inside("health").out.startswith(f"Level {found.document['level']}: ")


def test_a_month_without_money_is_offline(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGET_MONTHLY", "0")
    inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    found = inside("health", "--json")
    assert (found.code, found.document["level"]) == (1, "offline")


def test_rehearsals_leave_no_trace_in_the_metrics(inside: Inside) -> None:
    assert "Nothing to count yet" in inside("metrics").out
    inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    assert "Nothing to count yet" in inside("metrics").out
    document = inside("metrics", "--json").document
    assert (document["calls"]["count"], document["cost_usd"], document["skills"]) == (0, 0, [])


def test_prometheus_reads_what_metrics_prints(inside: Inside) -> None:
    inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    families = {family.name for family in text_string_to_metric_families(inside("metrics", "--prometheus").out)}
    assert {"marketeer_goals", "marketeer_model_calls", "marketeer_step_wait_seconds"} <= families
    both = inside("metrics", "--prometheus", "--json")
    assert both.code == 2


def test_pause_all_is_seen_everywhere_until_unpause_all(inside: Inside) -> None:
    inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    assert inside("pause", "--all", "--why", "a look").code == 0
    assert "already" in inside("pause", "--all").out
    assert "EVERYTHING IS PAUSED" in inside("status").out
    assert inside("health", "--json").document["paused"]["why"] == "a look"
    started = inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    assert (started.code, "unpause --all" in started.err) == (4, True)
    again = inside("resume")
    assert (again.code, "unpause --all" in again.err) == (4, True)
    assert inside("unpause", "--all").code == 0
    assert inside("status", "--json").document["conditions"] == []
    assert inside("resume").code == 0


def test_a_goal_that_little_room_holds_back_is_told_why_and_how_it_goes_on(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nearly_full(_: FileWorkspace) -> Disk:
        return Disk(free=90 * 10**6, total=10**9)

    with monkeypatch.context() as machine:
        machine.setattr(FileWorkspace, "disk", nearly_full)
        for words in (
            ("start", "--rehearse", "--priority", "P3", "--pipeline", "Director Morning Review"),
            ("resume",),
            ("resume", "last"),
        ):
            held = inside(*words)
            assert held.code == 4, words
            assert "held for now: disk: nearly full: 90.0 of 1,000.0 MB free" in held.err
            assert "marketeer resume" in held.err
    assert inside("resume").code == 0


def test_pause_wants_a_goal_or_all_and_not_both(inside: Inside) -> None:
    inside("start", "--rehearse", "--pipeline", "Director Morning Review")
    for words in (("pause",), ("unpause",), ("pause", "last", "--all")):
        refused = inside(*words)
        assert (refused.code, "either a goal or --all" in refused.err) == (2, True)
