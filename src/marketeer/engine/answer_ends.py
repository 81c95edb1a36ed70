"""How an answer ended: whether it had room, whether it was cut, declined or empty, and what is tried or said then."""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.domain.errors import CutShort, EmptyOutput, ModelRefused, Truncated
from marketeer.domain.ledger import Call
from marketeer.domain.skill import Skill
from marketeer.domain.usage import ModelSpec

TRUNCATED_REASONS = frozenset({"max_tokens", "model_context_window_exceeded"})
LARGER_LIMIT = 2
# Of its limit. Below that an answer was not cut for want of room.
NEARLY_FULL = 0.9


def limits_of(skill: Skill, model: ModelSpec) -> tuple[int, ...]:
    """The room of the first try, and of a second one when that was not enough."""
    first = min(skill.info.max_output_tokens, model.max_output_tokens)
    second = min(first * LARGER_LIMIT, model.max_output_tokens)
    return (first, second) if second > first else (first,)


def check_paid_for(calls: Sequence[Call]) -> None:
    """What the model has declined once is not asked for again; an empty answer is."""
    for call in calls:
        if call.stop_reason == "refusal":
            check_answer("", call.stop_reason)


def filled(call: Call, limit: int) -> bool:
    """Whether the answer was cut because this limit left it no room, as far as anybody knows."""
    if call.stop_reason == "max_tokens" and not call.estimated:
        return call.usage.output_tokens >= limit * NEARLY_FULL
    return call.stop_reason in TRUNCATED_REASONS


def cut_error(calls: Sequence[Call], limit: int) -> Truncated | CutShort:
    """What to say of an answer that was cut at its largest limit. No calls: an earlier process has seen it."""
    if not calls or filled(calls[-1], limit):
        return Truncated(f"the answer did not fit into {limit} output tokens: ask for less in one task")
    had = calls[-1].usage.output_tokens
    return CutShort(f"the answer broke off after {had} of {limit} output tokens, twice in a row")


def check_answer(text: str, stop_reason: str | None) -> None:
    """Raises ModelRefused or EmptyOutput."""
    if stop_reason == "refusal":
        msg = "the model declined to answer: change the goal's words or the input and redo the task"
        raise ModelRefused(msg)
    if not text.strip():
        msg = f"the model answered with no text (stop reason {stop_reason!r})"
        raise EmptyOutput(msg)
