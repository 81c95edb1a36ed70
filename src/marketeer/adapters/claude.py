"""Claude behind the ModelClient port: the one file that knows the anthropic SDK.

The SDK takes seconds to import, so only functions import it, and `warm_up` does it on a thread ahead of the first call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from marketeer.domain.errors import ApiUnavailable, ConfigurationError, MarketeerError, PermanentError
from marketeer.domain.usage import Usage
from marketeer.ports import CallLost, Clock, ModelRequest, ModelResponse, PromptBlock

if TYPE_CHECKING:  # at run time these are imported late, for the start-up's sake
    import anthropic
    import httpx2

T = TypeVar("T")
DEFAULT_BASE_URL = "https://api.anthropic.com"
API_VERSION = "2023-06-01"
CONNECT_TIMEOUT_S = 10.0
MAX_MESSAGE_CHARS = 300
PROGRESS_EVERY_S = 0.1
SUCCESSES_TO_GROW = 2
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
OUR_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "traceparent",
        "tracestate",
        "user-agent",
    }
)


class AdaptiveLimit:
    """How many calls may run at once: one after a rate limit, then one more for every two that succeed."""

    def __init__(self, maximum: int) -> None:
        if maximum < 1:
            msg = f"at least 1 call must be allowed at once, not {maximum!r}: raise the limit on parallel calls"
            raise ConfigurationError(msg)
        self._maximum = maximum
        self._current = maximum
        self._successes = 0

    @property
    def current(self) -> int:
        return self._current

    @property
    def is_lowered(self) -> bool:
        return self._current < self._maximum

    def rate_limited(self) -> None:
        self._current = 1
        self._successes = 0

    def succeeded(self) -> None:
        if not self.is_lowered:
            return
        self._successes += 1
        if self._successes == SUCCESSES_TO_GROW:
            self._successes = 0
            self._current += 1


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
        self._turns = _Turns(self._limit)
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
                self._client = await _aside(partial(_make_client, self._api_key, self._base_url))
            return self._client

    async def _call(
        self, client: anthropic.AsyncAnthropic, request: ModelRequest, on_text: Callable[[int], None] | None
    ) -> ModelResponse:
        import anthropic
        import httpx2

        try:
            response = await self._stream(client, request, _Progress(self._clock, on_text))
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
        self, client: anthropic.AsyncAnthropic, request: ModelRequest, progress: _Progress
    ) -> ModelResponse:
        began = self._clock.monotonic()
        answer = _Answer()
        async with await client.messages.create(**_parameters(request), stream=True) as stream:
            if stream.response.headers.get("content-type", "").startswith("application/json"):
                # A server that only resembles the API may know no streams.
                answer.take_whole(json.loads(await stream.response.aread()))
            async for event in stream:
                answer.take(event)
                progress.report(answer.chars)
        if not answer.ended:
            msg = "the stream ended before the answer did"
            raise _BrokenOff(msg)
        progress.report(answer.chars, last=True)
        return ModelResponse(
            text=self._keyless(_encodable("".join(answer.texts))),
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


class _Turns:
    """Lets in as many as the limit allows, first come first served."""

    def __init__(self, limit: AdaptiveLimit) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        if not self._waiting and self._inside < self._limit.current:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            else:  # given the turn in the very moment of giving up
                self.leave()
            raise

    def leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self._limit.current:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


class _Progress:
    """Tells that the answer has begun (0), then how many characters have come, at most about ten times a second, and
    once at the end."""

    def __init__(self, clock: Clock, on_text: Callable[[int], None] | None) -> None:
        self._clock = clock
        self._on_text = on_text
        self._reported = -1
        self._next_at = -math.inf

    def report(self, chars: int, *, last: bool = False) -> None:
        if self._on_text is None or chars == self._reported:
            return
        now = self._clock.monotonic()
        if last or now >= self._next_at:
            self._next_at = now + (PROGRESS_EVERY_S if chars else 0.0)
            self._reported = chars
            self._on_text(chars)


class _Answer:
    """The answer as its events come in.

    The SDK could put it together too, but it fails on a server that reports no usage.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.chars = 0
        self.model: str | None = None
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self.ended = False

    def take(self, event: Any) -> None:
        match event.type:
            case "message_start":
                self.model = getattr(event.message, "model", None)
                self._count(getattr(event.message, "usage", None))
            case "content_block_start":
                self._read(event.content_block, "text")
            case "content_block_delta":
                self._read(event.delta, "text_delta")
            case "message_delta":
                self.stop_reason = getattr(event.delta, "stop_reason", None)
                # Some servers leave it at that; nothing but the end can follow.
                self.ended = self.ended or self.stop_reason is not None
                self._count(getattr(event, "usage", None))
            case "message_stop":
                self.ended = True
            case _:  # pings, block ends, and kinds of event that are yet to come
                pass

    def take_whole(self, message: Mapping[str, Any]) -> None:
        """The answer in one piece. Raises one of GARBLED when it is none."""
        for block in message["content"]:
            if block["type"] == "text":
                self._add(block["text"])
        self.model, self.stop_reason = message.get("model"), message.get("stop_reason")
        self.usage |= message.get("usage") or {}
        self.ended = True

    def _read(self, part: Any, kind: str) -> None:
        if part.type == kind and part.text:
            self._add(part.text)

    def _add(self, text: str) -> None:
        self.texts.append(text)
        self.chars += len(text)

    def _count(self, usage: Any) -> None:
        """Later counts are totals and replace earlier ones; what they leave out still holds."""
        if usage is not None:
            self.usage |= usage.model_dump(exclude_none=True)


def usage_of(reported: Mapping[str, Any]) -> Usage | None:
    """The API's token counts in our terms. None when it reported nothing, or nothing but zeros."""

    def count(name: str, source: Mapping[str, Any] = reported) -> int:
        value = source.get(name)
        return max(0, value) if isinstance(value, int) else 0

    by_ttl = reported.get("cache_creation")
    by_ttl = by_ttl if isinstance(by_ttl, Mapping) else {}
    for_1h = count("ephemeral_1h_input_tokens", by_ttl)
    # the total rules where the two differ: only it is updated during a stream
    for_5m = max(count("ephemeral_5m_input_tokens", by_ttl), count("cache_creation_input_tokens") - for_1h)
    usage = Usage(
        input_tokens=count("input_tokens"),
        output_tokens=count("output_tokens"),
        cache_read_tokens=count("cache_read_input_tokens"),
        cache_write_5m_tokens=for_5m,
        cache_write_1h_tokens=for_1h,
    )
    return usage if usage.total_input_tokens or usage.output_tokens else None


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the server asks to be left alone; it may say so in milliseconds, seconds or as a date."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) * unit_s
            if math.isfinite(seconds):
                return max(0.0, seconds)
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())


async def _aside(work: Callable[[], T]) -> T:
    """`work` done on a thread that nobody waits for when the program ends: importing takes longer than a user who
    wants to stop will wait."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if done.done():  # given up meanwhile
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast("T", result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as exc:  # noqa: BLE001 - handed to whoever waits
            error = exc
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="claude-sdk", daemon=True).start()
    return await done


def _parameters(request: ModelRequest) -> dict[str, Any]:
    import anthropic

    parameters: dict[str, Any] = {
        "model": request.model.model_id,
        "max_tokens": request.max_output_tokens,
        "messages": [{"role": "user", "content": _encodable(request.user)}],
        # Connecting has a limit of its own, well within the call's: when that one strikes, the call was sent.
        "timeout": anthropic.Timeout(None, connect=min(CONNECT_TIMEOUT_S, request.timeout_s / 4)),
    }
    if system := [_block(block) for block in request.system if block.text.strip()]:
        parameters["system"] = system
    if request.effort is not None:
        parameters["output_config"] = {"effort": request.effort}
    return parameters


def _block(block: PromptBlock) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "text", "text": _encodable(block.text)}
    if block.cache is not None:
        content["cache_control"] = {"type": "ephemeral"} | ({"ttl": "1h"} if block.cache == "1h" else {})
    return content


def _encodable(text: str) -> str:
    """`text` with lone surrogates dropped and split pairs joined: UTF-8 has no place for them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _make_client(api_key: str, base_url: str) -> anthropic.AsyncAnthropic:
    """The SDK's client under our settings alone. Imports the SDK, so it takes seconds: call it on a thread."""
    _check_settings(api_key, base_url)
    try:
        import anthropic
    except ImportError as exc:
        msg = f"the Claude SDK cannot be imported ({exc}): install the package 'anthropic'"
        raise ConfigurationError(msg) from exc

    async def keep_ours(request: httpx2.Request) -> None:
        # ANTHROPIC_CUSTOM_HEADERS can add and replace headers, the credentials too
        for name in request.headers.keys() - OUR_HEADERS:
            if not name.startswith("x-stainless-"):
                del request.headers[name]
        request.headers["Authorization"] = f"Bearer {api_key}"
        request.headers["anthropic-version"] = API_VERSION

    host = urlsplit(base_url).hostname or ""
    client = anthropic.AsyncAnthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        # We trace our calls ourselves: the SDK's spans would count them twice, and could hold prompts.
        open_telemetry=False,
        http_client=anthropic.DefaultAsyncHttpxClient(
            event_hooks={"request": [keep_ours]},
            follow_redirects=False,  # the key is for this host alone
            mounts={f"all://{host}": None} if _is_loopback(host) else {},  # no proxy to a server on this machine
        ),
    )
    _ = client.messages  # imports the types of messages, still on this thread
    return client


def _check_settings(api_key: str, base_url: str) -> None:
    if not api_key:
        msg = "ANTHROPIC_API_KEY is empty: set it to a key from the Claude Console"
        raise ConfigurationError(msg)
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        msg = "ANTHROPIC_API_KEY holds characters that no key has: copy the key again"
        raise ConfigurationError(msg)
    try:
        address = urlsplit(base_url)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        msg = f"ANTHROPIC_BASE_URL is {base_url!r}: set it to an address such as {DEFAULT_BASE_URL}, or unset it"
        raise ConfigurationError(msg)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
