"""Reading a request of the Messages API: its texts, its cache breakpoints, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

MAX_OUTPUT_TOKENS = 128_000


def texts(content: str | Iterable[Mapping[str, Any]]) -> list[tuple[str, str | None]]:
    """The texts of a system prompt or a message, each with the time to live of the breakpoint behind it."""
    if isinstance(content, str):
        return [(content, None)]
    return [(str(block.get("text", "")), _ttl(block)) for block in content]


def _ttl(block: Mapping[str, Any]) -> str | None:
    control = block.get("cache_control")
    return control.get("ttl") or "5m" if control else None


def prompt_parts(body: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """The prompt in the order the cache sees it: tools, system, messages."""
    tools = [(json.dumps(tool, sort_keys=True), _ttl(tool)) for tool in body.get("tools") or []]
    turns = [part for turn in body["messages"] for part in texts(turn["content"])]
    return [*tools, *texts(body.get("system") or []), *turns]


def complaint(body: Any) -> str | None:
    """What the API would find wrong with this request."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return "model: field required"
    limit, turns = body.get("max_tokens"), body.get("messages")
    if not isinstance(limit, int) or not 1 <= limit <= MAX_OUTPUT_TOKENS:
        return f"max_tokens: {limit!r} is not between 1 and {MAX_OUTPUT_TOKENS}"
    if not isinstance(turns, list) or not turns or turns[-1].get("role") != "user":
        return "messages: the conversation must end with a user message"
    if gone := [name for name in ("temperature", "top_p", "top_k") if name in body]:
        return f"{gone[0]}: this parameter is not supported by this model"
    parts = prompt_parts(body)
    if not all(text.strip() for text, _ in parts):
        return "text content blocks must be non-empty"
    if sum(ttl is not None for _, ttl in parts) > 4:
        return "a maximum of 4 blocks with cache_control may be provided"
    return None
