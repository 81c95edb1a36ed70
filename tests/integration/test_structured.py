"""Answers in a form: read, repaired once, bought once, and given up without harm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from marketeer.adapters.rehearsal import RehearsalModel
from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.goal import Goal
from marketeer.domain.usage import Tier
from marketeer.domain.work import WorkItem
from marketeer.engine.api_state import ApiState
from marketeer.engine.ledger import Ledger, Models
from marketeer.engine.structured import Question, Structured, Unusable, schema_of
from marketeer.ports import CallLost
from marketeer.runtime import Office
from marketeer.testing.model import Scripted, ScriptedModel
from proofs.till import a_request
from tests.integration.desk import an_office, response, submit


class Score(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    score: int = Field(ge=0, le=10)
    reason: str = Field(min_length=1, max_length=40)


GOOD = json.dumps({"score": 7, "reason": "clear"})
TOO_MUCH = json.dumps({"score": 11, "reason": "clear"})


def question(**changes: Any) -> Question[Score]:
    plain = Question(
        form=Score,
        system=(),
        user="How good is it?",
        tier=Tier.SONNET,
        max_output_tokens=500,
        timeout_s=10.0,
    )
    return replace(plain, **changes)


def stopped(reason: str, text: str = "") -> Scripted:
    return response(a_request("x", tier=Tier.SONNET), text, reason)


@dataclass(slots=True)
class Asker:
    """Asks about one goal's first step. Each `again` is a new claim, as after a crash."""

    office: Office
    goal: Goal
    model: ScriptedModel
    claim: int = 0

    async def ask(self, **changes: Any) -> Score | Unusable:
        self.claim += 1
        store, clock, team = self.office.store, self.office.clock, self.office.team
        ledger = Ledger(
            store,
            Models(real=self.model, rehearsal=RehearsalModel(clock)),
            clock,
            self.office.doorbell,
            api=ApiState(clock),
            owner="test",
            tracer=self.office.tracer,
        )
        item = await self.item()
        structured = Structured(store=store, ledger=ledger, team=team, clock=clock)
        return await structured.ask(question(**changes), goal=self.goal, item=replace(item, claim=self.claim))

    async def item(self) -> WorkItem:
        item = await self.office.store.work_item(f"{self.goal.token}.plan.1")
        assert item is not None
        return item

    async def bill(self) -> list[tuple[str, Decimal]]:
        calls = await self.office.store.calls(self.goal.goal_id)
        assert all(call.work_item_id == f"{self.goal.token}.plan.1" for call in calls)
        return [(call.kind.value, call.cost_usd) for call in calls]


@asynccontextmanager
async def an_asker(folder: Path, says: Sequence[Scripted], **values: Any) -> AsyncIterator[Asker]:
    model = ScriptedModel(says)
    async with an_office(folder, model) as office:
        yield Asker(office=office, goal=await submit(office, **values), model=model)


async def test_an_answer_in_the_form_is_one_call_booked_under_its_step(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [GOOD]) as asker:
        assert await asker.ask() == Score(score=7, reason="clear")
        assert [kind for kind, _ in await asker.bill()] == ["plan"]
        assert asker.model.requests[0].output_schema == schema_of(Score)


@pytest.mark.parametrize(
    "said",
    [
        f"Here it is:\n\n```json\n{GOOD}\n```\nAs you wished.",
        f"I think {{so}} it is {GOOD}, all in all {{}}.",
        f"\n\n{GOOD}\n",
    ],
)
async def test_a_server_that_knows_no_forms_may_wrap_the_object_in_words(tmp_path: Path, said: str) -> None:
    async with an_asker(tmp_path, [said]) as asker:
        assert await asker.ask() == Score(score=7, reason="clear")


async def test_one_repair_names_what_is_wrong_and_no_third_call_is_made(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [TOO_MUCH, GOOD]) as asker:
        assert await asker.ask() == Score(score=7, reason="clear")
        told = asker.model.requests[1].user
        assert TOO_MUCH in told
        assert "score: Input should be less than or equal to 10" in told
    async with an_asker(tmp_path / "again", [TOO_MUCH, TOO_MUCH]) as asker:
        found = await asker.ask()
        assert isinstance(found, Unusable)
        assert "less than or equal to 10" in found.reason
        assert len(await asker.bill()) == 2


async def test_what_the_caller_finds_wrong_is_repaired_like_a_broken_form(tmp_path: Path) -> None:
    def too_good(score: Score) -> list[str]:
        return ["nothing is worth 7"] if score.score == 7 else []

    better = json.dumps({"score": 6, "reason": "less"})
    async with an_asker(tmp_path, [GOOD, better]) as asker:
        assert await asker.ask(wrong_with=too_good) == Score(score=6, reason="less")
        assert "nothing is worth 7" in asker.model.requests[1].user


@pytest.mark.parametrize(
    "said",
    [
        "# A page\n\nNo form at all.",
        "",
        "[" * 100_000,
        '{"a":' * 50_000,
        '{"score": NaN, "reason": "x"}',
        '{"score": 7, "reason": "\\ud800"}',
        '{"score": ' + "9" * 5_000 + ', "reason": "x"}',
    ],
)
async def test_an_answer_without_an_object_is_asked_for_once_more_and_then_given_up(tmp_path: Path, said: str) -> None:
    async with an_asker(tmp_path, [said, GOOD]) as asker:
        assert await asker.ask() == Score(score=7, reason="clear")
        assert "no JSON object that can be read" in asker.model.requests[1].user
        assert len(await asker.bill()) == 2
    async with an_asker(tmp_path / "again", [said, said]) as asker:
        found = await asker.ask()
        assert isinstance(found, Unusable)
        assert "no JSON object" in found.reason
        assert len(await asker.bill()) == 2


async def test_what_a_model_declines_is_not_asked_for_again(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [stopped("refusal")]) as asker:
        found = await asker.ask()
        assert isinstance(found, Unusable)
        assert "declined" in found.reason
        assert len(await asker.bill()) == 1


async def test_an_answer_that_was_cut_is_asked_for_once_more_and_briefer(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [stopped("max_tokens", '{"score": 7, "rea'), GOOD]) as asker:
        assert await asker.ask() == Score(score=7, reason="clear")
        assert "briefer" in asker.model.requests[1].user


async def test_an_answer_that_was_recorded_is_never_bought_again(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [TOO_MUCH, GOOD]) as asker:
        first = await asker.ask()
        assert await asker.ask() == first
        assert len(await asker.bill()) == 2
    async with an_asker(tmp_path / "again", ["nothing of use", "nothing either"]) as asker:
        assert await asker.ask() == await asker.ask()
        assert len(await asker.bill()) == 2


async def test_a_step_taken_up_after_a_bad_first_answer_goes_on_with_the_repair(tmp_path: Path) -> None:
    away = ApiUnavailable("the API is away")
    async with an_asker(tmp_path, [TOO_MUCH, away, GOOD]) as asker:
        with pytest.raises(ApiUnavailable):
            await asker.ask()
        assert await asker.ask() == Score(score=7, reason="clear")
        assert len(await asker.bill()) == 2
        assert TOO_MUCH in asker.model.requests[2].user


async def test_calls_that_were_lost_count_so_that_no_third_is_made(tmp_path: Path) -> None:
    lost = CallLost("the connection broke")
    lost.__cause__ = ApiUnavailable("the connection broke")
    async with an_asker(tmp_path, [lost, lost]) as asker:
        for _ in range(2):
            with pytest.raises(ApiUnavailable):
                await asker.ask()
        assert await asker.ask() == Unusable(reason="each of its calls was lost")
        assert len(await asker.bill()) == 2


async def test_without_money_or_at_a_level_that_leaves_a_smaller_model_nothing_is_called(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [], budget_usd=Decimal("0.001")) as asker:
        found = await asker.ask()
        assert isinstance(found, Unusable)
        assert "budget" in found.reason
        assert not asker.model.requests


async def test_a_rehearsal_answers_what_it_is_given_and_nothing_otherwise(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [], rehearsal=True) as asker:
        assert await asker.ask(rehearsed=GOOD) == Score(score=7, reason="clear")
    async with an_asker(tmp_path / "again", [], rehearsal=True) as asker:
        assert isinstance(await asker.ask(), Unusable)
        assert not await asker.bill()


async def test_answers_are_no_files_of_the_workspace(tmp_path: Path) -> None:
    async with an_asker(tmp_path, [GOOD]) as asker:
        await asker.ask()
        path = f"goals/{asker.goal.goal_id}/answers/{asker.goal.token}.plan.1.1.json"
        assert await asker.office.store.document(path) is not None
        await asker.office.library.mirror_missing()
        assert not (asker.office.workspace.root / path).exists()
        assert path not in {found for found, _ in await asker.office.store.unmirrored()}


def test_a_schema_closes_its_objects_and_says_no_limits() -> None:
    schema = schema_of(Score)
    assert schema == {
        "type": "object",
        "properties": {"score": {"type": "integer"}, "reason": {"type": "string"}},
        "required": ["score", "reason"],
        "additionalProperties": False,
    }


def test_a_schema_counts_in_what_a_call_may_cost_at_most() -> None:
    request = a_request("x", tier=Tier.SONNET)
    asked = replace(request, output_schema=schema_of(Score))
    more = asked.worst_case().total_input_tokens - request.worst_case().total_input_tokens
    assert more == len(json.dumps(schema_of(Score)))
