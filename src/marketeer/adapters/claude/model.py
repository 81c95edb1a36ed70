"""A call from its turn to its answer, and what every way of going wrong means for whoever asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from marketeer.adapters.claude.answer import Answer, Progress, events, usage_of
from marketeer.adapters.claude.client import DEFAULT_BASE_URL, aside, encodable, make_client, parameters
from marketeer.adapters.claude.retry_after import retry_after_s
from marketeer.adapters.claude.turns import AdaptiveLimit, Turns
from marketeer.domain.errors import ApiUnavailable, ConfigurationError, MarketeerError, PermanentError
from marketeer.ports import CallLost, Clock, ModelRequest, ModelResponse

if TYPE_CHECKING:  # at run time these are imported late, for the start-up's sake
    import anthropic

T = TypeVar("T")
MAX_MESSAGE_CHARS = 300
SPEND_LIMIT_PAUSE_S = 3600.0
SPEND_LIMIT_CODES = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)
# The status an error in mid-stream would have had, had it come in time.
STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# What only the user can put right.
_REMEDIES = {
    401: "the key in ANTHROPIC_API_KEY is refused by {host}: set a valid one, from the Claude Console",
    402: "the account behind ANTHROPIC_API_KEY cannot pay for calls: settle it in the Claude Console",
    403: "the key in ANTHROPIC_API_KEY may not use model {model!r}: set a key that may, or another model",
    404: "{host} does not know model {model!r}, or has retired it: set another with MARKETEER_MODEL_OPUS, _SONNET or "
    "_HAIKU or in team/models.toml, and check that ANTHROPIC_BASE_URL, where set, does not end in /v1",
}
# 4xx that say "later", not "never".
PASSING_STATUSES = frozenset({408, 409, 425, 429, 499})
# What the SDK raises when a 200 is not what the API would send: a web page, broken JSON, missing fields, odd order.
GARBLED = (ValueError, TypeError, AttributeError, LookupError, AssertionError, RuntimeError)


class ClaudeModel:
    """Implements `ports.ModelClient` over the Messages API, or a server that speaks the same.

    `base_url` None means Anthropic's own. At most `max_parallel` calls run at once, fewer after a rate limit; a call
    that waits for its turn longer than half of its `timeout_s` is given up unsent, so that none is sent which then
    would run out of time, paid for and lost. `masked` takes secrets out of what the other side says of errors.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        clock: Clock,
        max_parallel: int,
        masked: Callable[[str], str] = str,
    ) -> None:
        self._api_key = api_key.strip()
        self._base_url = (base_url or "").strip() or DEFAULT_BASE_URL
        self._clock = clock
        self._masked = masked
        self._limit = AdaptiveLimit(max_parallel)
        self._turns = Turns(self._limit)
        self._opening = asyncio.Lock()
        self._client: anthropic.AsyncAnthropic | None = None

    async def warm_up(self) -> None:
        """Import the SDK and make its client now, on a thread. Raises ConfigurationError, as `complete` would."""
        await self._open()

    async def answers(self) -> bool:
        """Asks for the list of models, which costs nothing. A server may not have it: any word of its own will do, but
        for one that says it cannot work."""
        import anthropic
        import httpx2

        client = await self._open()
        try:
            response = await client.get("/v1/models?limit=1", cast_to=httpx2.Response)
        except anthropic.APIStatusError as exc:
            return exc.status_code < 500 and exc.status_code != HTTPStatus.TOO_MANY_REQUESTS
        except (anthropic.AnthropicError, httpx2.HTTPError, *GARBLED):
            return False
        return response.status_code < 500

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        sent = False
        try:
            async with asyncio.timeout(request.timeout_s):
                client = await self._open()
                async with asyncio.timeout(request.timeout_s / 2):
                    await self._turns.enter()
                sent = True
                try:
                    return await self._call(client, request, on_text)
                finally:
                    self._turns.leave()
        except TimeoutError as exc:
            cause = self._timed_out(request, sent=sent)
            if sent:
                raise CallLost(str(cause)) from cause
            raise cause from exc

    async def _open(self) -> anthropic.AsyncAnthropic:
        async with self._opening:
            if self._client is None:
                self._client = await aside(partial(make_client, self._api_key, self._base_url))
            return self._client

    async def _call(
        self, client: anthropic.AsyncAnthropic, request: ModelRequest, on_text: Callable[[int], None] | None
    ) -> ModelResponse:
        import anthropic
        import httpx2

        try:
            response = await self._stream(client, request, Progress(self._clock, on_text))
        except (anthropic.AnthropicError, httpx2.HTTPError, *GARBLED) as exc:
            error, maybe_billed = self._judge(exc, request)
            if isinstance(error, ApiUnavailable) and error.rate_limited:
                self._limit.rate_limited()
            if maybe_billed:
                raise CallLost(str(error)) from error
            raise error from exc
        self._limit.succeeded()
        return response

    async def _stream(
        self, client: anthropic.AsyncAnthropic, request: ModelRequest, progress: Progress
    ) -> ModelResponse:
        began = self._clock.monotonic()
        answer = Answer()
        async with await client.messages.create(**parameters(request), stream=True) as stream:
            if stream.response.headers.get("content-type", "").startswith("application/json"):
                # A server that only resembles the API may know no streams.
                answer.take_whole(json.loads(await stream.response.aread()))
            async for event in events(stream.response):
                answer.take(event)
                progress.report(answer.chars)
        if not answer.ended:
            msg = "the stream ended before the answer did"
            raise _BrokenOff(msg)
        progress.report(answer.chars, last=True)
        return ModelResponse(
            text=self._keyless(encodable("".join(answer.texts))),
            stop_reason=self._keyless(answer.stop_reason),
            usage=usage_of(answer.usage),
            model=self._keyless(answer.model) or request.model.model_id,
            request_id=self._keyless(stream.response.headers.get("request-id")),
            latency_s=self._clock.monotonic() - began,
        )

    def _timed_out(self, request: ModelRequest, *, sent: bool) -> ApiUnavailable:
        if sent:
            msg = f"no complete answer from {request.model.model_id!r} within {request.timeout_s:g} s: try again later"
            return ApiUnavailable(msg)
        msg = f"call {request.call_id!r} had no turn in time, as {self._limit.current} at once are allowed: try later"
        return ApiUnavailable(msg, rate_limited=self._limit.is_lowered)

    def _judge(self, exc: Exception, request: ModelRequest) -> tuple[MarketeerError, bool]:
        """What went wrong in our words, and whether the call may have been billed all the same."""
        import anthropic
        import httpx2

        if isinstance(exc, anthropic.APIStatusError):
            in_stream = exc.status_code == HTTPStatus.OK
            status = STATUS_OF_TYPE.get(exc.type or "", 500) if in_stream else exc.status_code
            return self._refused(status, exc, request.model.model_id), in_stream
        if isinstance(exc, anthropic.APIConnectionError):
            # Nothing has come back: only a call that never left for want of a connection is surely not billed.
            unsent = isinstance(exc.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
            msg = f"cannot reach the model API at {self._host}: {self._said(exc.__cause__ or exc)}; check the network"
            return ApiUnavailable(msg), not unsent
        msg = f"the answer from {self._host} broke off or made no sense: {self._said(exc)}; try again later"
        return ApiUnavailable(msg), True

    def _refused(self, status: int, exc: anthropic.APIStatusError, model_id: str) -> MarketeerError:
        said = self._said(exc)
        if exc.type == "billing_error":
            status = 402
        if status in _REMEDIES:
            msg = f"{_REMEDIES[status].format(model=model_id, host=self._host)} (HTTP {status}: {said})"
            return ConfigurationError(msg)
        if status < 400:
            msg = f"{self._host} redirects elsewhere (HTTP {status}): set ANTHROPIC_BASE_URL to the final address"
            return ConfigurationError(msg)
        if status < 500 and status not in PASSING_STATUSES:
            return PermanentError(f"the model API rejects this request (HTTP {status}): {said}; change what is sent")
        if exc.error_code in SPEND_LIMIT_CODES:
            msg = f"the account's spend limit is reached: raise it in the Claude Console or wait ({said})"
            return ApiUnavailable(msg, retry_after_s=SPEND_LIMIT_PAUSE_S, rate_limited=True)
        return ApiUnavailable(
            f"the model API cannot take the call now (HTTP {status}): {said}; try again later",
            retry_after_s=retry_after_s(exc.response.headers, self._clock.now()),
            rate_limited=status == HTTPStatus.TOO_MANY_REQUESTS,
        )

    def _said(self, exc: BaseException) -> str:
        """The other side's words: one line, not too long, and without the key should they repeat it."""
        words = getattr(exc, "api_message", None) or str(exc) or type(exc).__name__
        line = " ".join(self._masked(self._keyless(str(words))).split())
        return line if len(line) <= MAX_MESSAGE_CHARS else line[: MAX_MESSAGE_CHARS - 1] + "…"

    def _keyless(self, said: T) -> T:
        """What the other side says is stored and shown, and a proxy may repeat what it was sent."""
        return said.replace(self._api_key, "[key]") if isinstance(said, str) else said  # type: ignore[return-value]

    @property
    def _host(self) -> str:
        return urlsplit(self._base_url).hostname or self._base_url


class _BrokenOff(RuntimeError):
    """The stream ended in order, but too early."""
