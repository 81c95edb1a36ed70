"""A fake Claude server: the Messages API on a real local socket, with faults on demand and an exact bill of its own.

In a test:              async with FakeClaude(answer=plain_answer(50)) as server: ... server.base_url, server.bill
As its own process:     python -m marketeer.testing.fake_claude --port 0 --log calls.jsonl --script faults.json

Prices and cache rules are written down here a second time on purpose: this bill is what the ledger is checked against.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from inspect import isawaitable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict

from marketeer.testing import fake_http, fake_reply, fake_request
from marketeer.testing.answers import Answer, Asked, RehearsedAnswers, plain_answer
from marketeer.testing.fake_cache import Prompt, PromptCache
from marketeer.testing.fake_http import HttpRequest
from marketeer.testing.fake_reply import Event, Plain, Tokens
from marketeer.testing.faults import Fault, FaultKind, Faults, load_script, no_faults
from marketeer.testing.plan_answers import PlanningAnswers

# US dollars per million tokens: input, output, cache write for 5 minutes, for 1 hour, cache read.
PRICES: Mapping[str, tuple[str, str, str, str, str]] = {
    "claude-opus-5-5": ("4", "20", "5", "8", "0.20"),
    "claude-sonnet-5-5": ("2", "10", "2.50", "4", "0.10"),
    "claude-haiku-5-5": ("0.10", "0.50", "0.125", "0.20", "0.01"),
    "claude-fable-5-2": ("8", "40", "10", "16", "0.20"),
    "claude-opus-5": ("5", "25", "6.25", "10", "0.50"),
    "claude-sonnet-5": ("2", "10", "2.50", "4", "0.20"),
    "claude-sonnet-4-6": ("3", "15", "3.75", "6", "0.30"),
    "claude-haiku-4-5": ("1", "5", "1.25", "2", "0.10"),
}
# Prompts beyond this size pay the second price for every token of the call.
LONG_PROMPTS: Mapping[str, tuple[int, tuple[str, str, str, str, str]]] = {
    "claude-haiku-5-5": (100_000, ("0.50", "2.50", "0.625", "1.00", "0.05")),
}
REQUEST_LIMIT = 4_000
TOKEN_LIMIT = 10_000_000
# Connections that may knock at the same moment; with fewer the kernel lets the rest wait a second.
BACKLOG = 2_048


class BillLine(TypedDict):
    """One billed request. `cost_usd` is in whole micro-dollars."""

    number: int
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cost_usd: Decimal


def cost_usd(model: str, tokens: Tokens) -> Decimal:
    """What a call costs by this file's own table."""
    rates = PRICES[model]
    if model in LONG_PROMPTS and tokens.prompt > LONG_PROMPTS[model][0]:
        rates = LONG_PROMPTS[model][1]
    counts = (tokens.input, tokens.output, tokens.cache_write_5m, tokens.cache_write_1h, tokens.cache_read)
    dollars = sum((Decimal(rate) * count for rate, count in zip(rates, counts, strict=True)), Decimal(0))
    return (dollars / 1_000_000).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)


class _Refusal(Exception):
    """The request is answered with an error status."""

    def __init__(self, *, status: int, fault: Fault) -> None:
        super().__init__(status)
        self.status = status
        self.fault = fault


class FakeClaude:
    """The server. `requests` are those understood so far, `bill` what was billed, `peak` the most at one time.

    `answer` makes the text of each reply; without it replies are documents that pass their contracts. `faults` says
    what goes wrong. With `api_key` only that key is let in, else any. `models` are the ids it knows. A reply begins
    after `latency_s`; its stream takes `stream_s`, evenly spread over its events, with the text in `deltas` pieces.
    With `together` no answer begins before so many requests have been in flight at once.
    `plain` makes it a server that only resembles the API, and counts no cache.
    """

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        stream_s: float = 0.0,
        deltas: int | None = None,
        together: int = 0,
        plain: Plain | None = None,
        answer: Answer | None = None,
        faults: Faults = no_faults,
        api_key: str | None = None,
        models: Iterable[str] = tuple(PRICES),
        port: int = 0,
        log: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests: list[Asked] = []
        self.bill: list[BillLine] = []
        self.peak = 0
        self.number = 0
        self._latency_s = latency_s
        self._stream_s = stream_s
        self._deltas = deltas
        self._together = together
        self._gathered = asyncio.Event()
        self._plain = plain
        self._answer = answer or RehearsedAnswers()
        self._faults = faults
        self._api_key = api_key
        self._models = tuple(models)
        self._port = port
        self._log = log
        self._cache = PromptCache(monotonic)
        self._in_flight = 0
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        if unpriced := set(self._models) - set(PRICES):
            msg = f"no price for {sorted(unpriced)!r}: add it to PRICES"
            raise ValueError(msg)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def total_usd(self) -> Decimal:
        return sum((line["cost_usd"] for line in self.bill), Decimal(0))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=BACKLOG)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        connections = tuple(self._connections.items())
        for task, writer in connections:
            writer.close()
            task.cancel()
        await asyncio.gather(*(task for task, _ in connections), return_exceptions=True)

    # -- connections -------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections[task] = writer
        try:
            while (request := await fake_http.read_request(reader)) is not None:
                if not await self._respond(request, writer) or not request.keeps_alive:
                    break
        except (ConnectionError, fake_http.BadHttp):
            pass  # a client that hangs up or talks nonsense ends its connection and nothing else
        except asyncio.CancelledError:
            pass  # the server closes; Python 3.11's streams would log the cancelled task as a failed callback
        finally:
            del self._connections[task]
            writer.close()

    async def _respond(self, request: HttpRequest, writer: asyncio.StreamWriter) -> bool:
        """True when the connection can take another request."""
        if (request.method, request.path) != ("POST", "/v1/messages"):
            return await self._send_json(writer, *self._other(request))
        self.number += 1
        self._in_flight += 1
        self.peak = max(self.peak, self._in_flight)
        if self._in_flight >= self._together:
            self._gathered.set()
        number = self.number
        try:
            return await self._messages(number, request, writer)
        except _Refusal as refusal:
            self._write_log(number, request, status=refusal.status)
            return await self._send_error(writer, number, refusal)
        finally:
            self._in_flight -= 1

    def _other(self, request: HttpRequest) -> tuple[int, dict[str, Any]]:
        try:
            self._authenticate(request)
            return self._model_list(request)
        except _Refusal as refusal:
            return refusal.status, fake_reply.error(refusal.fault, refusal.status, None)

    def _model_list(self, request: HttpRequest) -> tuple[int, dict[str, Any]]:
        known = {f"/v1/models/{model}": _model_card(model) for model in self._models}
        if request.method == "GET" and request.path in known:
            return 200, known[request.path]
        if (request.method, request.path) != ("GET", "/v1/models"):
            raise _refusal(404, f"there is no {request.method} {request.path}")
        ends = {"first_id": self._models[0], "last_id": self._models[-1]} if self._models else {}
        return 200, {"data": list(known.values()), "has_more": False, **ends}

    # -- messages ----------------------------------------------------------------------------------------------

    async def _messages(self, number: int, request: HttpRequest, writer: asyncio.StreamWriter) -> bool:
        arrived = asyncio.get_running_loop().time()
        self._authenticate(request)
        asked = self._understand(number, request)
        fault = self._faults(number)
        prompt = self._cache.look(asked.model, fake_request.prompt_parts(asked.body))
        if not self._gathered.is_set():
            await self._gathered.wait()
            arrived = asyncio.get_running_loop().time()
        # What the server itself does for a call is part of the time that the call is to take.
        begins = arrived + self._latency_s + (fault.delay_s if fault else 0.0)
        await _sleep_until(begins)
        if fault and fault.kind is FaultKind.STATUS:
            raise _Refusal(status=fault.status, fault=fault)
        if fault and fault.kind is FaultKind.DISCONNECT_BEFORE:
            self._write_log(number, request, status=0)
            return False
        if fault and fault.kind is FaultKind.HTML:
            self._write_log(number, request, status=200)
            page = b"<html><body>Please log in to the network.</body></html>"
            return await _send(writer, fake_http.whole(200, page, {}, "text/html"))
        return await self._reply(asked, prompt, request, fault, writer, begins)

    async def _reply(
        self,
        asked: Asked,
        prompt: Prompt,
        request: HttpRequest,
        fault: Fault | None,
        writer: asyncio.StreamWriter,
        begins: float,
    ) -> bool:
        made = self._answer(asked)
        reply = fake_reply.reply_of(await made if isawaitable(made) else made, asked.max_tokens, fault)
        self._cache.keep(prompt)
        counted = Tokens(input=prompt.tokens.prompt) if self._plain else prompt.tokens
        tokens = replace(counted, output=reply.output_tokens)
        answer = fake_reply.message(reply, number=asked.number, model=asked.model, tokens=tokens, fault=fault)
        if self._plain:
            answer = fake_reply.plainly(answer, self._plain, tokens.prompt)
        events = fake_reply.events_of(answer, self._deltas)
        if self._plain:
            events = fake_reply.plain_events(events, self._plain)
        breaks = fault is not None and fault.kind in fake_reply.BREAKING
        if fault and breaks and asked.stream:
            events = events[: fault.after_events]
            tokens = replace(tokens, output=fake_reply.said_tokens(events))
        # booked before the first byte leaves, so that nothing a client has seen can be missing from the bill
        line = self._book(asked, tokens) if events else None
        self._write_log(asked.number, request, status=200, line=line)
        if asked.stream and self._plain is not Plain.WHOLE:
            return await self._send_stream(writer, asked.number, events, fault, begins)
        content = json.dumps(answer).encode()
        sent = fake_http.whole(200, content, self._headers(asked.number), "application/json")
        await _send(writer, sent[: -len(content) // 2] if breaks else sent)
        return not breaks

    async def _send_stream(
        self, writer: asyncio.StreamWriter, number: int, events: Sequence[Event], fault: Fault | None, begins: float
    ) -> bool:
        headers = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        writer.write(fake_http.head(200, {**self._headers(number), **headers}))
        for sent, (name, data) in enumerate(events, start=1):
            if fault and fault.pause_s:
                await asyncio.sleep(fault.pause_s)
            if self._stream_s:
                await _sleep_until(begins + self._stream_s * sent / len(events))
            await _send(writer, fake_http.chunk(fake_http.sse(name, data)))
        kind = fault.kind if fault else None
        if fault and kind is FaultKind.STREAM_ERROR:
            told = fake_reply.error(fault, fault.status, _request_id(number))
            writer.write(fake_http.chunk(fake_http.sse("error", told)))
        if kind is FaultKind.BAD_JSON:
            writer.write(fake_http.chunk(b'event: content_block_delta\ndata: {"type": "content_\n\n'))
        if kind is FaultKind.DISCONNECT_AFTER:
            await writer.drain()
            return False
        return await _send(writer, fake_http.LAST_CHUNK)

    def _authenticate(self, request: HttpRequest) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        if not key or self._api_key not in (None, key):
            raise _refusal(401, "invalid x-api-key")

    def _understand(self, number: int, request: HttpRequest) -> Asked:
        try:
            body = json.loads(request.body)
        except ValueError as exc:
            raise _refusal(400, "the request body is not valid JSON") from exc
        try:
            complaint = fake_request.complaint(body)
        except (AttributeError, KeyError, TypeError) as exc:
            raise _refusal(400, f"messages: not of the documented form ({exc})") from exc
        if complaint:
            raise _refusal(400, complaint)
        if body["model"] not in self._models:
            raise _refusal(404, f"model: {body['model']}")
        asked = Asked(
            number=number,
            model=body["model"],
            system=tuple(text for text, _ in fake_request.texts(body.get("system") or [])),
            user="\n\n".join(text for turn in body["messages"] for text, _ in fake_request.texts(turn["content"])),
            max_tokens=body["max_tokens"],
            stream=bool(body.get("stream")),
            body=body,
            headers=request.headers,
        )
        self.requests.append(asked)
        return asked

    def _book(self, asked: Asked, tokens: Tokens) -> BillLine:
        line = BillLine(
            number=asked.number,
            model=asked.model,
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cache_read,
            cache_write_5m_tokens=tokens.cache_write_5m,
            cache_write_1h_tokens=tokens.cache_write_1h,
            cost_usd=cost_usd(asked.model, tokens),
        )
        self.bill.append(line)
        return line

    def _write_log(self, number: int, request: HttpRequest, *, status: int, line: BillLine | None = None) -> None:
        """One JSON line for each request; status 0 means that it was never answered."""
        if self._log is None:
            return
        entry = {
            "number": number,
            "time": datetime.fromtimestamp(time.time(), UTC).isoformat(),
            "model": line["model"] if line else None,
            "sha256": hashlib.sha256(request.body).hexdigest(),
            "cost_usd": str(line["cost_usd"] if line else Decimal(0)),
            "status": status,
            "in_flight": self._in_flight,
        }
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    # -- responses ---------------------------------------------------------------------------------------------

    def _headers(self, number: int) -> dict[str, str]:
        if self._plain:
            return {}
        reset = datetime.fromtimestamp(time.time() + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spent = sum(line["input_tokens"] for line in self.bill)
        made = sum(line["output_tokens"] for line in self.bill)
        used = {"requests": number, "tokens": spent + made, "input-tokens": spent, "output-tokens": made}
        headers = {"request-id": _request_id(number)}
        for kind, count in used.items():
            limit = REQUEST_LIMIT if kind == "requests" else TOKEN_LIMIT
            headers[f"anthropic-ratelimit-{kind}-limit"] = str(limit)
            headers[f"anthropic-ratelimit-{kind}-remaining"] = str(max(0, limit - count))
            headers[f"anthropic-ratelimit-{kind}-reset"] = reset
        return headers

    async def _send_error(self, writer: asyncio.StreamWriter, number: int, refusal: _Refusal) -> bool:
        headers = self._headers(number)
        if refusal.fault.retry_after is not None:
            headers["retry-after"] = refusal.fault.retry_after
        body = fake_reply.error(refusal.fault, refusal.status, _request_id(number))
        content = json.dumps(body).encode()
        return await _send(writer, fake_http.whole(refusal.status, content, headers, "application/json"))

    async def _send_json(self, writer: asyncio.StreamWriter, status: int, body: Mapping[str, Any]) -> bool:
        return await _send(writer, fake_http.whole(status, json.dumps(body).encode(), {}, "application/json"))


async def _send(writer: asyncio.StreamWriter, data: bytes) -> bool:
    writer.write(data)
    await writer.drain()
    return True


async def _sleep_until(moment: float) -> None:
    """By the loop's clock, so that what a step takes too long does not add up."""
    await asyncio.sleep(moment - asyncio.get_running_loop().time())


def _request_id(number: int) -> str:
    return f"req_{number:06d}"


def _refusal(status: int, message: str) -> _Refusal:
    return _Refusal(status=status, fault=Fault(kind=FaultKind.STATUS, message=message))


def _model_card(model: str) -> dict[str, Any]:
    return {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"}


# -- command line ----------------------------------------------------------------------------------------------


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m marketeer.testing.fake_claude", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-s", type=float, default=0.0, help="wait before each answer")
    parser.add_argument("--stream-s", type=float, default=0.0, help="spread each answer over this time")
    parser.add_argument("--deltas", type=int, help="send each answer's text in this many pieces")
    parser.add_argument("--together", type=int, default=0, help="answer nobody before so many are waiting at once")
    parser.add_argument("--log", type=Path, help="append a JSON line for each request to this file")
    parser.add_argument("--script", type=Path, help="JSON file with faults, by number or at random")
    parser.add_argument("--api-key", help="let in only this key")
    parser.add_argument("--plain-words", type=int, help="answer with plain text of this many words")
    parser.add_argument(
        "--plain",
        nargs="?",
        const="stream",
        choices=[plain.value for plain in Plain],
        help="be a server that only resembles the API; bare: no usage, unstopped: no message_stop, whole: no stream",
    )
    parser.add_argument("--plans", action="store_true", help="answer calls for a plan with one, too")
    parser.add_argument("--answer-file", type=Path, help="answer every request with this file's text")
    return parser.parse_args(argv)


def _answer_of(arguments: argparse.Namespace) -> Answer | None:
    if arguments.answer_file is not None:
        text = str(arguments.answer_file.read_text(encoding="utf-8"))
        return lambda _asked: text
    if arguments.plans:
        return PlanningAnswers()
    return plain_answer(arguments.plain_words) if arguments.plain_words else None


async def _run(arguments: argparse.Namespace) -> None:
    server = FakeClaude(
        latency_s=arguments.latency_s,
        stream_s=arguments.stream_s,
        deltas=arguments.deltas,
        together=arguments.together,
        plain=Plain(arguments.plain) if arguments.plain else None,
        answer=_answer_of(arguments),
        faults=load_script(arguments.script) if arguments.script else no_faults,
        api_key=arguments.api_key,
        port=arguments.port,
        log=arguments.log,
    )
    async with server:
        sys.stdout.write(f"listening on {server.base_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(_arguments(argv)))


if __name__ == "__main__":
    main()
