"""What models.toml may say: the model behind each tier, and what each model costs and holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from marketeer.adapters.team_files.schema import AtLeastOne, Count, Line
from marketeer.adapters.team_files.source import Source, Strict, wrong
from marketeer.domain.usage import ModelSpec, Price, Tier

# What a cache write costs more than plain input, where a model's entry does not say.
WRITE_5M_FACTOR = Decimal("1.25")
WRITE_1H_FACTOR = Decimal(2)

Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class PriceRule(Strict):
    input: Dollars
    output: Dollars
    cache_write_5m: Dollars | None = None
    cache_write_1h: Dollars | None = None
    cache_read: Dollars | None = None

    def make(self) -> Price:
        return Price(
            input=self.input,
            output=self.output,
            cache_write_5m=_given(self.cache_write_5m, self.input * WRITE_5M_FACTOR),
            cache_write_1h=_given(self.cache_write_1h, self.input * WRITE_1H_FACTOR),
            cache_read=_given(self.cache_read, self.input),
        )


class ModelRule(Strict):
    id: Line
    price: PriceRule
    long_price: PriceRule | None = None
    long_prompt_tokens: AtLeastOne | None = None
    context_tokens: AtLeastOne
    max_output_tokens: AtLeastOne
    min_cache_tokens: Count = 1024
    checked: date
    source: Line

    @model_validator(mode="after")
    def _long_prompts(self) -> Self:
        if (self.long_price is None) != (self.long_prompt_tokens is None):
            msg = "long_price and long_prompt_tokens belong together; give both or neither"
            raise wrong(msg, "long_prompt_tokens" if self.long_price is None else "long_price")
        if self.long_price and not _at_least(self.long_price.make(), self.price.make()):
            # A reservation is made at the price of the longest prompt: it must be the dearest.
            msg = "a long_price below price is not supported; leave long_price out"
            raise wrong(msg, "long_price")
        return self

    def make(self) -> ModelSpec:
        return ModelSpec(
            model_id=self.id,
            price=self.price.make(),
            context_tokens=self.context_tokens,
            max_output_tokens=self.max_output_tokens,
            min_cache_tokens=self.min_cache_tokens,
            long_price=self.long_price.make() if self.long_price else None,
            long_prompt_tokens=self.long_prompt_tokens,
        )


class TiersRule(Strict):
    opus: Line | None = None
    sonnet: Line | None = None
    haiku: Line | None = None


class ModelsFile(Strict):
    tiers: TiersRule = Field(default_factory=TiersRule)
    models: tuple[ModelRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The model id behind each tier, and every model that has a price."""

    tiers: dict[Tier, str] = field(default_factory=dict)
    specs: dict[str, ModelSpec] = field(default_factory=dict)

    def overlaid(self, other: Models) -> Models:
        return Models(tiers=self.tiers | other.tiers, specs=self.specs | other.specs)


def read_models(source: Source, data: object) -> Models:
    """The file's tiers and models. Raises ConfigurationError when an id stands twice."""
    file = source.check(ModelsFile, data)
    specs: dict[str, ModelSpec] = {}
    for number, rule in enumerate(file.models):
        if rule.id in specs:
            msg = f"the model {rule.id!r} stands twice; remove one entry"
            raise source.error(("models", number, "id"), msg)
        specs[rule.id] = rule.make()
    named = {tier: model_id for tier in Tier if (model_id := getattr(file.tiers, tier.value))}
    return Models(tiers=named, specs=specs)


def _given(price: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if price is None else price


def _at_least(high: Price, low: Price) -> bool:
    return all(getattr(high, kind) >= getattr(low, kind) for kind in PriceRule.model_fields)
