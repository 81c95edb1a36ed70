"""Servers that only resemble the API, as local ones do: a goal completes against each, and its books are right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.adapters.claude import ClaudeModel
from marketeer.domain.usage import Usage
from marketeer.ports import CallLost
from marketeer.testing.answers import plain_answer
from marketeer.testing.clock import FakeClock
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.fake_reply import Plain
from marketeer.testing.faults import Fault, FaultKind, always
from tests.contract.test_claude_adapter import KEY, request
from tests.e2e.harness import Ledger, assert_nothing_lost_or_doubled, fake_claude, run

PIPELINE = "Social Content"


@pytest.mark.parametrize("plain", [Plain.STREAM, Plain.UNSTOPPED, Plain.WHOLE])
def test_a_goal_completes_against_a_plain_server_and_costs_what_the_server_counted(
    tmp_path: Path, plain: Plain
) -> None:
    with fake_claude(tmp_path, "--plain", plain.value) as server:
        result = run("start", "--pipeline", PIPELINE, cwd=tmp_path, env=server.environment())
        assert result.returncode == 0, result.stderr
        ledger = assert_nothing_lost_or_doubled(tmp_path / "workspace")
        billed = sum(Decimal(line["cost_usd"]) for line in server.requests)
    assert ledger.estimated == []
    assert sum(call["cost_microusd"] for call in ledger.calls) == billed * 1_000_000
    assert {call["request_id"] for call in ledger.calls} == {None}


def test_a_goal_completes_against_a_server_without_usage_and_is_booked_at_its_most(tmp_path: Path) -> None:
    with fake_claude(tmp_path, "--plain", "bare") as server:
        result = run("start", "--pipeline", PIPELINE, cwd=tmp_path, env=server.environment())
        assert result.returncode == 0, result.stderr
        asked = len(server.requests)
    ledger = Ledger(tmp_path / "workspace")
    assert {task["status"] for task in ledger.tasks} == {"approved"}
    assert len(ledger.estimated) == len(ledger.calls) == asked
    assert all(call["cost_microusd"] > 0 for call in ledger.calls)


@pytest.fixture
async def model_of() -> AsyncIterator[list[ClaudeModel]]:
    made: list[ClaudeModel] = []
    yield made
    for model in made:
        await model.aclose()


def open_model(made: list[ClaudeModel], server: FakeClaude) -> ClaudeModel:
    made.append(ClaudeModel(api_key=KEY, base_url=server.base_url, clock=FakeClock(), max_parallel=2))
    return made[-1]


@pytest.mark.parametrize("plain", Plain)
async def test_a_plain_answer_is_read_whole_with_what_it_reports(model_of: list[ClaudeModel], plain: Plain) -> None:
    told: list[int] = []
    async with FakeClaude(answer=plain_answer(80), plain=plain) as server:
        answer = await open_model(model_of, server).complete(request(), told.append)
        (line,) = server.bill
    assert len(answer.text.split()[2:]) == 80
    assert (answer.stop_reason, answer.model, answer.request_id) == ("end_turn", "claude-sonnet-5-5", None)
    assert told[-1] == len(answer.text)
    counted = Usage(input_tokens=line["input_tokens"], output_tokens=line["output_tokens"])
    assert answer.usage == (None if plain is Plain.BARE else counted)


@pytest.mark.parametrize("plain", Plain)
async def test_a_limit_that_cuts_a_plain_answer_is_seen(model_of: list[ClaudeModel], plain: Plain) -> None:
    async with FakeClaude(answer=plain_answer(80), plain=plain) as server:
        answer = await open_model(model_of, server).complete(replace(request(), max_output_tokens=10))
    assert answer.stop_reason == "max_tokens"


@pytest.mark.parametrize("plain", [Plain.STREAM, Plain.UNSTOPPED, Plain.WHOLE])
@pytest.mark.parametrize("kind", [FaultKind.CUT_SHORT, FaultKind.DISCONNECT_AFTER])
async def test_a_plain_answer_that_breaks_off_is_lost_and_never_taken_for_a_whole_one(
    model_of: list[ClaudeModel], plain: Plain, kind: FaultKind
) -> None:
    fault = Fault(kind=kind, after_events=3)
    async with FakeClaude(answer=plain_answer(80), plain=plain, faults=always(fault)) as server:
        with pytest.raises(CallLost):
            await open_model(model_of, server).complete(request())
