"""What a call costs: exact to the micro-dollar, and never more than its worst case."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.adapters.team_files import load_team
from marketeer.domain.usage import (
    FRAME_TOKENS,
    CacheTime,
    ModelSpec,
    Price,
    Tier,
    Usage,
    text_bound,
    token_bound,
    token_estimate,
    worst_usage,
)

tokens = st.integers(min_value=0, max_value=300_000)
usages = st.builds(
    Usage,
    input_tokens=tokens,
    output_tokens=st.integers(min_value=0, max_value=128_000),
    cache_read_tokens=tokens,
    cache_write_5m_tokens=tokens,
    cache_write_1h_tokens=tokens,
)
tiers = st.sampled_from(Tier)


@cache
def model(tier: Tier) -> ModelSpec:
    return load_team(None).model(tier)


def test_every_kind_of_token_has_its_own_price() -> None:
    usage = Usage(
        input_tokens=1_000_000,
        output_tokens=100_000,
        cache_read_tokens=1_000_000,
        cache_write_5m_tokens=100_000,
        cache_write_1h_tokens=10_000,
    )
    # 4.00 + 2.00 + 0.20 + 0.50 + 0.08
    assert model(Tier.OPUS).cost_usd(usage) == Decimal("6.78")


def test_a_small_call_costs_its_exact_micro_dollars() -> None:
    usage = Usage(input_tokens=1_234, output_tokens=567, cache_read_tokens=8_901, cache_write_5m_tokens=23)
    # 2468 + 5670 + 890.1 + 57.5 micro-dollars, rounded once at the end
    assert model(Tier.SONNET).cost_usd(usage) == Decimal("0.009086")


def test_half_a_micro_dollar_is_rounded_up() -> None:
    assert model(Tier.HAIKU).cost_usd(Usage(output_tokens=1)) == Decimal("0.000001")
    assert model(Tier.HAIKU).cost_usd(Usage(input_tokens=4)) == Decimal("0.000000")


def test_nothing_used_costs_nothing() -> None:
    assert model(Tier.OPUS).cost_usd(Usage()) == 0


def test_haiku_stays_in_the_low_band_up_to_a_hundred_thousand_prompt_tokens() -> None:
    usage = Usage(input_tokens=60_000, cache_read_tokens=40_000, output_tokens=2_000)
    # 0.006 + 0.0004 + 0.001
    assert model(Tier.HAIKU).cost_usd(usage) == Decimal("0.0074")


def test_one_prompt_token_more_puts_every_token_of_the_haiku_call_in_the_high_band() -> None:
    usage = Usage(input_tokens=60_001, cache_read_tokens=40_000, output_tokens=2_000)
    # 0.0300005 + 0.002 + 0.005
    assert model(Tier.HAIKU).cost_usd(usage) == Decimal("0.037001")


def test_cached_tokens_count_towards_the_band() -> None:
    written = Usage(cache_write_5m_tokens=50_000, cache_write_1h_tokens=50_001)
    assert model(Tier.HAIKU).price_for(written.total_input_tokens).cache_write_1h == Decimal("1.00")


def test_output_does_not_count_towards_the_band() -> None:
    usage = Usage(input_tokens=10, output_tokens=128_000)
    assert model(Tier.HAIKU).cost_usd(usage) == Decimal("0.064001")


@given(tier=tiers, usage=usages, spare=usages)
def test_a_call_never_costs_more_than_its_worst_case(tier: Tier, usage: Usage, spare: Usage) -> None:
    assert model(tier).cost_usd(usage) <= model(tier).worst_case_usd(usage + spare)


@given(tier=tiers, usage=usages, shares=st.tuples(st.integers(0, 300_000), st.integers(0, 300_000)))
def test_what_may_be_written_to_the_cache_may_also_be_read_or_plain_within_the_worst_case(
    tier: Tier, usage: Usage, shares: tuple[int, int]
) -> None:
    plain = min(shares[0], usage.cache_write_1h_tokens)
    read = min(shares[1], usage.cache_write_5m_tokens)
    billed = Usage(
        input_tokens=usage.input_tokens + plain,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens + read,
        cache_write_5m_tokens=usage.cache_write_5m_tokens - read,
        cache_write_1h_tokens=usage.cache_write_1h_tokens - plain,
    )
    assert model(tier).cost_usd(billed) <= model(tier).worst_case_usd(usage)


@given(tier=tiers, usage=usages)
def test_costs_are_whole_micro_dollars(tier: Tier, usage: Usage) -> None:
    assert model(tier).cost_usd(usage) * 1_000_000 % 1 == 0


@given(first=usages, second=usages)
def test_usages_add_up_kind_by_kind(first: Usage, second: Usage) -> None:
    both = first + second
    assert both.total_input_tokens == first.total_input_tokens + second.total_input_tokens
    assert both.output_tokens == first.output_tokens + second.output_tokens
    assert first + Usage() == first


# -- the bound on tokens, without a tokenizer ------------------------------------------------------------------------


def tokens_at_worst(text: str) -> int:
    """What a tokenizer comes to that has never seen this text: a token for each byte, before or after NFKC."""
    return max(len(text.encode()), len(unicodedata.normalize("NFKC", text).encode()))


@given(st.text(max_size=300))
def test_no_tokenizer_over_bytes_finds_more_tokens_than_the_bound(text: str) -> None:
    assert text_bound(text) >= tokens_at_worst(text)
    assert text_bound(text) >= len(text)
    assert token_bound(text) > token_estimate(text)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("plain words", 11),
        ("提高注册转化率百分之二十", 36),  # three bytes each
        ("가입 전환율", 16),
        ("👩\u200d🚀👨\u200d👩\u200d👧\u200d👦", 36),  # families are several signs and joiners
        ("\ufdfa", 33),  # one sign of three bytes that NFKC spells out
        ("ﬁne Ⅷ ㍿", 22),
        ("for (i = 0; i < n; i++) { a[i] ^= 0xFF; }", 41),
        ("\x00\x01\t\n", 4),
    ],
    ids=["ascii", "chinese", "korean", "emoji", "ligature", "compatibility", "code", "control"],
)
def test_the_bound_holds_for_writing_of_every_kind(text: str, least: int) -> None:
    assert tokens_at_worst(text) == least
    assert text_bound(text) == least


def test_a_lone_half_of_a_sign_has_a_bound_too() -> None:
    assert text_bound("a\ud800") == 4


# -- the worst case of a request -------------------------------------------------------------------------------------


def test_a_worst_case_writes_what_lies_before_each_breakpoint_for_its_time() -> None:
    parts: list[tuple[str, CacheTime | None]] = [
        ("a" * 100, None),
        ("b" * 10, "1h"),
        ("c" * 1_000, "5m"),
        ("d" * 7, None),
    ]
    assert worst_usage(parts, max_output_tokens=9) == Usage(
        input_tokens=7, cache_write_1h_tokens=110 + FRAME_TOKENS, cache_write_5m_tokens=1_000, output_tokens=9
    )


def test_a_worst_case_without_breakpoints_is_plain_input() -> None:
    assert worst_usage([("abc", None)], max_output_tokens=1) == Usage(input_tokens=3 + FRAME_TOKENS, output_tokens=1)


def test_a_bound_beyond_the_band_is_reserved_at_the_high_price() -> None:
    haiku = model(Tier.HAIKU)
    assert haiku.worst_case_usd(Usage(input_tokens=100_000)) == Decimal("0.01")
    assert haiku.worst_case_usd(Usage(input_tokens=100_001)) == Decimal("0.050001")


@pytest.mark.parametrize("dearest", ["input", "cache_write_5m", "cache_write_1h", "cache_read"])
def test_the_worst_case_takes_the_dearest_input_rate_whichever_it_is(dearest: str) -> None:
    rates = dict.fromkeys(("input", "output", "cache_write_5m", "cache_write_1h", "cache_read"), Decimal(1))
    spec = ModelSpec(
        model_id="m",
        price=Price(**{**rates, dearest: Decimal(7)}),
        context_tokens=1_000,
        max_output_tokens=1_000,
        min_cache_tokens=0,
    )
    assert spec.worst_case_usd(Usage(cache_write_1h_tokens=1_000_000)) == 7


@given(tier=tiers, usage=usages)
def test_without_a_cache_a_call_costs_its_whole_prompt_at_the_plain_rate(tier: Tier, usage: Usage) -> None:
    spec = model(tier)
    plain = Usage(input_tokens=usage.total_input_tokens, output_tokens=usage.output_tokens)
    assert spec.uncached_usd(usage) == spec.cost_usd(plain)
