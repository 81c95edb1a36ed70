"""`schedules` as users meet it: what begins when, what became of each slot, and changing that without a daemon."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketeer.runtime import open_office
from marketeer.settings import load_settings
from marketeer.testing import FakeClock
from tests.e2e.conftest import Cli, Inside
from tests.e2e.harness import wait_until
from tests.support.passing import pass_time
from tests.support.waiting import LIMIT_S

DEFAULTS = [
    ("daily-social", "0 6 * * *", "Social Content", "P2"),
    ("daily-review", "0 9 * * *", "Director Morning Review", "P1"),
    ("weekly-content", "0 0 * * 1", "Content Production", "P2"),
    ("weekly-seo", "0 0 * * 3", "SEO Audit Cycle", "P2"),
    ("monthly-cro", "0 0 1 * *", "Conversion Sprint", "P1"),
    ("monthly-review", "0 0 15 * *", "Performance Review", "P1"),
]
HOURLY = ("schedules", "add", "hourly", "--cron", "0 * * * *", "--pipeline", "social")


@pytest.fixture
def made(inside: Inside) -> Inside:
    assert inside("init", "--example").code == 0
    return inside


def listed(inside: Inside) -> Mapping[str, Any]:
    return {each["id"]: each for each in inside("schedules", "--json").document["schedules"]}


async def days_of_scheduling(folder: Path, days: int) -> None:
    """A daemon's scheduler alone, over some days of a clock that runs ahead of ours."""
    clock = FakeClock(datetime.now(UTC) - timedelta(days=days))
    async with open_office(load_settings(workspace_dir=folder / "workspace"), clock=clock) as office:
        scheduler = office.scheduler(rehearsal=True, look_every_s=86_400)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await pass_time(clock, days * 86_400, scheduler)
            scheduler.stop()


# -- reading ---------------------------------------------------------------------------------------------------


def test_the_built_in_schedules_are_listed_with_their_next_slot_and_the_cost_of_a_month(made: Inside) -> None:
    told = made("schedules")
    assert (told.code, "no daemon runs" in told.out) == (0, True)
    assert re.search(r"Expected cost of the schedules: \$\d+\.\d\d a month of \$100\.00 \(\d+%\)\.", told.out)
    found = listed(made)
    assert [(e["id"], e["cron"], e["pipeline"], e["priority"]) for e in found.values()] == DEFAULTS
    for each in found.values():
        assert datetime.fromisoformat(each["next"]) > datetime.now(UTC)
        assert (each["why_not"], each["last"], each["source"]) == ("no daemon runs", None, "file")


def test_before_there_is_a_workspace_it_says_what_to_do_and_makes_none(inside: Inside) -> None:
    for words in (("schedules",), ("schedules", "disable", "daily-social"), HOURLY):
        refused = inside(*words)
        assert (refused.code, "marketeer init" in refused.complaint) == (2, True)
    assert not (inside.folder / "workspace").exists()


def test_the_slots_to_come_are_those_of_all_schedules_in_order(made: Inside) -> None:
    slots = made("schedules", "next", "--count", "200", "--json").document["slots"]
    assert len(slots) == 200
    assert [slot["slot"] for slot in slots] == sorted(slot["slot"] for slot in slots)
    assert {slot["schedule"] for slot in slots} == {schedule_id for schedule_id, *_ in DEFAULTS}
    assert len(made("schedules", "next", "weekly-seo", "--count", "2").out.splitlines()) == 2


def test_history_tells_what_became_of_each_slot_and_why(made: Inside) -> None:
    assert "No slot has come yet" in made("schedules", "history").out
    asyncio.run(days_of_scheduling(made.folder, 4))
    found = made("schedules", "history", "daily-social", "--json").document["firings"]
    assert [firing["outcome"] for firing in found] == ["skipped", "skipped", "skipped", "fired"]
    assert {firing["reason"] for firing in found[:3]} == {"still running"}
    goal = found[-1]["goal_id"]
    told = made("schedules", "history", "--count", "2").out
    assert f"skipped: still running ({goal} is still at work)" in told or "director-morning-review" in told
    assert listed(made)["daily-social"]["last"] == found[0]
    assert "schedule_skipped_again" in made("journal", "--all").out


# -- changing --------------------------------------------------------------------------------------------------


def test_a_schedule_is_added_disabled_enabled_and_removed_and_no_file_changes(made: Inside) -> None:
    before = sorted(path.read_bytes() for path in (made.folder / "workspace" / "team").rglob("*") if path.is_file())
    added = made(
        *HOURLY, "--zone", "Asia/Tokyo", "--missed", "all up to 3", "--overlap", "queue-one", "--json"
    ).document
    assert (added["pipeline"], added["priority"], added["source"]) == ("Social Content", "P2", "command")
    assert (added["zone"], added["missed"], added["overlap"]) == ("Asia/Tokyo", "all up to 3", "queue-one")
    assert "is disabled\n" in made("schedules", "disable", "hourly").out
    assert "is disabled already" in made("schedules", "disable", "hourly").out
    assert (listed(made)["hourly"]["next"], listed(made)["hourly"]["why_not"]) == (
        None,
        "disabled: the schedule is disabled",
    )
    assert "Nothing is to come" in made("schedules", "next", "hourly").out
    assert made("schedules", "enable", "hourly", "--json").document["changed"] is True
    assert made("schedules", "remove", "hourly").code == 0
    assert "comes back with" in made("schedules", "remove", "daily-social").out
    assert set(listed(made)) == {schedule_id for schedule_id, *_ in DEFAULTS} - {"daily-social"}
    assert made("schedules", "enable", "daily-social").code == 0
    assert "daily-social" in listed(made)
    after = sorted(path.read_bytes() for path in (made.folder / "workspace" / "team").rglob("*") if path.is_file())
    assert before == after


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "x", "--cron", "61 * * * *", "--pipeline", "social"), "'61 * * * *' cannot be read"),
        (("add", "x", "--cron", "0 0 30 2 *", "--pipeline", "social"), "0 0 30 2 *"),
        (("add", "X Y", "--cron", "1 * * * *", "--pipeline", "social"), "'X Y' is not valid"),
        (("add", "daily-social", "--cron", "1 * * * *", "--pipeline", "social"), "already"),
        (("add", "x", "--cron", "1 * * * *", "--pipeline", "soical"), "did you mean 'Social Content'"),
        (("add", "x", "--cron", "1 * * * *", "--pipeline", "social", "--zone", "Berlin"), "Europe/Berlin"),
        (("add", "x", "--cron", "1 * * * *", "--pipeline", "social", "--missed", "never"), "once within 6h"),
        (("add", "x", "--cron", "1 * * * *", "--pipeline", "social", "--overlap", "maybe"), "queue-one"),
        (("add", "x", "--cron", "1 * * * *", "--pipeline", "social", "--priority", "P9"), "P0, P1, P2, P3"),
        (("enable", "daily-socail"), "did you mean 'daily-social'"),
        (("remove", "nope"), "choose one of daily-social"),
        (("run", "nope", "--rehearse"), "no schedule 'nope'"),
        (("history", "nope"), "no schedule 'nope'"),
        (("next", "nope"), "no schedule 'nope'"),
        (("next", "--count", "0"), "--count"),
        (("lst",), "did you mean `marketeer schedules list`"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_with_the_remedy(made: Inside, words: tuple[str, ...], told: str) -> None:
    refused = made("schedules", *words)
    assert (refused.code, told in refused.complaint) == (2, True), refused.err
    assert set(listed(made)) == {schedule_id for schedule_id, *_ in DEFAULTS}


def test_run_begins_a_goal_at_once_and_takes_no_slot(made: Inside) -> None:
    document = made("schedules", "run", "daily-review", "--rehearse", "--json").document
    assert (document["pipeline"], document["priority"], document["rehearsal"]) == (
        "Director Morning Review",
        "P1",
        True,
    )
    assert made("resume").code == 0
    assert made("schedules", "history", "--json").document["firings"] == []
    assert "ANTHROPIC_API_KEY" in made("schedules", "run", "daily-review").complaint


def test_a_file_of_ones_own_changes_single_keys_and_a_mistake_is_named_with_its_line(made: Inside) -> None:
    made("schedules", "disable", "weekly-seo")
    file = made.folder / "workspace" / "team" / "schedules.yaml"
    file.write_text(
        "schedules:\n"
        '  - {id: daily-social, cron: "30 7 * * 1-5", zone: Europe/Berlin}\n'
        "  - {id: monthly-cro, enabled: false}\n"
        '  - {id: launch-watch, cron: "0 12 * * *", pipeline: launch, missed: skip}\n'
    )
    found = listed(made)
    social = found["daily-social"]
    assert (social["cron"], social["zone"], social["pipeline"]) == ("30 7 * * 1-5", "Europe/Berlin", "Social Content")
    assert (found["monthly-cro"]["enabled"], found["launch-watch"]["priority"]) == (False, "P0")
    for line, wrong in (
        ('  - {id: new, cron: "0 12 * * *"}', "has no pipeline"),
        ("  - {id: new, pipeline: launch}", "has no cron"),
        ('  - {id: new, cron: "0 12 * *", pipeline: launch}', "cannot be read"),
        ('  - {id: new, cron: "0 12 * * *", pipeline: lunch}', "no pipeline 'lunch'"),
        ("  - {id: daily-social, zone: Nowhere}", "no name of the IANA"),
        ("  - {id: daily-social, missed: twice}", "once within 6h"),
        ("  - {id: daily-social, crom: x}", "did you mean 'cron'"),
        ("  - {id: daily-social}\n  - {id: daily-social}", "is taken in this file"),
    ):
        file.write_text(f"schedules:\n{line}\n")
        refused = made("schedules")
        assert refused.code == 2
        assert re.search(r"team/schedules\.yaml:[23]: ", refused.complaint), refused.complaint
        assert wrong in refused.complaint
        part = {each["component"]: each for each in made("health", "--json").document["components"]}["scheduler"]
        assert (part["state"], wrong in part["reason"]) == ("degraded", True)


def test_a_kill_switch_shows_beside_every_next_slot(made: Inside) -> None:
    made("start", "--rehearse", "--pipeline", "Director Morning Review")
    made("pause", "--all")
    assert made("schedules").out.count("held: paused") == len(DEFAULTS)


# -- beside a daemon ---------------------------------------------------------------------------------------------


def test_a_daemon_answers_slots_and_hears_commands(cli: Cli) -> None:
    cli("init")
    words = ("--cron", "* * * * * *", "--pipeline", "social", "--overlap", "allow")
    assert cli("schedules", "add", "often", *words).code == 0

    def answers() -> Sequence[Any]:
        return cli("schedules", "history", "often", "--json").document["firings"]  # type: ignore[no-any-return]

    with cli.running_into(cli.folder / "log", "start", "--daemon", WEBHOOK_PORT="0"):
        wait_until(lambda: len(answers()) >= 2, seconds=LIMIT_S)
        assert cli("schedules", "disable", "often").code == 0
        wait_until(lambda: answers()[0]["reason"] == "disabled", seconds=LIMIT_S)
        parts = {each["component"]: each for each in cli("health", "--json").document["components"]}
        assert parts["scheduler"]["reason"] == "every slot is answered; 6 schedules enabled"
        assert listed_by(cli)["daily-social"]["why_not"] is None
    assert answers()[-1]["outcome"] == "fired"
    assert listed_by(cli)["daily-social"]["why_not"] == "no daemon runs"
    log = (cli.folder / "log").read_text()
    assert "from now on these begin by themselves" in log
    assert "a month of $100.00" in log


def listed_by(cli: Cli) -> Mapping[str, Any]:
    return {each["id"]: each for each in cli("schedules", "list", "--json").document["schedules"]}
