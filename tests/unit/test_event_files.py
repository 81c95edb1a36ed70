"""events.yaml: the built-in table, a workspace's own laid over it, and errors that say where and what to do."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from marketeer.adapters.team_files import BUILT_IN, FileTeam, load_team
from marketeer.adapters.team_files.event_files import FileEvents
from marketeer.cli.event_view import span
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.event import InternalType, read_event
from marketeer.domain.event_condition import AllOf, AnyOf, FieldCondition, Operator, in_words
from marketeer.domain.event_mapping import EventRules, wrong_mapping
from marketeer.domain.goal import Priority
from marketeer.testing import FakeClock

TEAM = load_team(None)
PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
LEAF = "{field: type, operator: exists, value: true}"


class Files:
    """A workspace's team folder, and what is read of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.team: FileTeam = TEAM
        self._path = folder / "events.yaml"
        self._events = FileEvents(folder, team=lambda: self.team, clock=self.clock)
        self._edits = 0

    def write(self, text: str) -> None:
        self._path.write_text(text, encoding="utf-8")
        self._edits += 1
        os.utime(self._path, ns=(self._edits, self._edits))

    async def rules(self) -> EventRules:
        self.clock.advance(2)
        return await self._events.rules()

    async def error(self, text: str) -> str:
        self.write(text)
        with pytest.raises(ConfigurationError) as caught:
            await self.rules()
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def test_the_built_in_table(files: Files) -> None:
    rules = await files.rules()
    rows = [
        (one.event, one.pipeline, one.priority.value, one.condition, one.cooldown / timedelta(minutes=1), one.key)
        for one in rules.mappings
    ]

    def drop(percent: int) -> FieldCondition:
        return FieldCondition(field="data.percentageDrop", operator=Operator.ABOVE, value=percent)

    assert rows == [
        ("traffic_drop", "SEO Cycle", "P1", drop(20), 60, None),
        ("conversion_drop", "Conversion Sprint", "P0", drop(10), 60, None),
        ("competitor_launch", "Competitive Response", "P1", None, 24 * 60, None),
        ("new_feature_shipped", "Page Launch", "P1", None, 5, None),
        ("new_blog_post", "Content Production", "P2", None, 5, None),
    ]
    assert list(rules.types) == [
        *("traffic_drop", "conversion_drop", "competitor_launch", "email_bounce_spike", "ab_test_significant"),
        *("new_feature_shipped", "new_blog_post"),
        *("budget_warning", "budget_critical", "agent_failure", "pipeline_blocked", "manual_goal"),
    ]
    assert set(InternalType) <= set(rules.types)
    assert [wrong_mapping(one) for one in rules.mappings] == [None] * 5


async def test_the_same_id_changes_what_it_names_and_keeps_the_rest(files: Files) -> None:
    before = {one.mapping_id: one for one in (await files.rules()).mappings}
    files.write("mappings: [{id: traffic-drop, cooldown: 2d}, {id: new-blog-post, enabled: false}]")
    after = {one.mapping_id: one for one in (await files.rules()).mappings}
    assert list(after) == list(before)
    assert after["traffic-drop"].cooldown == timedelta(days=2)
    assert after["traffic-drop"].goal == before["traffic-drop"].goal
    assert not after["new-blog-post"].enabled
    assert after["conversion-drop"] == before["conversion-drop"]
    assert after["traffic-drop"].origin == "team/events.yaml"


async def test_a_workspace_has_types_and_mappings_of_its_own(files: Files) -> None:
    files.write(
        """
types:
  - {name: trial_expired, means: "A trial ended."}
mappings:
  - id: trial-expired
    event: trial_expired
    pipeline: churn sprint
    priority: P2
    condition:
      all:
        - {field: data.plan, operator: in, value: [team, 3]}
        - any: [{field: data.days, operator: ">=", value: 14.5}, {field: source, operator: "==", value: billing}]
    cooldown: 90min
    key: data.plan
    include: [data.plan, data.days]
    goal: "Win back trials of {data.days} days."
"""
    )
    rules = await files.rules()
    assert rules.types["trial_expired"] == "A trial ended."
    (own,) = rules.of("trial_expired")
    assert (own.pipeline, own.priority) == ("Retention Sprint", Priority.P2)
    assert isinstance(own.condition, AllOf)
    assert isinstance(own.condition.parts[1], AnyOf)
    assert own.include == ("data.plan", "data.days")


async def test_a_mapping_without_a_goals_text_has_one(files: Files) -> None:
    files.write("mappings: [{id: mine, event: manual_goal, pipeline: SEO Cycle, priority: P3}]")
    (own,) = (await files.rules()).of("manual_goal")
    assert "manual_goal" in own.goal


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("mappings: [\n", 2, "correct the YAML"),
        ("mapping: []", 1, "did you mean 'mappings'?"),
        ("types:\n  - {name: Trial Expired}", 2, "rename it"),
        ("mappings:\n  - {id: x, event: trafic_drop, pipeline: SEO, priority: P1}", 2, "did you mean 'traffic_drop'?"),
        ("mappings:\n\n  - {id: x, event: traffic_drop, pipeline: SEA, priority: P1}", 3, "no pipeline 'SEA'"),
        ("mappings:\n  - {id: x, event: traffic_drop, pipeline: SEO}", 2, "priority is missing"),
        ("mappings:\n  - {id: x, priority: P1}", 2, "event is missing"),
        ("mappings:\n  - {id: X Y}", 2, "rename it"),
        ("mappings:\n  - {id: new-blog-post}\n  - {id: new-blog-post}", 3, "stands twice"),
        ("mappings:\n  - {id: traffic-drop, cooldown: 5 minutes}", 2, "such as 30s, 5min, 1h or 2d"),
        ("mappings:\n  - {id: traffic-drop, cooldown: 400d}", 2, "at most 366 days"),
        ("mappings:\n  - {id: traffic-drop, goal: 'Fell by {drop}'}", 2, "write {data.field}"),
        ("mappings:\n  - {id: traffic-drop, key: page}", 2, "did you mean 'data.page'?"),
        ("mappings:\n  - {id: traffic-drop, condition: {field: data.x, operator: '=>', value: 1}}", 2, "must be '>'"),
        ("mappings:\n  - {id: traffic-drop, condition: {field: data.x, operator: '>', value: '20'}}", 2, "a number"),
        ("mappings:\n  - {id: traffic-drop, condition: {field: data.x, operator: in, value: a}}", 2, "needs a list"),
        ("mappings:\n  - {id: traffic-drop, condition: {field: data.x, value: 1}}", 2, "operator is missing"),
        ("mappings:\n  - {id: traffic-drop, condition: {all: []}}", 2, "at least one"),
        ("mappings:\n  - {id: traffic-drop, condition: {}}", 2, "exactly one of them"),
        (f"mappings:\n  - {{id: traffic-drop, condition: {{any: [{LEAF}], value: 1}}}}", 2, "move them into an entry"),
        ("mappings:\n  - {id: traffic-drop, condition: {code: 'import os'}}", 2, "unknown key 'code'"),
    ],
)  # fmt: skip
async def test_an_error_names_file_line_and_remedy(files: Files, text: str, line: int, part: str) -> None:
    error = await files.error(text)
    assert error.startswith(f"team/events.yaml:{line}: ")
    assert part in error


async def test_conditions_have_bounds(files: Files) -> None:
    deep = LEAF
    for _ in range(5):
        deep = f"{{any: [{deep}]}}"
    wide = f"{{all: [{', '.join([LEAF] * 51)}]}}"
    for condition in (deep, wide):
        assert "make it simpler" in await files.error(f"mappings: [{{id: traffic-drop, condition: {condition}}}]")


async def test_a_file_is_read_again_when_it_changes_and_when_it_is_mended(files: Files) -> None:
    assert len((await files.rules()).mappings) == 5
    files.write("types: [{name: one}]")
    assert "one" in (await files.rules()).types
    await files.error("types: 3")
    files.write("types: [{name: two}]")
    assert {"one", "two"} & set((await files.rules()).types) == {"two"}


async def test_a_file_is_not_read_again_while_nothing_changes(files: Files) -> None:
    files.write("types: [{name: one}]")
    assert await files.rules() is await files.rules()


async def test_a_file_is_read_again_when_the_team_has_other_pipelines(files: Files, tmp_path: Path) -> None:
    assert "no pipeline 'My Plan'" in await files.error("mappings: [{id: traffic-drop, pipeline: My Plan}]")
    (tmp_path / "pipelines.yaml").write_text(
        "pipelines:\n  - name: My Plan\n    category: content\n    priority: P2\n"
        "    phases: [{name: Write, steps: [{skill: copywriting}]}]\n"
    )
    files.team = load_team(tmp_path)
    assert next(iter((await files.rules()).of("traffic_drop"))).pipeline == "My Plan"


# -- the page about them -----------------------------------------------------------------------------------------


async def test_the_pages_table_is_the_built_in_one(files: Files) -> None:
    told = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| [a-z]+_[a-z_]+ \|", line)]
    assert told == [
        [
            *(one.event, one.pipeline, one.priority.value),
            in_words(one.condition) if one.condition else "-",
            span(one.cooldown),
        ]
        for one in (await files.rules()).mappings
    ]
    assert {name for name in (await files.rules()).types if name not in PAGE} == set()
    assert {operator.value for operator in Operator if f"`{operator.value}`" not in PAGE} == set()


async def test_the_examples_of_page_and_file_can_be_used(files: Files) -> None:
    built_in = (BUILT_IN / "events.yaml").read_text()
    for example in (
        re.search(r"^ {4}types:\n.*?(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL),
        re.search(r"^# {3}types:\n.*?(?=^#\n)", built_in, re.MULTILINE | re.DOTALL),
    ):
        assert example is not None
        files.write(re.sub(r"^(#   |    )", "", example[0], flags=re.MULTILINE))
        assert "trial_expired" in (await files.rules()).types
        assert len((await files.rules()).mappings) == 6
    event = re.search(r"^ {4}\{\n.*?^ {4}\}", PAGE, re.MULTILINE | re.DOTALL)
    assert event is not None
    assert read_event(json.loads(event[0]), types=(await files.rules()).types).type == "traffic_drop"
