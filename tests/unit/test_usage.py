"""What a call costs: exact to the micro-dollar, and never more than its worst case."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.adapters.team_files import load_team
from marketeer.domain.usage import ModelSpec, Price, Tier, Usage, token_bound, token_estimate

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


@given(tier=tiers, usage=usages, spare_input=tokens, spare_output=tokens)
def test_a_call_never_costs_more_than_its_worst_case(
    tier: Tier, usage: Usage, spare_input: int, spare_output: int
) -> None:
    worst = model(tier).worst_case_usd(
        input_token_bound=usage.total_input_tokens + spare_input,
        max_output_tokens=usage.output_tokens + spare_output,
    )
    assert model(tier).cost_usd(usage) <= worst


@given(tier=tiers, usage=usages)
def test_costs_are_whole_micro_dollars(tier: Tier, usage: Usage) -> None:
    assert model(tier).cost_usd(usage) * 1_000_000 % 1 == 0


@given(first=usages, second=usages)
def test_usages_add_up_kind_by_kind(first: Usage, second: Usage) -> None:
    both = first + second
    assert both.total_input_tokens == first.total_input_tokens + second.total_input_tokens
    assert both.output_tokens == first.output_tokens + second.output_tokens
    assert first + Usage() == first


@given(st.text(max_size=300))
def test_the_token_bound_is_above_any_realistic_count(text: str) -> None:
    assert token_bound(text) >= token_estimate(text)
    assert token_bound(text, text) >= 2 * len(text.encode())


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
    assert spec.worst_case_usd(input_token_bound=1_000_000, max_output_tokens=0) == 7
