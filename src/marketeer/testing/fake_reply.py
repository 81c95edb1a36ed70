"""The shape of what the fake Claude server says: messages, their event sequence, and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marketeer.testing.faults import Fault, FaultKind

PIECE_CHARS = 120
THINKING = "First the brief, then the product, then what the reader should do next."
# After `after_events` events of a stream these break it.
BREAKING = frozenset({FaultKind.STREAM_ERROR, FaultKind.DISCONNECT_AFTER, FaultKind.CUT_SHORT, FaultKind.BAD_JSON})
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

Event = tuple[str, dict[str, Any]]


class Plain(StrEnum):
    """How a server that only resembles the API answers: no pings, no cache counts, no headers of the API's."""

    STREAM = "stream"
    BARE = "bare"  # no usage at all
    UNSTOPPED = "unstopped"  # the stream ends behind the stop reason, without message_stop
    WHOLE = "whole"  # one JSON message, though a stream was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of one request, each counted once."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def reported(self) -> dict[str, Any]:
        """As the API words it."""
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_write_5m + self.cache_write_1h,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write_5m,
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            },
            "output_tokens": self.output,
            "service_tier": "standard",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is said: the content blocks and why they end."""

    blocks: tuple[Mapping[str, Any], ...]
    stop_reason: str

    @property
    def output_tokens(self) -> int:
        """A turn costs a token even when nothing is said."""
        return max(1, sum(tokens_of(block_text(block)) for block in self.blocks))


def reply_of(text: str, max_tokens: int, fault: Fault | None) -> Reply:
    """`text` cut to the limit, or whatever the fault makes of it."""
    kind = fault.kind if fault else None
    if kind in (FaultKind.REFUSE, FaultKind.EMPTY):
        return Reply(blocks=(), stop_reason="refusal" if kind is FaultKind.REFUSE else "end_turn")
    limit = min(max_tokens * 4, len(text) // 2 if kind is FaultKind.TRUNCATE else len(text))
    blocks: list[Mapping[str, Any]] = [{"type": "text", "text": text[:limit]}] if text else []
    if kind is FaultKind.THINK:
        blocks.insert(0, {"type": "thinking", "thinking": THINKING, "signature": "c2lnbmVk"})
    return Reply(blocks=tuple(blocks), stop_reason="max_tokens" if limit < len(text) else "end_turn")


def tokens_of(text: str) -> int:
    """A token for every four characters begun."""
    return -(-len(text) // 4)


def block_text(block: Mapping[str, Any]) -> str:
    return str(block.get("text") or block.get("thinking") or "")


def message(reply: Reply, *, number: int, model: str, tokens: Tokens, fault: Fault | None) -> dict[str, Any]:
    """The whole answer, as sent when nobody asked for a stream."""
    answer: dict[str, Any] = {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(reply.blocks),
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "usage": tokens.reported(),
    }
    if fault and fault.kind is FaultKind.NO_USAGE:
        del answer["usage"]
    return answer


def plainly(answer: Mapping[str, Any], plain: Plain, prompt_tokens: int) -> dict[str, Any]:
    """No more of the answer than such a server would send."""
    usage = {"input_tokens": prompt_tokens, "output_tokens": answer.get("usage", {}).get("output_tokens", 0)}
    kept = {name: answer[name] for name in ("id", "type", "role", "model", "content", "stop_reason")}
    return kept if plain is Plain.BARE else {**kept, "usage": usage}


def plain_events(events: Sequence[Event], plain: Plain) -> list[Event]:
    left_out = {"ping", "message_stop"} if plain is Plain.UNSTOPPED else {"ping"}
    return [event for event in events if event[0] not in left_out]


def events_of(answer: Mapping[str, Any], deltas: int | None = None) -> list[Event]:
    """The same answer as the events of a stream, in the documented order; `deltas` is how many each block comes in."""
    usage = answer.get("usage")
    opening = {**answer, "content": [], "stop_reason": None}
    ending: dict[str, Any] = {"delta": {"stop_reason": answer["stop_reason"], "stop_sequence": None}}
    if usage is not None:
        opening["usage"] = {**usage, "output_tokens": 1}
        ending["usage"] = {name: count for name, count in usage.items() if name.endswith("_tokens")}
    events = [_event("message_start", message=opening)]
    for index, block in enumerate(answer["content"]):
        events += _block_events(index, block, deltas)
        if index == 0:
            events.insert(2, _event("ping"))
    return [*events, _event("message_delta", **ending), _event("message_stop")]


def _block_events(index: int, block: Mapping[str, Any], count: int | None) -> list[Event]:
    text = block_text(block)
    size = max(1, -(-len(text) // count)) if count else PIECE_CHARS
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    if block["type"] == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        empty = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return [
        _event("content_block_start", index=index, content_block=empty),
        *(_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        _event("content_block_stop", index=index),
    ]


def _event(name: str, **data: Any) -> Event:
    return name, {"type": name, **data}


def said_tokens(events: Sequence[Event]) -> int:
    """What the events sent so far amount to, for the bill of a stream that broke."""
    deltas = (data["delta"] for name, data in events if name == "content_block_delta")
    return max(1, tokens_of("".join(block_text(delta) for delta in deltas)))


def error(fault: Fault, status: int, request_id: str | None) -> dict[str, Any]:
    """An error body, or the data of an error event."""
    kind = fault.error_type or ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    details: dict[str, Any] = {"type": kind, "message": fault.message or f"the fake server was told to say {status}"}
    if fault.error_code:
        details["details"] = {"error_code": fault.error_code}
    return {"type": "error", "error": details, "request_id": request_id}
