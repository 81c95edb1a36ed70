"""Tokens and what they cost: usage of a call, prices of a model, exact cost and worst case.

Prices are US dollars per million tokens; costs are Decimal US dollars in whole micro-dollars.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

MICRO = Decimal("0.000001")
CENT = Decimal("0.01")
MILLION = Decimal(1_000_000)
# Roles, block boundaries and the request's own frame, which no text of ours shows.
FRAME_TOKENS = 512


class Tier(StrEnum):
    """What a caller names instead of a model."""

    OPUS = "opus"
    SONNET = "sonnet"
    HAIKU = "haiku"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. `input_tokens` excludes the cache, as the API counts it."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0

    @property
    def total_input_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_5m_tokens=self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens of each kind."""

    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal

    def cost_usd(self, usage: Usage) -> Decimal:
        dollars = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_5m_tokens * self.cache_write_5m
            + usage.cache_write_1h_tokens * self.cache_write_1h
        ) / MILLION
        return dollars.quantize(MICRO, rounding=ROUND_HALF_UP)

    @property
    def dearest_input(self) -> Decimal:
        return max(self.input, self.cache_write_5m, self.cache_write_1h, self.cache_read)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model that may be called. `long_price` applies to every token of a call whose total input passes
    `long_prompt_tokens`."""

    model_id: str
    price: Price
    context_tokens: int
    max_output_tokens: int
    min_cache_tokens: int
    long_price: Price | None = None
    long_prompt_tokens: int | None = None

    def price_for(self, total_input_tokens: int) -> Price:
        if self.long_price and self.long_prompt_tokens and total_input_tokens > self.long_prompt_tokens:
            return self.long_price
        return self.price

    def cost_usd(self, usage: Usage) -> Decimal:
        """What a call cost, exact to the micro-dollar."""
        return self.price_for(usage.total_input_tokens).cost_usd(usage)

    def worst_case_usd(self, *, input_token_bound: int, max_output_tokens: int) -> Decimal:
        """The most a call can cost: every input token at the dearest input rate, the whole output limit used."""
        price = self.price_for(input_token_bound)
        dollars = (input_token_bound * price.dearest_input + max_output_tokens * price.output) / MILLION
        return dollars.quantize(MICRO, rounding=ROUND_HALF_UP)


def token_bound(*texts: str) -> int:
    """An upper bound on the input tokens of `texts` without a tokenizer: a token is at least one byte of UTF-8."""
    return sum(len(text.encode()) for text in texts) + FRAME_TOKENS


def token_estimate(text: str) -> int:
    """A realistic count for forecasts and rehearsals: about four characters to a token."""
    return max(1, round(len(text) / 4))


def dollars(amount: Decimal | float) -> str:
    """As people read money: `$0.13`; what is less than a cent keeps its first digits, `$0.000012`."""
    value = Decimal(str(amount))
    if value and abs(value) < CENT:
        return f"${value.normalize():f}"
    return f"${value:,.2f}"
