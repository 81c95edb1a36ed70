"""The SDK's client under our settings alone, and what is sent through it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.loopback import is_loopback
from marketeer.ports import ModelRequest, PromptBlock

if TYPE_CHECKING:  # at run time these are imported late, for the start-up's sake
    import anthropic
    import httpx2

T = TypeVar("T")
DEFAULT_BASE_URL = "https://api.anthropic.com"
API_VERSION = "2023-06-01"
CONNECT_TIMEOUT_S = 10.0
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


def make_client(api_key: str, base_url: str) -> anthropic.AsyncAnthropic:
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
            mounts={f"all://{host}": None} if is_loopback(host) else {},  # no proxy to a server on this machine
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


async def aside(work: Callable[[], T]) -> T:
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


def parameters(request: ModelRequest) -> dict[str, Any]:
    import anthropic

    parameters: dict[str, Any] = {
        "model": request.model.model_id,
        "max_tokens": request.max_output_tokens,
        "messages": [{"role": "user", "content": encodable(request.user)}],
        # Connecting has a limit of its own, well within the call's: when that one strikes, the call was sent.
        "timeout": anthropic.Timeout(None, connect=min(CONNECT_TIMEOUT_S, request.timeout_s / 4)),
    }
    if system := [_block(block) for block in request.system if block.text.strip()]:
        parameters["system"] = system
    if asked := _output_config(request):
        parameters["output_config"] = asked
    return parameters


def _output_config(request: ModelRequest) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if request.effort is not None:
        asked["effort"] = request.effort
    if request.output_schema is not None:
        asked["format"] = {"type": "json_schema", "schema": dict(request.output_schema)}
    return asked


def _block(block: PromptBlock) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "text", "text": encodable(block.text)}
    if block.cache is not None:
        content["cache_control"] = {"type": "ephemeral"} | ({"ttl": "1h"} if block.cache == "1h" else {})
    return content


def encodable(text: str) -> str:
    """`text` with lone surrogates dropped and split pairs joined: UTF-8 has no place for them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
