"""A model: what it is asked, what it answers, how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from marketeer.domain.usage import CacheTime, ModelSpec, Usage, worst_usage

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.skill import Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBlock:
    """One text block of the system prompt. `cache` sets a breakpoint behind it."""

    text: str
    cache: CacheTime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the prompt was rendered from, for a model that can use it directly (the rehearsal)."""

    skill: Skill
    goal: str
    brief: str
    context: str
    upstream: Mapping[str, str]
    inputs: Mapping[str, str]
    registry: frozenset[str]
    task_id: str
    feedback: str | None
    today: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call. `user` is the only message. `timeout_s` bounds the whole call. `output_schema` is the JSON schema the
    answer shall hold to; a server may not know of such a thing and answer as it likes. `material` is never sent
    anywhere, nor `rehearsed`: what a rehearsal answers where there is no skill to write by."""

    call_id: str
    model: ModelSpec
    system: tuple[PromptBlock, ...]
    user: str
    max_output_tokens: int
    timeout_s: float
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    output_schema: Mapping[str, Any] | None = None
    material: Material | None = None
    rehearsed: str | None = None

    def worst_case(self) -> Usage:
        """The most it can use. A schema is told to the model ahead of the prompt, so it may be cached with it."""
        schema = "" if self.output_schema is None else json.dumps(self.output_schema)
        parts = [(block.text, block.cache) for block in self.system]
        return worst_usage([(schema, None), *parts, (self.user, None)], max_output_tokens=self.max_output_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """What came back and was billed. `text` may be empty (refusal). `usage` None: the server reported none."""

    text: str
    stop_reason: str | None
    usage: Usage | None
    model: str
    request_id: str | None
    latency_s: float


class CallLost(Exception):
    """The call was sent and may be billed, but its usage is unknown: book it as estimated. `__cause__` says why."""


class ModelClient(Protocol):
    """A model behind the Messages API, or its offline stand-in.

    `complete` raises ApiUnavailable (nothing was billed; try later), PermanentError (nothing was billed; do not
    retry), ConfigurationError (key, base URL or model id are wrong) or CallLost, whose cause is one of these. It never
    retries by itself and returns within `timeout_s`.
    """

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        """`on_text` is told the number of characters received so far, 0 when the answer begins."""
        ...

    async def answers(self) -> bool:
        """Whether it can be reached at all, asked at no cost. Raises ConfigurationError and nothing else."""
        ...

    async def aclose(self) -> None: ...
