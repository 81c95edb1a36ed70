"""`marketeer events`: everything that came in, what became of it and why, and sending one by hand."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli, Inside
from tests.e2e.harness import wait_until
from tests.e2e.test_daemon import daemon


@pytest.fixture
def desk(inside: Inside) -> Inside:
    assert inside("init").code == 0
    return inside


def test_without_a_workspace_it_says_what_to_do_and_makes_nothing(inside: Inside) -> None:
    for words in ((), ("list",), ("send", "traffic_drop"), ("show", "x"), ("replay", "x"), ("mappings",)):
        refused = inside("events", *words)
        assert refused.code == 2, words
        assert "marketeer init" in refused.complaint
    assert list(inside.folder.iterdir()) == []


def test_a_new_workspace_has_no_events_and_says_where_the_mappings_are(desk: Inside) -> None:
    said = desk("events")
    assert (said.code, "marketeer events mappings" in said.out) == (0, True)
    assert desk("events", "list", "--json").document == {"events": []}


def test_an_event_sent_by_hand_is_kept_and_says_what_it_will_do_and_when(desk: Inside) -> None:
    sent = desk("events", "send", "traffic_drop", "--data", "percentageDrop=25", "--data", "page.url=/a", "--id", "one")
    assert sent.code == 0
    assert sent.out.splitlines() == [
        "event one is kept",
        "  starts a goal: SEO Cycle (P1)",
        "it takes effect when the daemon runs; now nobody does: marketeer start --daemon",
    ]
    (stored,) = desk("events", "--json").document["events"]
    assert stored["data"] == {"percentageDrop": 25, "page": {"url": "/a"}}
    assert (stored["id"], stored["source"], stored["status"], stored["number"]) == ("one", "cli", "received", 1)


def test_the_same_id_is_kept_once(desk: Inside) -> None:
    first = desk("events", "send", "new_blog_post", "--id", "one", "--json").document
    again = desk("events", "send", "new_blog_post", "--id", "one", "--json").document
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert again["effect"] == first["effect"] == ["starts a goal: Content Production (P2)"]
    other = desk("events", "send", "new_blog_post", "--id", "one", "--data", "url=/b")
    assert "was sent before, with other content: the first one counts" in other.out
    assert len(desk("events", "--json").document["events"]) == 1


def test_every_wrong_field_is_named_in_one_line(desk: Inside) -> None:
    refused = desk("events", "send", "trafic_drop", "--id= ", "--source", "marketeer", "--data", "x=1")
    assert refused.code == 2
    for part in ("id is ' '", "type is 'trafic_drop'; did you mean 'traffic_drop'?", "source must not be 'marketeer'"):
        assert part in refused.complaint
    assert desk("events", "--json").document == {"events": []}


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--data", "x"], "no NAME=VALUE"),
        (["--data", "=1"], "no NAME=VALUE"),
        (["--data", "a=1", "--data", "a.b=2"], "is a value already"),
        (["--json-data", "nowhere.json"], "cannot be read"),
        (["--json-data", "broken.json"], "is not JSON"),
        (["--json-data", "list.json"], "data is a list"),
        (["--json-data", "list.json", "--data", "a=1"], "no JSON object"),
        (["--json-data", "deep.json"], "nested"),
    ],
)
def test_data_that_is_none_is_refused(desk: Inside, options: list[str], part: str) -> None:
    Path("broken.json").write_text("{")
    Path("list.json").write_text("[1]")
    Path("deep.json").write_text("[" * 200_000)
    refused = desk("events", "send", "traffic_drop", *options)
    assert refused.code == 2
    assert part in refused.complaint


def test_values_are_what_they_look_like(desk: Inside) -> None:
    pairs = {"a": "1", "b": "1.5", "c": "true", "d": "25%", "e": "", "f": "nan", "g": "x=y"}
    desk("events", "send", "manual_goal", *(f"--data={name}={value}" for name, value in pairs.items()))
    (stored,) = desk("events", "--json").document["events"]
    assert stored["data"] == {"a": 1, "b": 1.5, "c": True, "d": "25%", "e": "", "f": "nan", "g": "x=y"}


def test_data_may_come_from_a_file_or_stdin(desk: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data.json").write_text('{"page": {"url": "/a"}}')
    assert desk("events", "send", "manual_goal", "--json-data", "data.json", "--data", "page.title=A").code == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"n": 1}')))
    assert desk("events", "send", "manual_goal", "--json-data", "-").code == 0
    assert [one["data"] for one in desk("events", "--json").document["events"]] == [
        {"n": 1},
        {"page": {"url": "/a", "title": "A"}},
    ]


def test_a_replay_is_a_new_event_that_names_the_old_one(desk: Inside) -> None:
    desk("events", "send", "traffic_drop", "--data", "percentageDrop=25", "--id", "one")
    new = desk("events", "replay", "one", "--json").document
    assert (new["duplicate"], new["id"] != "one") == (False, True)
    shown = desk("events", "show", new["id"], "--json").document
    assert (shown["replays"], shown["type"], shown["data"]) == ("one", "traffic_drop", {"percentageDrop": 25})
    assert "replays   one" in desk("events", "show", new["id"]).out
    assert desk("events", "replay", "nobody").code == 2


def test_events_are_listed_newest_first_and_by_type(desk: Inside) -> None:
    for number in range(22):
        desk("events", "send", "new_blog_post" if number % 2 else "manual_goal", "--id", f"e{number:02}")
    said = desk("events")
    assert len(said.out.splitlines()) == 21
    assert said.out.splitlines()[1].split()[4] == "e21"
    assert "marketeer events list --all" in said.err
    assert len(desk("events", "list", "--all", "--json").document["events"]) == 22
    assert len(desk("events", "list", "--type", "manual_goal", "--json").document["events"]) == 11
    assert "No events of type 'nothing' yet" in desk("events", "list", "--type", "nothing").out


def test_mappings_show_every_type_and_the_workspaces_own(desk: Inside) -> None:
    Path("workspace/team/events.yaml").write_text(
        "types: [{name: trial_expired}]\n"
        "mappings:\n"
        "  - {id: trial, event: trial_expired, pipeline: SEO, priority: P3, cooldown: 90min, key: data.plan}\n"
        "  - {id: traffic-drop, enabled: false}\n"
    )
    lines = desk("events", "mappings").out.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert "nothing (SEO Cycle is switched off)" in rows["traffic_drop"]
    assert "90 min for each plan" in rows["trial_expired"]
    assert "percentageDrop > 10" in rows["conversion_drop"]
    document = desk("events", "mappings", "--json").document
    assert len(document["types"]) == 13
    assert {one["id"] for one in document["mappings"]} >= {"trial", "traffic-drop"}
    Path("workspace/team/events.yaml").write_text("mappings: [{id: traffic-drop, cooldown: soon}]")
    for words in (("mappings",), ("send", "traffic_drop")):
        refused = desk("events", *words)
        assert (refused.code, "team/events.yaml:1: cooldown is 'soon'" in refused.complaint) == (2, True)


def test_a_daemon_that_is_running_takes_it_up_and_the_list_says_what_came_of_it(cli: Cli) -> None:
    with daemon(cli) as process:
        sent = cli("events", "send", "traffic_drop", "--data", "percentageDrop=25", "--id", "one")
        assert f"process {process.pid} takes it up within a second" in sent.out
        wait_until(lambda: cli("events", "show", "one", "--json").document["status"] == "decided")
        shown = cli("events", "show", "one", "--json").document
        (goal_id,) = shown["goals"]
        assert f"started goal {goal_id}: SEO Cycle (P1)" in cli("events", "show", "one").out
        assert json.loads(cli("show", goal_id, "--json").out)["pipeline"] == "SEO Cycle"
