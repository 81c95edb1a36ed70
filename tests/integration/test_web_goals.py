"""Goals over HTTP: the same checks, limits and documents as on the command line."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.domain.goal import GoalStatus, Priority
from marketeer.domain.work import WorkKind
from marketeer.engine.status_view import SHOWN_GOALS, status_document
from marketeer.engine.summary import goal_document
from tests.support.web import Site, a_site

GOAL = {"goal": "Increase signup conversion by 20%", "rehearse": True}


async def the_only_goal(site: Site) -> str:
    (goal,) = await site.office.store.goals(limit=10)
    return goal.goal_id


async def test_a_goal_is_stored_with_its_plan_owed_and_answered_with_its_document(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        asked = GOAL | {"priority": "P0", "budget": 2.5, "inputs": [{"name": "../notes.md", "text": "We sell tea."}]}
        answer = await site.post("/goals", asked)
        goal = await site.office.store.goal(await the_only_goal(site))
        assert answer.status == 201
        assert answer.headers["location"] == f"/goals/{goal.goal_id}"
        assert (answer.document["goal_id"], answer.document["status"]) == (goal.goal_id, "planning")
        assert (goal.priority, goal.budget_usd, goal.status) == (Priority.P0, Decimal("2.5"), GoalStatus.PLANNING)
        assert goal.inputs == ("rehearsal/inputs/notes.md@1",)
        snapshot = await site.office.store.snapshot(goal.goal_id)
        assert [item.kind for item in snapshot.items] == [WorkKind.PLAN]


async def test_goals_are_read_as_the_command_line_prints_them(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await site.post("/goals", GOAL)
        goal_id = await the_only_goal(site)
        store, clock = site.office.store, site.office.clock
        one, many = await site.get(f"/goals/{goal_id}"), await site.get("/goals")
        told = await goal_document(store, goal_id, clock)
        assert one.document | {"duration_s": 0} == told | {"duration_s": 0}
        budget_usd = site.office.settings.budget_monthly
        assert many.document == await status_document(
            store, clock, limit=SHOWN_GOALS, budget_usd=budget_usd, worker=None
        )
        assert (await site.get("/goals/no-such-goal")).status == 404


async def test_every_wrong_field_of_a_goal_is_named_and_nothing_is_stored(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        odd = {"goal": 5, "rehearse": "yes", "colour": "red", "priority": "P9", "category": "x", "budget": -1}
        answer = await site.post("/goals", odd)
        assert answer.status == 400
        assert {wrong["field"] for wrong in answer.document["fields"]} == set(odd)
        empty = {"goal": " ", "pipeline": "Nothing", "rehearse": True, "inputs": [{"name": "a", "text": "\u2003\x1c"}]}
        answer = await site.post("/goals", empty)
        assert answer.status == 400
        assert {wrong["field"] for wrong in answer.document["fields"]} == {"goal", "pipeline", "inputs.0.text"}
        assert await site.office.store.goals(limit=10) == []


@pytest.mark.parametrize("body", [b"[]", b"null", b'"goal"', b"{}", b'{"goal": null}'])
async def test_what_is_no_goal_is_refused(tmp_path: Path, body: bytes) -> None:
    async with a_site(tmp_path) as site:
        assert (await site.post("/goals", body)).status == 400


async def test_a_real_goal_without_a_key_is_refused_naming_the_variable(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        answer = await site.post("/goals", GOAL | {"rehearse": False})
        assert (answer.status, "ANTHROPIC_API_KEY" in answer.document["error"]) == (409, True)


async def test_one_idempotency_key_makes_one_goal_however_often_and_at_once_it_comes(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        posts = [site.post("/goals", GOAL, headers={"Idempotency-Key": "monday"}) for _ in range(10)]
        answers = await asyncio.gather(*posts)
        assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
        assert {answer.document["goal_id"] for answer in answers} == {await the_only_goal(site)}
        other = await site.post("/goals", GOAL | {"goal": "Something else"}, headers={"Idempotency-Key": "monday"})
        assert other.status == 409
        assert (await site.post("/goals", GOAL, headers={"Idempotency-Key": "k" * 201})).status == 400
        assert (await site.post("/goals", GOAL, headers={"Idempotency-Key": "tuesday"})).status == 201
