"""The fake Claude server: its protocol, its cache, its bill, its faults. The client here is the standard library's."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marketeer.adapters.team_files import load_team
from marketeer.domain.contract_check import check
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Verdict, verdict_of
from marketeer.engine.prompts import PromptParts, system_blocks, user_message
from marketeer.ports import Material, Team
from marketeer.testing.answers import Asked, material_of, plain_answer
from marketeer.testing.clock import FakeClock
from marketeer.testing.fake_cache import PromptCache
from marketeer.testing.fake_claude import FakeClaude, cost_usd
from marketeer.testing.fake_reply import Tokens
from marketeer.testing.faults import Fault, FaultKind, always, at_random, load_script, scripted

HELLO = {"model": "claude-opus-5-5", "max_tokens": 1_000, "messages": [{"role": "user", "content": "Hello"}]}
KEY = {"authorization": "Bearer any"}
LONG = "x" * 4 * 512  # just enough to be cached


class Client:
    """One connection, kept alive."""

    def __init__(self, server: FakeClaude) -> None:
        self._connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"), timeout=5)

    async def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] = KEY
    ) -> tuple[int, dict[str, str], str]:
        return await asyncio.to_thread(self._call, method, path, body, headers)

    async def ask(self, **changes: Any) -> tuple[int, Any]:
        status, _, text = await self.call("POST", "/v1/messages", {**HELLO, **changes})
        return status, json.loads(text)

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)

    def _call(self, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._connection.request(method, path, content if method == "POST" else None, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, text


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    lines = [event.split("\n") for event in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


async def test_a_plain_call_answers_with_a_message() -> None:
    async with FakeClaude(answer=plain_answer(4)) as server:
        client = Client(server)
        status, headers, text = await client.call("POST", "/v1/messages", HELLO)
        await client.close()
    message = json.loads(text)
    assert status == 200
    assert headers["request-id"] == "req_000001"
    assert headers["anthropic-ratelimit-requests-remaining"] == "3999"
    assert message["content"] == [{"type": "text", "text": "# Answer\n\nThe team wrote this.\n"}]
    assert (message["stop_reason"], message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (
        "end_turn",
        2,
        8,
    )


async def test_a_stream_has_the_documented_events_in_order() -> None:
    async with FakeClaude(answer=plain_answer(60), faults=always(Fault(kind=FaultKind.THINK))) as server:
        client = Client(server)
        _, headers, text = await client.call("POST", "/v1/messages", {**HELLO, "stream": True})
        await client.close()
    assert headers["content-type"].startswith("text/event-stream")
    names = [name for name, _ in events(text)]
    assert names[:4] == ["message_start", "content_block_start", "ping", "content_block_delta"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert all(data["type"] == name for name, data in events(text))
    kinds = [data["content_block"]["type"] for name, data in events(text) if name == "content_block_start"]
    assert kinds == ["thinking", "text"]
    start, delta = events(text)[0][1]["message"]["usage"], events(text)[-2][1]["usage"]
    assert start["input_tokens"] == delta["input_tokens"] == 2
    assert delta["output_tokens"] == server.bill[0]["output_tokens"]


async def test_one_connection_serves_many_calls() -> None:
    async with FakeClaude(answer=plain_answer(4)) as server:
        client = Client(server)
        for _ in range(3):
            assert (await client.ask())[0] == 200
            assert (await client.call("POST", "/v1/messages", {**HELLO, "stream": True}))[0] == 200
        await client.close()
    assert server.number == 6
    assert server.total_usd == sum(line["cost_usd"] for line in server.bill)


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"model": "claude-none"}, 404, "not_found_error"),
        ({"model": None}, 400, "invalid_request_error"),
        ({"max_tokens": 0}, 400, "invalid_request_error"),
        ({"max_tokens": 128_001}, 400, "invalid_request_error"),
        ({"messages": []}, 400, "invalid_request_error"),
        ({"messages": [{"role": "assistant", "content": "Sure:"}]}, 400, "invalid_request_error"),
        ({"messages": ["Hello"]}, 400, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": None}]}, 400, "invalid_request_error"),
        ({"temperature": 1}, 400, "invalid_request_error"),
        ({"system": ""}, 200, None),
        ({"system": [{"type": "text", "text": ""}]}, 400, "invalid_request_error"),
        (
            {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}] * 5},
            400,
            "invalid_request_error",
        ),
    ],
    ids=str,
)
async def test_requests_the_api_would_refuse_are_refused_and_not_billed(
    changes: dict[str, Any], status: int, kind: str | None
) -> None:
    async with FakeClaude(answer=plain_answer(4)) as server:
        client = Client(server)
        got, body = await client.ask(**changes)
        await client.close()
    assert (got, body.get("error", {}).get("type")) == (status, kind)
    assert len(server.bill) == (status == 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer right"}, 200),
        ({"x-api-key": "right"}, 200),
    ],
    ids=str,
)
async def test_only_the_right_key_is_let_in(headers: dict[str, str], status: int) -> None:
    async with FakeClaude(answer=plain_answer(4), api_key="right") as server:
        client = Client(server)
        assert (await client.call("POST", "/v1/messages", HELLO, headers))[0] == status
        assert (await client.call("GET", "/v1/models", None, headers))[0] == status
        await client.close()


async def test_models_are_listed_one_by_one_and_together() -> None:
    async with FakeClaude(models=["claude-opus-5-5", "claude-haiku-5-5"]) as server:
        client = Client(server)
        _, _, text = await client.call("GET", "/v1/models")
        assert [card["id"] for card in json.loads(text)["data"]] == ["claude-opus-5-5", "claude-haiku-5-5"]
        assert (await client.call("GET", "/v1/models/claude-haiku-5-5"))[0] == 200
        assert (await client.call("GET", "/v1/models/claude-sonnet-5-5"))[0] == 404
        assert (await client.call("GET", "/v1/elsewhere"))[0] == 404
        await client.close()


def test_a_model_without_a_price_cannot_be_served() -> None:
    with pytest.raises(ValueError, match="no price"):
        FakeClaude(models=["claude-unpriced"])


# -- answers --------------------------------------------------------------------------------------------------------


CONTEXT = "# Product Marketing Context: Acme\n\n## One-liner\n\nAcme sells rockets to coyotes.\n"
GOAL = "Double the signups\nby summer"


def prompt(team: Team, skill: str, **more: Any) -> PromptParts:
    parts = PromptParts(
        house_rules=team.house_rules(),
        context=CONTEXT,
        skill=team.skill(skill),
        references=(),
        learnings="",
        today="2026-05-04 (Monday), time zone UTC",
        brief=f"**Objective:** the goal quoted below\n\n**Goal, word for word:**\n\n{GOAL}\n",
    )
    return replace(parts, **more)


def test_the_material_of_a_prompt_can_be_read_back() -> None:
    team = load_team(None)
    parts = prompt(
        team,
        "copywriting",
        upstream={"outputs/strategy/content-strategy/T1.md": "# Plan\n\n# Skill: cold-email"},
        inputs={"inputs/notes.md": "Notes of 2020-01-01"},
        previous="# Old",
        feedback="Hero: too long; wanted: 70 characters",
    )
    asked = Asked(
        number=1,
        model="claude-opus-5-5",
        system=tuple(block.text for block in system_blocks(parts)),
        user=user_message(parts),
        max_tokens=9_000,
        stream=True,
        body={},
        headers={},
    )
    assert material_of(asked, team) == Material(
        skill=team.skill("copywriting"),
        goal=GOAL,
        brief=parts.brief.strip(),
        context=CONTEXT,
        upstream=parts.upstream,
        inputs=parts.inputs,
        registry=frozenset(team.skill_names()),
        task_id="fake",
        feedback=parts.feedback,
        today="2026-05-04",
    )


@pytest.mark.parametrize("skill", load_team(None).skill_names())
async def test_without_an_answer_of_its_own_the_server_writes_what_the_contract_asks_for(skill: str) -> None:
    team = load_team(None)
    parts = prompt(team, skill)
    async with FakeClaude() as server:
        client = Client(server)
        _, message = await client.ask(
            max_tokens=64_000,
            system=[{"type": "text", "text": block.text} for block in system_blocks(parts)],
            messages=[{"role": "user", "content": user_message(parts)}],
        )
        await client.close()
    text = message["content"][0]["text"]
    facts = facts_of(parse_context(CONTEXT), registry=frozenset(team.skill_names()), sources={})
    assert verdict_of(check(parts.skill.contract, text, facts).findings) is Verdict.APPROVE
    assert "Rehearsal:" not in text


async def test_a_prompt_that_names_no_skill_is_answered_with_plain_text() -> None:
    async with FakeClaude() as server:
        client = Client(server)
        _, message = await client.ask(system="# Skill: unheard-of")
        await client.close()
    assert message["content"][0]["text"].startswith("# Answer")


# -- cache and bill -------------------------------------------------------------------------------------------------


def count(cache: PromptCache, model: str, parts: list[tuple[str, str | None]]) -> Tokens:
    """Of a request whose answer begins at once."""
    prompt = cache.look(model, parts)
    cache.keep(prompt)
    return prompt.tokens


def test_a_prefix_is_written_then_read_until_it_expires() -> None:
    clock = FakeClock()
    cache = PromptCache(clock.monotonic)
    parts = [(LONG, "5m"), ("question", None)]
    assert count(cache, "m", parts) == Tokens(input=2, cache_write_5m=512)
    clock.advance(299)
    assert count(cache, "m", parts) == Tokens(input=2, cache_read=512)
    clock.advance(299)  # reading has kept it alive
    assert count(cache, "m", parts) == Tokens(input=2, cache_read=512)
    clock.advance(301)
    assert count(cache, "m", parts) == Tokens(input=2, cache_write_5m=512)


def test_an_hours_prefix_outlives_five_minutes_and_what_follows_is_written_for_its_own_time() -> None:
    clock = FakeClock()
    cache = PromptCache(clock.monotonic)
    parts = [(LONG, "1h"), (LONG, "5m"), ("q", None)]
    assert count(cache, "m", parts) == Tokens(input=1, cache_write_1h=512, cache_write_5m=512)
    clock.advance(1_000)
    assert count(cache, "m", parts) == Tokens(input=1, cache_read=512, cache_write_5m=512)
    assert count(cache, "m", parts) == Tokens(input=1, cache_read=1_024)


@pytest.mark.parametrize(
    "parts",
    [
        [(LONG[4:], "5m"), ("q", None)],
        [(LONG, None), ("q", None)],
    ],
    ids=["too short", "no breakpoint"],
)
def test_nothing_is_cached_silently(parts: list[tuple[str, str | None]]) -> None:
    cache = PromptCache(FakeClock().monotonic)
    for _ in range(2):
        tokens = count(cache, "m", parts)
        assert (tokens.cache_read, tokens.cache_write_5m) == (0, 0)


def test_requests_side_by_side_all_write_and_the_next_one_reads() -> None:
    cache = PromptCache(FakeClock().monotonic)
    parts: list[tuple[str, str | None]] = [(LONG, "5m"), ("q", None)]
    together = [cache.look("m", parts) for _ in range(3)]
    assert [prompt.tokens.cache_write_5m for prompt in together] == [512] * 3
    for prompt in together:
        cache.keep(prompt)
    assert cache.look("m", parts).tokens.cache_read == 512


def test_a_request_that_gets_no_answer_leaves_nothing_in_the_cache() -> None:
    cache = PromptCache(FakeClock().monotonic)
    cache.look("m", [(LONG, "5m"), ("q", None)])
    assert cache.look("m", [(LONG, "5m"), ("q", None)]).tokens.cache_read == 0


@pytest.mark.parametrize(
    ("model", "least"), [("claude-opus-5-5", 512), ("claude-sonnet-4-6", 1_024), ("claude-haiku-4-5", 4_096)]
)
def test_each_model_has_a_least_size_of_what_it_caches(model: str, least: int) -> None:
    cache = PromptCache(FakeClock().monotonic)
    assert count(cache, model, [("x" * 4 * (least - 1), "5m"), ("q", None)]).cache_write_5m == 0
    assert count(cache, model, [("x" * 4 * least, "5m"), ("q", None)]).cache_write_5m == least


def test_a_prefix_must_agree_in_every_byte_and_in_the_model() -> None:
    cache = PromptCache(FakeClock().monotonic)
    count(cache, "m", [(LONG, "5m")])
    assert count(cache, "m", [("y" + LONG[1:], "5m")]).cache_read == 0
    assert count(cache, "n", [(LONG, "5m")]).cache_read == 0
    assert count(cache, "m", [(LONG[:4], None), (LONG[4:], "5m")]).cache_read == 0


@pytest.mark.parametrize(
    ("prompt", "dollars"),
    [
        (Tokens(input=100_000, output=1_000), "0.010500"),
        (Tokens(input=100_001, output=1_000), "0.052501"),
        (Tokens(input=1, cache_read=100_000, output=1_000), "0.007501"),
        (Tokens(input=0, cache_write_5m=60_000, cache_write_1h=40_000, output=0), "0.015500"),
    ],
    ids=str,
)
def test_haiku_has_two_price_bands(prompt: Tokens, dollars: str) -> None:
    assert cost_usd("claude-haiku-5-5", prompt) == Decimal(dollars)


async def test_the_log_has_a_line_for_every_request_billed_or_not(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    faults = scripted({2: Fault(kind=FaultKind.STATUS, status=529)})
    async with FakeClaude(answer=plain_answer(4), faults=faults, log=log) as server:
        client = Client(server)
        for _ in range(3):
            await client.ask()
        await client.close()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [(line["number"], line["status"]) for line in lines] == [(1, 200), (2, 529), (3, 200)]
    assert [Decimal(line["cost_usd"]) for line in lines] == [server.total_usd / 2, 0, server.total_usd / 2]
    assert lines[0]["sha256"] == hashlib.sha256(json.dumps(HELLO).encode()).hexdigest()
    assert lines[0]["model"] == "claude-opus-5-5"


# -- faults ---------------------------------------------------------------------------------------------------------


async def test_a_broken_stream_is_billed_as_far_as_it_came() -> None:
    bills = []
    for after_events in (0, 1, 5, 99):
        fault = Fault(kind=FaultKind.CUT_SHORT, after_events=after_events)
        async with FakeClaude(answer=plain_answer(300), faults=always(fault)) as server:
            client = Client(server)
            await client.call("POST", "/v1/messages", {**HELLO, "stream": True})
            await client.close()
        bills.append(sum(line["output_tokens"] for line in server.bill))
    assert bills[:3] == [0, 1, 60]
    assert bills[3] > 300


async def test_an_error_carries_its_details_and_its_retry_after() -> None:
    fault = Fault(
        kind=FaultKind.STATUS, status=429, retry_after="12", error_code="enforced_spend_limit_reached", message="spent"
    )
    async with FakeClaude(faults=always(fault)) as server:
        client = Client(server)
        status, headers, text = await client.call("POST", "/v1/messages", HELLO)
        await client.close()
    assert (status, headers["retry-after"]) == (429, "12")
    assert json.loads(text)["error"] == {
        "type": "rate_limit_error",
        "message": "spent",
        "details": {"error_code": "enforced_spend_limit_reached"},
    }


def test_random_faults_depend_on_seed_and_number_alone() -> None:
    kinds = [Fault(kind=FaultKind.EMPTY), Fault(kind=FaultKind.REFUSE)]
    some = at_random(7, 0.3, kinds)
    first = [some(number) for number in range(1_000)]
    assert first == [some(number) for number in range(1_000)]
    assert 200 < sum(fault is not None for fault in first) < 400
    assert {fault.kind for fault in first if fault} == {FaultKind.EMPTY, FaultKind.REFUSE}
    assert first != [at_random(8, 0.3, kinds)(number) for number in range(1_000)]


def test_a_script_names_faults_by_number_and_at_random(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(
        json.dumps(
            {
                "by_number": {"2": {"kind": "status", "status": 429, "retry_after": "1"}},
                "random": {"seed": 1, "rate": 1.0, "faults": [{"kind": "empty"}]},
            }
        ),
        encoding="utf-8",
    )
    faults = load_script(path)
    assert faults(1) == Fault(kind=FaultKind.EMPTY)
    assert faults(2) == Fault(kind=FaultKind.STATUS, status=429, retry_after="1")


def test_a_script_with_an_unknown_kind_of_fault_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('{"by_number": {"1": {"kind": "odd"}}}', encoding="utf-8")
    with pytest.raises(ValueError, match="'odd' is not a valid FaultKind"):
        load_script(path)


async def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "marketeer.testing.fake_claude", "--port", "0", "--plain-words", "5", "--log", str(log)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("listening on http://127.0.0.1:")
        connection = http.client.HTTPConnection(line.split("//")[1].strip(), timeout=5)
        await asyncio.to_thread(connection.request, "POST", "/v1/messages", json.dumps(HELLO), KEY)
        assert (await asyncio.to_thread(connection.getresponse)).status == 200
        connection.close()
    finally:
        process.terminate()
        await process.wait()
    assert json.loads(log.read_text(encoding="utf-8"))["number"] == 1
