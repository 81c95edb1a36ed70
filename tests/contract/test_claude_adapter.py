"""The Claude adapter against a fake server on a real socket: what it sends, what it counts, how each failure reads."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketeer.adapters.claude import AdaptiveLimit, ClaudeModel, retry_after_s, usage_of
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.errors import ApiUnavailable, ConfigurationError, MarketeerError, PermanentError
from marketeer.domain.usage import ModelSpec, Price, Usage
from marketeer.ports import CallLost, ModelRequest, PromptBlock
from marketeer.testing.answers import plain_answer
from marketeer.testing.clock import FakeClock
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.faults import Fault, FaultKind, Faults, always, scripted

KEY = "sk-test-0123456789"


def price(*rates: str) -> Price:
    names = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    return Price(**dict(zip(names, map(Decimal, rates), strict=True)))


def spec(model_id: str, *rates: str, **more: Any) -> ModelSpec:
    sizes: dict[str, Any] = {"context_tokens": 1_000_000, "max_output_tokens": 128_000, "min_cache_tokens": 512}
    return ModelSpec(model_id=model_id, price=price(*rates), **sizes, **more)


OPUS = spec("claude-opus-5-5", "4", "20", "5", "8", "0.2")
SONNET = spec("claude-sonnet-5-5", "2", "10", "2.5", "4", "0.1")
HAIKU = spec(
    "claude-haiku-5-5",
    "0.1",
    "0.5",
    "0.125",
    "0.2",
    "0.01",
    long_price=price("0.5", "2.5", "0.625", "1", "0.05"),
    long_prompt_tokens=100_000,
)


def request(user: str = "Write the page.", **changes: Any) -> ModelRequest:
    plain = ModelRequest(call_id="call-1", model=SONNET, system=(), user=user, max_output_tokens=4_000, timeout_s=10.0)
    return replace(plain, **changes)


@pytest.fixture
async def open_model() -> AsyncIterator[Callable[..., ClaudeModel]]:
    """Makes models and closes them again."""
    made: list[ClaudeModel] = []

    def make(base_url: str, *, api_key: str = KEY, max_parallel: int = 4) -> ClaudeModel:
        made.append(ClaudeModel(api_key=api_key, base_url=base_url, clock=FakeClock(), max_parallel=max_parallel))
        return made[-1]

    yield make
    for model in made:
        await model.aclose()


Open = Callable[..., ClaudeModel]


async def failure(open_model: Open, fault: Fault, **changes: Any) -> Exception:
    """What a call raises when the server does this."""
    async with FakeClaude(answer=plain_answer(200), faults=always(fault), api_key=KEY) as server:
        with pytest.raises((MarketeerError, CallLost)) as caught:
            await open_model(server.base_url).complete(request(**changes))
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return caught.value


def status(code: int, **more: Any) -> Fault:
    return Fault(kind=FaultKind.STATUS, status=code, **more)


# -- what comes back ------------------------------------------------------------------------------------------------


async def test_an_answer_comes_back_whole_with_its_usage_and_request_id(open_model: Open) -> None:
    async with FakeClaude(answer=lambda _: "# Ünïcode 🎯\n\n" + "word " * 500) as server:
        response = await open_model(server.base_url).complete(request())
    assert response.text == "# Ünïcode 🎯\n\n" + "word " * 500
    assert response.stop_reason == "end_turn"
    assert response.model == "claude-sonnet-5-5"
    assert response.request_id == "req_000001"
    line = server.bill[0]
    assert response.usage == Usage(input_tokens=line["input_tokens"], output_tokens=line["output_tokens"])


async def test_thinking_is_paid_for_but_is_no_part_of_the_text(open_model: Open) -> None:
    async with FakeClaude(answer=plain_answer(5), faults=always(Fault(kind=FaultKind.THINK))) as server:
        response = await open_model(server.base_url).complete(request())
    assert response.text.startswith("# Answer")
    assert response.usage is not None
    assert response.usage.output_tokens == server.bill[0]["output_tokens"] > len(response.text) / 4 + 10


@pytest.mark.parametrize(
    ("kind", "stop_reason"), [(FaultKind.REFUSE, "refusal"), (FaultKind.EMPTY, "end_turn")], ids=str
)
async def test_an_answer_without_text_is_a_response_with_its_bill(
    open_model: Open, kind: FaultKind, stop_reason: str
) -> None:
    async with FakeClaude(answer=plain_answer(5), faults=always(Fault(kind=kind))) as server:
        response = await open_model(server.base_url).complete(request())
    assert (response.text, response.stop_reason) == ("", stop_reason)
    assert response.usage is not None
    assert SONNET.cost_usd(response.usage) == server.total_usd > 0


async def test_an_answer_cut_by_the_output_limit_says_so(open_model: Open) -> None:
    async with FakeClaude(answer=plain_answer(1_000)) as server:
        response = await open_model(server.base_url).complete(request(max_output_tokens=100))
    assert response.stop_reason == "max_tokens"
    assert response.usage is not None
    assert response.usage.output_tokens == 100


async def test_a_server_that_reports_no_usage_leaves_it_unknown(open_model: Open) -> None:
    async with FakeClaude(answer=plain_answer(50), faults=always(Fault(kind=FaultKind.NO_USAGE))) as server:
        response = await open_model(server.base_url).complete(request())
    assert response.usage is None
    assert response.text.startswith("# Answer")


async def test_progress_is_told_sparingly_and_ends_with_the_whole(open_model: Open) -> None:
    heard: list[int] = []
    async with FakeClaude(answer=plain_answer(2_000)) as server:
        response = await open_model(server.base_url).complete(request(), heard.append)
    assert heard[0] == 0
    assert len(heard) == 3  # the fake clock stands still: the beginning, the first piece, the end
    assert heard[-1] == len(response.text)


# -- what is sent ---------------------------------------------------------------------------------------------------


async def test_the_prompt_travels_as_written_with_its_breakpoints_and_effort(open_model: Open) -> None:
    system = (PromptBlock(text="House rules", cache="1h"), PromptBlock(text="Skill", cache="5m"), PromptBlock(text=""))
    async with FakeClaude(answer=plain_answer(5)) as server:
        await open_model(server.base_url).complete(request(model=OPUS, system=system, effort="high"))
    body = server.requests[0].body
    assert body["system"] == [
        {"type": "text", "text": "House rules", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "Skill", "cache_control": {"type": "ephemeral"}},
    ]
    assert body["messages"] == [{"role": "user", "content": "Write the page."}]
    assert body["output_config"] == {"effort": "high"}
    assert (body["model"], body["max_tokens"], body["stream"]) == ("claude-opus-5-5", 4_000, True)


async def test_a_schema_travels_as_the_format_of_the_answer(open_model: Open) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    async with FakeClaude(answer=plain_answer(5)) as server:
        await open_model(server.base_url).complete(request(output_schema=schema))
        await open_model(server.base_url).complete(request(output_schema=schema, effort="low"))
    plain, with_effort = (call.body["output_config"] for call in server.requests)
    assert plain == {"format": {"type": "json_schema", "schema": schema}}
    assert with_effort == {"effort": "low", **plain}


async def test_text_that_utf8_cannot_hold_is_cleaned_on_the_way_in_and_out(open_model: Open) -> None:
    async with FakeClaude(answer=lambda _: "a\ud800b \ud83d\ude00") as server:
        response = await open_model(server.base_url).complete(
            request("x\udcffy", system=(PromptBlock(text="\ud83d!"),))
        )
    assert server.requests[0].user == "xy"
    assert server.requests[0].system == ("!",)
    assert response.text == "ab 😀"


async def test_only_our_settings_count_not_the_environment_of_the_sdk(
    open_model: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other-token")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "authorization: Bearer stolen\nX-Api-Key: stolen\nX-Extra: 1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with FakeClaude(answer=plain_answer(5), api_key=KEY) as server:
        await open_model(server.base_url).complete(request())
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert not {"x-api-key", "x-extra"} & headers.keys()


async def test_importing_the_adapter_does_not_import_the_sdk() -> None:
    code = "import sys, marketeer.adapters.claude; sys.exit('anthropic' in sys.modules or 'httpx2' in sys.modules)"
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("code", "up"), [(200, True), (404, True), (401, True), (405, True), (429, False), (500, False), (529, False)]
)
async def test_any_word_of_the_server_but_that_it_cannot_work_is_an_answer_to_the_free_question(
    code: int, up: bool
) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        body = b"{}"
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (code, len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        model = ClaudeModel(api_key="sk-ant-test-key", base_url=url, clock=SystemClock(), max_parallel=1)
        try:
            assert await model.answers() is up
        finally:
            await model.aclose()
    assert asked[0].startswith(b"GET /v1/models")
    gone = ClaudeModel(api_key="sk-ant-test-key", base_url=url, clock=SystemClock(), max_parallel=1)
    try:
        assert not await gone.answers()
    finally:
        await gone.aclose()


async def test_warming_up_makes_the_client_before_the_first_call_and_needs_no_server(open_model: Open) -> None:
    await open_model("http://127.0.0.1:9").warm_up()


# -- the bill -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [OPUS, SONNET, HAIKU], ids=lambda model: model.model_id)
async def test_costs_agree_with_the_servers_own_bill_when_prefixes_are_written_and_read(
    open_model: Open, model: ModelSpec
) -> None:
    rules = PromptBlock(text="Rule. " * 700, cache="1h")
    skills = [PromptBlock(text=f"Skill {name}. " * 500, cache="5m") for name in ("a", "b")]
    calls = [(rules, skills[0]), (rules, skills[0]), (rules, skills[1]), (PromptBlock(text="short", cache="5m"),)]
    costs = []
    async with FakeClaude(answer=plain_answer(123)) as server:
        client = open_model(server.base_url)
        for number, system in enumerate(calls):
            response = await client.complete(request(f"Task {number}", model=model, system=system))
            assert response.usage is not None
            costs.append(model.cost_usd(response.usage))
    assert costs == [line["cost_usd"] for line in server.bill]
    reads = [(line["cache_read_tokens"], line["cache_write_1h_tokens"]) for line in server.bill]
    assert reads[0][0] == 0 < reads[0][1]
    assert reads[1][0] > reads[2][0] > 0 == reads[1][1]
    assert reads[3] == (0, 0)  # too short to be cached


@pytest.mark.parametrize("chars", [399_996, 400_000, 400_001, 400_400], ids=str)
async def test_haiku_costs_agree_on_both_sides_of_the_long_prompt_step(open_model: Open, chars: int) -> None:
    system = (PromptBlock(text="x" * 4_000, cache="5m"),)
    async with FakeClaude(answer=plain_answer(777)) as server:
        client = open_model(server.base_url)
        for _ in range(2):
            response = await client.complete(request("y" * (chars - 4_000), model=HAIKU, system=system))
            assert response.usage is not None
            assert HAIKU.cost_usd(response.usage) == server.bill[-1]["cost_usd"]
    first = server.bill[0]
    assert (first["cost_usd"] > Decimal("0.04")) == (chars > 400_000)


def test_usage_without_a_breakdown_counts_cache_writes_as_five_minutes() -> None:
    reported = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_creation_input_tokens": 600,
        "cache_read_input_tokens": 7,
    }
    assert usage_of(reported) == Usage(input_tokens=10, output_tokens=5, cache_read_tokens=7, cache_write_5m_tokens=600)


@pytest.mark.parametrize(
    "reported",
    [{}, {"input_tokens": 0, "output_tokens": 0}, {"input_tokens": None}, {"output_tokens": "many"}],
    ids=str,
)
def test_usage_of_nothing_is_unknown_and_not_zero(reported: dict[str, object]) -> None:
    assert usage_of(reported) is None


# -- refusals before anything is billed -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 402, 403], ids=str)
async def test_a_refused_key_is_the_users_to_mend(open_model: Open, code: int) -> None:
    error = await failure(open_model, status(code, message=f"bad key {KEY}\nsecond line"))
    assert type(error) is ConfigurationError
    assert "ANTHROPIC_API_KEY" in str(error)


async def test_an_unknown_model_is_the_users_to_mend(open_model: Open) -> None:
    async with FakeClaude(models=["claude-opus-5-5"]) as server:
        with pytest.raises(ConfigurationError, match=r"'claude-sonnet-5-5'.*MARKETEER_MODEL_.*models\.toml"):
            await open_model(server.base_url).complete(request())


@pytest.mark.parametrize("code", [400, 413, 422], ids=str)
async def test_a_rejected_request_is_permanent_and_quotes_the_server_briefly(open_model: Open, code: int) -> None:
    error = await failure(open_model, status(code, message="prompt is too long\n" + "x" * 5_000))
    assert type(error) is PermanentError
    assert "prompt is too long" in str(error)
    assert len(str(error)) < 500


async def test_a_redirect_is_not_followed_but_told_to_the_user(open_model: Open) -> None:
    error = await failure(open_model, status(307))
    assert type(error) is ConfigurationError
    assert "ANTHROPIC_BASE_URL" in str(error)


@pytest.mark.parametrize("code", [408, 409, 500, 502, 503, 504, 529], ids=str)
async def test_a_server_in_trouble_is_unavailable(open_model: Open, code: int) -> None:
    error = await failure(open_model, status(code))
    assert isinstance(error, ApiUnavailable)
    assert (error.rate_limited, error.retry_after_s) == (False, None)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), (None, None), ("soon", None)], ids=str)
async def test_a_rate_limit_carries_the_servers_wish(
    open_model: Open, header: str | None, seconds: float | None
) -> None:
    error = await failure(open_model, status(429, retry_after=header))
    assert isinstance(error, ApiUnavailable)
    assert (error.rate_limited, error.retry_after_s) == (True, seconds)


async def test_a_spend_limit_pauses_for_an_hour_and_says_why(open_model: Open) -> None:
    error = await failure(open_model, status(429, error_code="enforced_spend_limit_reached"))
    assert isinstance(error, ApiUnavailable)
    assert (error.rate_limited, error.retry_after_s) == (True, 3600.0)
    assert "spend limit" in str(error)


def test_a_retry_date_is_read_as_seconds_from_now() -> None:
    now = FakeClock().now()
    later = (now + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after_s({"retry-after": later}, now) == 90.0
    assert retry_after_s({"retry-after-ms": "1500", "retry-after": "9"}, now) == 1.5
    assert retry_after_s({"retry-after": "-3"}, now) == 0.0
    assert retry_after_s({"retry-after": "nan"}, now) is None


async def test_a_refused_connection_is_unavailable(open_model: Open) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ApiUnavailable, match=r"cannot reach .* 127\.0\.0\.1"):
            await open_model(url).complete(request())


# -- calls that may have been billed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.STREAM_ERROR,
        FaultKind.DISCONNECT_BEFORE,
        FaultKind.DISCONNECT_AFTER,
        FaultKind.CUT_SHORT,
        FaultKind.BAD_JSON,
        FaultKind.HTML,
    ],
    ids=str,
)
@pytest.mark.parametrize("after_events", [0, 1, 4], ids=lambda count: f"after {count}")
async def test_an_answer_that_breaks_is_lost(open_model: Open, kind: FaultKind, after_events: int) -> None:
    error = await failure(open_model, Fault(kind=kind, after_events=after_events))
    assert isinstance(error, CallLost)
    assert isinstance(error.__cause__, ApiUnavailable)


async def test_an_overload_in_mid_stream_is_told_by_its_type(open_model: Open) -> None:
    error = await failure(open_model, Fault(kind=FaultKind.STREAM_ERROR, status=529, message="Overloaded"))
    assert isinstance(error, CallLost)
    assert isinstance(error.__cause__, ApiUnavailable)
    assert "(HTTP 529): Overloaded" in str(error)


async def test_a_rate_limit_in_mid_stream_is_known_as_one(open_model: Open) -> None:
    error = await failure(open_model, Fault(kind=FaultKind.STREAM_ERROR, status=429))
    assert isinstance(error.__cause__, ApiUnavailable)
    assert error.__cause__.rate_limited


@pytest.mark.parametrize(
    "fault",
    [Fault(kind=FaultKind.SLOW, delay_s=30.0), Fault(kind=FaultKind.SLOW, pause_s=0.05)],
    ids=["silent", "dripping"],
)
async def test_a_time_out_after_sending_is_lost(open_model: Open, fault: Fault) -> None:
    async with FakeClaude(answer=plain_answer(5_000), faults=always(fault)) as server:
        client = open_model(server.base_url)
        await client.warm_up()
        began = asyncio.get_running_loop().time()
        with pytest.raises(CallLost, match=r"within 0\.3 s") as caught:
            await client.complete(request(timeout_s=0.3))
        assert asyncio.get_running_loop().time() - began < 2.0
    assert isinstance(caught.value.__cause__, ApiUnavailable)


async def test_a_cancelled_call_ends_at_once_and_frees_its_place(open_model: Open) -> None:
    arrived = asyncio.Event()

    def slow_at_first(number: int) -> Fault | None:
        arrived.set()
        return Fault(kind=FaultKind.SLOW, delay_s=30.0) if number == 1 else None

    async with FakeClaude(answer=plain_answer(5), faults=slow_at_first) as server:
        client = open_model(server.base_url, max_parallel=1)
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(client.complete(request()))
            await arrived.wait()
            slow.cancel()
        assert (await client.complete(request())).stop_reason == "end_turn"


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "   ", "sk-a b", "sk-ä", "sk-1\n2"], ids=repr)
async def test_an_impossible_key_is_named_but_not_shown(open_model: Open, key: str) -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY") as caught:
        await open_model("http://127.0.0.1:9", api_key=key).complete(request())
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["api.example.com", "ftp://example.com", "http://", "http://[::1", "http://h:port"], ids=str
)
async def test_an_impossible_base_url_is_named(open_model: Open, url: str) -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_BASE_URL"):
        await open_model(url).warm_up()


def test_an_empty_base_url_means_the_default() -> None:
    for url in (None, "", "  "):
        model = ClaudeModel(api_key=KEY, base_url=url, clock=FakeClock(), max_parallel=1)
        assert model._base_url == "https://api.anthropic.com"


# -- how many at once -----------------------------------------------------------------------------------------------


async def test_no_more_calls_than_allowed_run_at_once(open_model: Open) -> None:
    async with FakeClaude(answer=plain_answer(5), latency_s=0.02) as server:
        client = open_model(server.base_url, max_parallel=2)
        await asyncio.gather(*(client.complete(request(str(number))) for number in range(6)))
    assert server.peak == 2


async def test_after_a_rate_limit_calls_go_one_at_a_time(open_model: Open) -> None:
    faults: Faults = scripted({1: status(429)})
    async with FakeClaude(answer=plain_answer(5), latency_s=0.02, faults=faults) as server:
        client = open_model(server.base_url, max_parallel=3)
        with pytest.raises(ApiUnavailable):
            await client.complete(request())
        server.peak = 0
        await asyncio.gather(*(client.complete(request()) for _ in range(2)))
        assert server.peak == 1
        await asyncio.gather(*(client.complete(request()) for _ in range(6)))
        assert server.peak == 3


async def test_a_call_that_gets_no_turn_is_given_up_unsent(open_model: Open) -> None:
    faults = scripted({1: Fault(kind=FaultKind.SLOW, delay_s=30.0)})
    async with FakeClaude(answer=plain_answer(5), faults=faults) as server:
        client = open_model(server.base_url, max_parallel=1)
        await client.warm_up()
        first = client.complete(request(timeout_s=0.5))
        second = client.complete(request(timeout_s=0.2))
        results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [CallLost, ApiUnavailable]
    assert server.number == 1


def test_the_limit_falls_to_one_and_grows_back_with_every_second_success() -> None:
    limit = AdaptiveLimit(3)
    seen = [limit.current]
    limit.rate_limited()
    for _ in range(6):
        seen.append(limit.current)
        limit.succeeded()
    assert seen == [3, 1, 1, 2, 2, 3, 3]
    assert not limit.is_lowered


def test_another_rate_limit_starts_the_counting_over() -> None:
    limit = AdaptiveLimit(2)
    limit.rate_limited()
    limit.succeeded()
    limit.rate_limited()
    limit.succeeded()
    assert limit.current == 1


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        AdaptiveLimit(0)
