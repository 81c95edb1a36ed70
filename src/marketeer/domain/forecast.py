"""Forecasts: what a plan will cost before anything is called, from prompt and contract sizes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketeer.domain.usage import MICRO, ModelSpec, Usage

TOKENS_A_WORD = 1.5
THINKING_TOKENS = 1_500
EXPECTED_REVISIONS = 0.3
HIGH_EXECUTIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """Tokens in, and words the contract allows out."""

    input_tokens: int
    min_words: int
    max_words: int
    max_output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRange:
    """US dollars."""

    low_usd: Decimal = Decimal(0)
    expected_usd: Decimal = Decimal(0)
    high_usd: Decimal = Decimal(0)

    def __add__(self, other: CostRange) -> CostRange:
        return CostRange(
            low_usd=self.low_usd + other.low_usd,
            expected_usd=self.expected_usd + other.expected_usd,
            high_usd=self.high_usd + other.high_usd,
        )


def task_cost(size: TaskSize, model: ModelSpec) -> CostRange:
    """Low: the shortest output, once. Expected: a middling one and a third of a revision. High: the whole output limit,
    twice."""
    low = size.min_words * TOKENS_A_WORD
    middle = (size.min_words + size.max_words) / 2 * TOKENS_A_WORD + THINKING_TOKENS
    return CostRange(
        low_usd=_cost(model, size.input_tokens, low),
        expected_usd=_cost(model, size.input_tokens, min(middle, size.max_output_tokens))
        * Decimal(str(1 + EXPECTED_REVISIONS)),
        high_usd=_cost(model, size.input_tokens, size.max_output_tokens) * HIGH_EXECUTIONS,
    )


def _cost(model: ModelSpec, input_tokens: int, output_tokens: float) -> Decimal:
    usage = Usage(cache_write_5m_tokens=input_tokens, output_tokens=round(output_tokens))
    return model.cost_usd(usage).quantize(MICRO)
