"""Tokens and what they cost: usage of a call, prices of a model, exact cost and worst case.

Prices are US dollars per million tokens; costs are Decimal US dollars in whole micro-dollars.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from marketeer.domain.by_identity import by_identity

MICRO = Decimal("0.000001")
CENT = Decimal("0.01")
MILLION = Decimal(1_000_000)
# Roles, block boundaries and the request's own frame, which no text of ours shows.
FRAME_TOKENS = 512
# Prompts share their beginnings, and measuring a long one that is not plain ASCII takes a while.
REMEMBERED_TEXTS = 64

# How long what lies before a cache breakpoint is kept.
CacheTime = Literal["5m", "1h"]


class Tier(StrEnum):
    """What a caller names instead of a model."""

    OPUS = "opus"
    SONNET = "sonnet"
    HAIKU = "haiku"


def one_up(tier: Tier) -> Tier:
    """The next better one; there is none above opus."""
    return Tier.SONNET if tier is Tier.HAIKU else Tier.OPUS


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


@by_identity
def at_worst(price: Price) -> Price:
    """Each kind at the dearest rate its tokens can come to: what may be written may also be read, or neither."""
    write_5m = max(price.cache_write_5m, price.cache_read, price.input)
    return replace(price, cache_write_5m=write_5m, cache_write_1h=max(price.cache_write_1h, write_5m))


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

    def worst_case_usd(self, bound: Usage) -> Decimal:
        """The most a call can cost whose tokens are no more than these (see `worst_usage`)."""
        return at_worst(self.price_for(bound.total_input_tokens)).cost_usd(bound)

    def uncached_usd(self, usage: Usage) -> Decimal:
        """What the same call would have cost without a cache."""
        return self.cost_usd(Usage(input_tokens=usage.total_input_tokens, output_tokens=usage.output_tokens))


def worst_usage(parts: Iterable[tuple[str, CacheTime | None]], *, max_output_tokens: int) -> Usage:
    """Upper bounds of what a call can use, by the dearest kind each token can be billed as.

    `parts` are the prompt's texts in order, each with the time to live of the breakpoint behind it, if there is one:
    what lies before a breakpoint may be written to the cache for that time. The output limit includes thinking.
    """
    bounds: dict[CacheTime | None, int] = {"1h": 0, "5m": 0, None: 0}
    open_tokens = 0
    for text, cache_time in parts:
        open_tokens += text_bound(text)
        if cache_time is not None:
            bounds[cache_time] += open_tokens
            open_tokens = 0
    bounds[None] = open_tokens
    dearest: CacheTime | None = next((kind for kind in ("1h", "5m") if bounds[kind]), None)
    bounds[dearest] += FRAME_TOKENS
    return Usage(
        input_tokens=bounds[None],
        cache_write_5m_tokens=bounds["5m"],
        cache_write_1h_tokens=bounds["1h"],
        output_tokens=max_output_tokens,
    )


def token_bound(*texts: str) -> int:
    """An upper bound on the input tokens of a request with these texts."""
    return sum(map(text_bound, texts)) + FRAME_TOKENS


def text_bound(text: str) -> int:
    """An upper bound on the tokens of a text, without a tokenizer.

    A tokenizer that works on UTF-8 gives every token at least one byte, so there are no more tokens than bytes. One
    that normalises first (NFKC, say, which turns a single sign of three bytes into eighteen letters) gives every token
    at least one byte of what that makes. The larger of both holds for either.
    """
    return len(text) if text.isascii() else _wide_bound(text)


@lru_cache(maxsize=REMEMBERED_TEXTS)
def _wide_bound(text: str) -> int:
    plain = len(text.encode("utf-8", "surrogatepass"))
    return max(plain, len(unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")))


def token_estimate(text: str) -> int:
    """A realistic count for forecasts and rehearsals: about four characters to a token."""
    return max(1, round(len(text) / 4))


def dollars(amount: Decimal | float) -> str:
    """As people read money: `$0.13`; what is less than a cent keeps its first digits, `$0.000012`."""
    value = Decimal(str(amount))
    if value and abs(value) < CENT:
        return f"${value.normalize():f}"
    return f"${value:,.2f}"
