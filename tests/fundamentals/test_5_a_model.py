"""Chapter 5: a model is one method behind a port. The rehearsal is a whole one: offline, free, the same every time."""

from __future__ import annotations

from functools import cache

from marketeer.adapters.rehearsal import RehearsalModel
from marketeer.adapters.team_files import FileTeam, load_team
from marketeer.domain.usage import Usage
from marketeer.ports import Material, ModelClient, ModelRequest, PromptBlock
from marketeer.testing import FakeClock, ScriptedModel


@cache
def team() -> FileTeam:
    return load_team(None)


def request() -> ModelRequest:
    """One call. `material` is for a model that writes from facts; Claude is sent only `system` and `user`."""
    skill = team().skill("copywriting")
    return ModelRequest(
        call_id="abcdefgh-01-copywriting.execute.1.1.1",
        model=team().model(skill.info.tier),
        system=(PromptBlock(text=f"{team().house_rules()}\n\n{skill.body}", cache="5m"),),
        user="Write the landing page.",
        max_output_tokens=8_000,
        timeout_s=300,
        material=Material(
            skill=skill,
            goal="Write the landing page",
            brief="Write the landing page.",
            context="",
            upstream={},
            inputs={},
            registry=frozenset(team().skill_names()),
            task_id="abcdefgh-01-copywriting",
            feedback=None,
            today="2026-11-22",
        ),
    )


async def test_a_rehearsal_writes_the_skills_document_and_says_what_it_is() -> None:
    response = await RehearsalModel(FakeClock()).complete(request())

    assert response.stop_reason == "end_turn"
    assert "Rehearsal" in response.text
    assert response.text.index("## Summary") < response.text.index("## Handoff")


async def test_the_same_request_gets_the_same_answer() -> None:
    first, second = [await RehearsalModel(FakeClock()).complete(request()) for _ in range(2)]

    assert first.text == second.text


async def test_tokens_have_a_price_and_a_bill_is_exact() -> None:
    """Usage comes with the answer, prices with the model: nobody estimates what was spent."""
    response = await RehearsalModel(FakeClock()).complete(request())
    assert response.usage is not None

    model = request().model
    cost = model.cost_usd(response.usage)

    assert cost == model.price.cost_usd(response.usage) > 0
    assert cost < model.worst_case_usd(Usage(input_tokens=20_000, output_tokens=8_000))


async def test_another_model_takes_its_place_without_anybody_noticing() -> None:
    """Tests script what a model says. Code that works with one ModelClient works with all of them."""
    scripted = ScriptedModel(["# A page\n"])
    model: ModelClient = scripted

    response = await model.complete(request())

    assert response.text == "# A page\n"
    assert [asked.call_id for asked in scripted.requests] == ["abcdefgh-01-copywriting.execute.1.1.1"]
