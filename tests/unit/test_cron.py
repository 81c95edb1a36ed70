"""Which instants a cron expression means: the same ones wherever one begins to look, also when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.cron import cron_fault, next_slot, slots, slots_a_month, zone_fault

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")
# Of the kind that follows the clock on the wall, and of the kind that follows elapsed time.
TIMES = (
    "0 6 * * *",
    "30 2 * * *",
    "0 0 * * 1",
    "15 1,2,3 * * *",
    "0 0 1 * *",
    "45 1 * * 0",
    "0 0 L * *",
    "5 0-4 * * *",
)
STEPS = ("*/15 * * * *", "* 2 * * *", "0 * * * *", "30 * * * *", "*/20 * * * * *")

moments = st.datetimes(datetime(2025, 12, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
zones = st.sampled_from(ZONES)
crons = st.sampled_from((*TIMES, *STEPS))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@given(crons, zones, moments)
def test_slots_rise_lie_behind_the_beginning_and_not_behind_the_end(cron: str, zone: str, after: datetime) -> None:
    until = after + timedelta(days=3)
    found = list(islice(slots(cron, zone, after, until), 1_000))
    assert all(earlier < later for earlier, later in pairwise([after, *found]))
    assert all(slot <= until for slot in found)


@given(crons, zones, moments, st.integers(1, 40))
def test_it_does_not_matter_at_which_slot_one_begins_to_look(
    cron: str, zone: str, after: datetime, number: int
) -> None:
    in_one_go = list(islice(slots(cron, zone, after), number))
    step_by_step, last = [], after
    for _ in in_one_go:
        last = next_slot(cron, zone, last) or pytest.fail("there are more")
        step_by_step.append(last)
    assert step_by_step == in_one_go


@given(st.sampled_from(TIMES), zones, moments, moments)
def test_nor_at_which_moment_between_two_slots(cron: str, zone: str, after: datetime, later: datetime) -> None:
    after, later = sorted((after, later))
    if later - after < timedelta(days=100):
        whole = list(slots(cron, zone, after, later + timedelta(days=60)))
        rest = list(slots(cron, zone, later, later + timedelta(days=60)))
        assert [slot for slot in whole if slot > later] == rest


@given(crons, zones, moments)
def test_they_are_those_of_cronsim(cron: str, zone: str, after: datetime) -> None:
    theirs = [local.astimezone(UTC) for local in islice(CronSim(cron, after.astimezone(ZoneInfo(zone))), 50)]
    assert list(islice(slots(cron, zone, after), 40)) == [slot for slot in theirs if slot > after][:40]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00. What is skipped comes at once.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00+00:00", ["2026-03-29T01:00+00:00", "2026-03-30T00:30+00:00"]),
        # 25 October 2026: 03:00 becomes 02:00. The first 02:30 counts.
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00+00:00", ["2026-10-25T00:30+00:00", "2026-10-26T01:30+00:00"]),
        # Within the hour that comes twice, its first half hour over: not again.
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T01:10+00:00", ["2026-10-26T01:30+00:00"]),
        # Elapsed time is not skipped and not left out.
        ("Europe/Berlin", "30 * * * *", "2026-10-24T23:40+00:00", ["2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00"]),
        ("Europe/Berlin", "*/30 2 * * *", "2026-03-28T12:00+00:00", ["2026-03-30T00:00+00:00"]),
        # Lord Howe moves by half an hour: on 5 April 2026 02:00 becomes 01:30, on 4 October 02:00 becomes 02:30.
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00+00:00", ["2026-04-04T14:45+00:00"]),
        ("Australia/Lord_Howe", "10 2 * * *", "2026-10-03T12:00+00:00", ["2026-10-03T15:30+00:00"]),
        ("America/New_York", "0 6 * * *", "2026-03-07T12:00+00:00", ["2026-03-08T10:00+00:00"]),
    ],
)
def test_clocks_that_change(zone: str, cron: str, after: str, expected: list[str]) -> None:
    assert [
        slot.isoformat(timespec="minutes") for slot in islice(slots(cron, zone, at(after)), len(expected))
    ] == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_schedule_has_one_slot_on_every_day_of_the_wall(zone: str) -> None:
    for cron in ("30 2 * * *", "45 1 * * *", "0 0 * * *"):
        found = slots(cron, zone, at("2026-01-01T00:00+00:00"), at("2028-01-01T00:00+00:00"))
        days = [slot.astimezone(ZoneInfo(zone)).date() for slot in found]
        assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))
        assert len(days) in (729, 730, 731)


@pytest.mark.parametrize(
    ("cron", "times"), [("0 6 * * *", 30.4), ("0 0 * * 1", 4.35), ("0 0 15 * *", 1.0), ("* * * * * *", 2_628_000)]
)
def test_how_often_an_expression_comes_in_a_month(cron: str, times: float) -> None:
    assert slots_a_month(cron, "Europe/Berlin", at("2026-11-22T12:00+00:00")) == pytest.approx(times, rel=0.01)


@pytest.mark.parametrize("cron", ["", "nonsense", "0 25 * * *", "* * * *", "0 0 30 2 *", "0 6 * * * * *"])
def test_what_cannot_be_read_is_said_with_the_expression_and_an_example(cron: str) -> None:
    fault = cron_fault(cron) or ""
    assert repr(cron) in fault
    assert "0 6 * * *" in fault


def test_a_day_that_never_comes_is_told_apart() -> None:
    assert "never comes" in (cron_fault("* * */20 * 1L") or "")
    assert cron_fault("0 0 29 2 *") is None


def test_zones_are_names_of_the_iana_database() -> None:
    assert zone_fault("Europe/Berlin") is None
    for zone in ("Berlin", "../etc/passwd", "", "CEST+2"):
        assert repr(zone) in (zone_fault(zone) or "")
