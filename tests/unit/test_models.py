"""models.toml: which model stands behind a tier, and that none can be called without a price."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.adapters.team_files import BUILT_IN, FileTeam, load_team
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.usage import Tier

OWN_MODEL = """\
[[models]]
id = "local-llama"
price = { input = "0", output = "0" }
context_tokens = 32_000
max_output_tokens = 8_000
checked = 2026-11-22
source = "runs on our own machine"
"""


def team_with(tmp_path: Path, models: str, overrides: dict[Tier, str] | None = None) -> FileTeam:
    (tmp_path / "models.toml").write_text(models)
    return FileTeam(built_in=BUILT_IN, workspace=tmp_path, model_overrides=overrides or {})


def problem(tmp_path: Path, models: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        team_with(tmp_path, models).model(Tier.OPUS)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("tier", "model_id", "price_in", "price_out", "cache_read"),
    [
        (Tier.OPUS, "claude-opus-5-5", "4", "20", "0.20"),
        (Tier.SONNET, "claude-sonnet-5-5", "2", "10", "0.10"),
        (Tier.HAIKU, "claude-haiku-5-5", "0.10", "0.50", "0.01"),
    ],
)
def test_each_tier_has_a_model_and_its_price(
    tier: Tier, model_id: str, price_in: str, price_out: str, cache_read: str
) -> None:
    model = load_team(None).model(tier)
    assert model.model_id == model_id
    assert (model.price.input, model.price.output) == (Decimal(price_in), Decimal(price_out))
    assert model.price.cache_read == Decimal(cache_read)
    assert (model.context_tokens, model.max_output_tokens) == (1_000_000, 128_000)


@pytest.mark.parametrize(
    ("model_id", "price_in", "price_out", "cache_read"),
    [
        ("claude-fable-5-2", "8", "40", "0.20"),
        ("claude-opus-5", "5", "25", "0.50"),
        ("claude-sonnet-5", "2", "10", "0.20"),
        ("claude-sonnet-4-6", "3", "15", "0.30"),
        ("claude-haiku-4-5", "1", "5", "0.10"),
    ],
)
def test_an_override_may_name_any_priced_model(model_id: str, price_in: str, price_out: str, cache_read: str) -> None:
    price = load_team(None, model_overrides={Tier.OPUS: model_id}).model(Tier.OPUS).price
    assert (price.input, price.output, price.cache_read) == (
        Decimal(price_in),
        Decimal(price_out),
        Decimal(cache_read),
    )
    assert price.cache_write_5m == price.input * Decimal("1.25")
    assert price.cache_write_1h == price.input * 2


def test_only_the_overridden_tier_changes() -> None:
    team = load_team(None, model_overrides={Tier.HAIKU: "claude-haiku-4-5"})
    assert team.model(Tier.HAIKU).model_id == "claude-haiku-4-5"
    assert team.model(Tier.SONNET).model_id == "claude-sonnet-5-5"


def test_an_override_without_a_price_cannot_be_called() -> None:
    team = load_team(None, model_overrides={Tier.SONNET: "claude-sonnet-9"})
    with pytest.raises(ConfigurationError, match=r"'claude-sonnet-9' has no price.*team/models\.toml.*did you mean"):
        team.model(Tier.SONNET)


def test_a_workspace_tier_without_a_price_cannot_be_called(tmp_path: Path) -> None:
    team = team_with(tmp_path, '[tiers]\nopus = "mystery"\n')
    with pytest.raises(ConfigurationError, match="'mystery' has no price, so it cannot be called"):
        team.model(Tier.OPUS)


def test_a_workspace_may_add_a_model_and_give_it_a_tier(tmp_path: Path) -> None:
    team = team_with(tmp_path, '[tiers]\nhaiku = "local-llama"\n' + OWN_MODEL)
    assert team.model(Tier.HAIKU).context_tokens == 32_000
    assert team.model(Tier.HAIKU).price.output == 0
    assert team.model(Tier.OPUS).model_id == "claude-opus-5-5"


def test_a_workspace_may_correct_a_price(tmp_path: Path) -> None:
    team = team_with(tmp_path, OWN_MODEL.replace("local-llama", "claude-opus-5-5").replace('"0"', "4.5"))
    assert team.model(Tier.OPUS).price.input == Decimal("4.5")


def test_cache_prices_left_out_are_never_a_discount(tmp_path: Path) -> None:
    text = OWN_MODEL.replace('input = "0"', 'input = "3"')
    price = team_with(tmp_path, text, {Tier.OPUS: "local-llama"}).model(Tier.OPUS).price
    assert (price.cache_write_5m, price.cache_write_1h, price.cache_read) == (Decimal("3.75"), Decimal(6), Decimal(3))


def test_a_model_entry_without_a_price_names_its_line(tmp_path: Path) -> None:
    message = problem(tmp_path, "# mine\n\n" + OWN_MODEL.replace('price = { input = "0", output = "0" }\n', ""))
    assert message == "team/models.toml:3: models[1].price is missing; add it"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "context_tokens",
            "contxt_tokens",
            r":4: unknown key 'contxt_tokens' in models; did you mean 'context_tokens'",
        ),
        ('output = "0"', 'output = "-1"', r":3: models\[1\]\.price\.output is '-1'; it must be greater than"),
        ('output = "0"', 'output = "nan"', r":3: models\[1\]\.price\.output is 'nan'"),
        ('output = "0"', 'output = "free"', r":3: models\[1\]\.price\.output is 'free'"),
        ("32_000", "0", r":4: models\[1\]\.context_tokens is 0"),
        ("2026-11-22", '"soon"', r":6: models\[1\]\.checked is 'soon'"),
        ("[[models]]", "[[modles]]", r":1: unknown key 'modles'; did you mean 'models'"),
        ("32_000", "many", r":4: .*correct the TOML"),
    ],
)
def test_a_mistake_is_named_with_line_and_remedy(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^team/models\.toml" + expected):
        team_with(tmp_path, OWN_MODEL.replace(old, new)).model(Tier.OPUS)


def test_the_second_of_two_entries_for_one_model_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path, OWN_MODEL + OWN_MODEL) == (
        "team/models.toml:9: the model 'local-llama' stands twice; remove one entry"
    )


def test_a_long_prompt_may_not_be_cheaper(tmp_path: Path) -> None:
    """The reservation is made at the long price: were it lower, a short call could cost more than was reserved."""
    long = 'long_prompt_tokens = 1000\nlong_price = { input = "1", output = "1" }\n'
    message = problem(tmp_path, OWN_MODEL.replace('"0"', '"2"') + long)
    assert message.startswith("team/models.toml:9: a long_price below price")


def test_an_unknown_tier_is_refused(tmp_path: Path) -> None:
    assert problem(tmp_path, '[tiers]\nsonet = "claude-sonnet-5"\n') == (
        "team/models.toml:2: unknown key 'sonet' in tiers; did you mean 'sonnet'?"
    )
