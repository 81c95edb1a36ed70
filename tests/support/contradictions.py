"""Statements as specialists write them, planted in good deliverables: some contradict each other, some do not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marketeer.domain.contradiction import Output
from tests.support.deliverables import CONTEXT, deliverables

HARBOUR = """# Product Marketing Context: Harbourlog

## Product Overview

**One-liner:** Harbourlog keeps every berth of a small harbour booked and billed.
**Pricing:** Quay is €39 a month, Basin is €119 a month. Every plan begins with a free trial.

## Competitive Landscape

| Alternative | Type |
|---|---|
| PierPal | direct, €29 a month after a 60-day trial |
"""
BOXES = """# Product marketing context for Rootbox

## Overview

- **Small veg box** - £18 a week, feeds two
- **Family veg box** - £26 a week, feeds four

## Personas

- Ana, parent of two
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    context: str
    product: str
    # name, sign, price, period
    plans: tuple[tuple[str, str, int, str], ...]


COMPANIES = (
    Company(context=CONTEXT, product="Fieldnod", plans=(("Crew", "$", 49, "month"), ("Office", "$", 129, "month"))),
    Company(context=HARBOUR, product="Harbourlog", plans=(("Quay", "€", 39, "month"), ("Basin", "€", 119, "month"))),
    Company(
        context=BOXES,
        product="Rootbox",
        plans=(("Small veg box", "£", 18, "week"), ("Family veg box", "£", 26, "week")),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A goal's outputs with two statements planted in them, and what was planted."""

    kind: str
    said: tuple[str, str]
    outputs: tuple[Output, Output]
    context: str


_PRICES = (
    "{plan} is {sign}{price} a {period}.",
    "{plan}: {sign}{price} a {period}",
    "**{plan}:** {sign}{price}/{period}",
    "Start with {plan} for {sign}{price} per {period}, and stop whenever you like.",
    "The {plan} plan costs {sign}{price} each {period}.",
    "{plan} ({sign}{price} a {period}) covers the whole team.",
    "Pay {sign}{price} a {period} for {plan} and forget the paper.",
    "Most teams take {plan}, at {sign}{price} a {period}.",
    "{plan} - {sign}{price} / {period}",
    "| Plan | Price |\n|---|---|\n| {plan} | {sign}{price} a {period} |",
)
_TRIALS = (
    "Start your {n}-day free trial today.",
    "Every account begins with a {n}-day trial.",
    "**Free trial:** {n} days",
    "Try {product} free for {n} days.",
    "The free trial lasts {n} days; no card is needed.",
    "Your trial runs for {n} days, and nothing is charged meanwhile.",
    "Use it free for {n} days, then decide.",
    "Get a free {n}-day trial of {product}.",
)
_GUARANTEES = (
    "There is a {n}-day money-back guarantee.",
    "Not for you? Ask within {n} days for a full refund.",
    "**Guarantee:** {n} days, money back",
    "You are covered by our {n}-day money back guarantee.",
    "We refund you within {n} days, without a question.",
    "Our money-back guarantee is good for {n} days.",
    "A full refund within {n} days, no questions asked.",
)
_DISCOUNTS = (
    "Early-bird places are {n}% off.",
    "Book early: the early bird discount is {n}%.",
    "**Early-bird offer:** {n}% off the first season",
    "Early birds save {n}% on the first year.",
)
_CODES = (
    "Use code NOD2026 for {n}% off your first month.",
    "With the code NOD2026 you save {n}%.",
    "{n}% off with code NOD2026, until it is gone.",
    "Enter coupon NOD2026 and get a {n}% discount.",
)
_LAUNCHES = (
    "Offline mode launches on {date}.",
    "Offline mode goes live on {date}, for everyone.",
    "We launch offline mode on {date}.",
    "On the plan: offline mode ships on {date}.",
)
_WEBINARS = (
    "The webinar is on {date}.",
    "**Webinar:** {date}",
    "Join us: the webinar takes place on {date}.",
    "The webinar starts on {date} at noon.",
    "| Date | Event |\n|---|---|\n| {date} | Webinar |",
)
_SALES = (
    "The spring sale ends on {date}.",
    "Our spring sale closes {date}.",
    "**Spring sale ends:** {date}",
    "Hurry, the spring sale runs until {date}.",
)
_NAMES = ("{product} keeps the record for you.", "With {product}, nothing is forgotten.", "Why teams pick {product}")
_DAYS = ("3 March", "March 10", "17 March 2026", "2026-03-24", "April 2nd", "the 9th of April")
_LENGTHS = (7, 14, 21, 30, 45, 60)

Two = tuple[str, str]


def _forms(rng: random.Random, forms: tuple[str, ...]) -> Two:
    return rng.choice(forms), rng.choice(forms)


def _two(rng: random.Random, values: tuple[object, ...]) -> list[object]:
    return rng.sample(values, 2)


def _price(rng: random.Random, one: Company) -> Two:
    plan, sign, price, period = rng.choice(one.plans)
    wrong = price + rng.choice((-5, 3, 10, 20))
    values = {"plan": plan, "sign": sign, "period": period}
    first, second = _forms(rng, _PRICES)
    return first.format(price=price, **values), second.format(price=wrong, **values)


def _numbered(forms: tuple[str, ...], values: tuple[object, ...], name: str = "n") -> Callable[..., Two]:
    def make(rng: random.Random, one: Company) -> Two:
        first, second = _forms(rng, forms)
        this, that = _two(rng, values)
        return first.format(product=one.product, **{name: this}), second.format(product=one.product, **{name: that})

    return make


def _name(rng: random.Random, one: Company) -> Two:
    at = {"Fieldnod": 5, "Harbourlog": 7, "Rootbox": 4}[one.product]
    start, end = one.product[:at], one.product[at:].capitalize()
    wrong = rng.choice((f"{start}{end}", f"{start} {end}", f"{start}-{end}"))
    first, second = _forms(rng, _NAMES)
    return first.format(product=one.product), second.format(product=wrong)


CONTRADICTORY: dict[str, Callable[[random.Random, Company], Two]] = {
    "price": _price,
    "trial": _numbered(_TRIALS, _LENGTHS),
    "guarantee": _numbered(_GUARANTEES, _LENGTHS),
    "discount": _numbered(_DISCOUNTS, (10, 15, 20, 25)),
    "code": _numbered(_CODES, (10, 15, 20, 25)),
    "launch date": _numbered(_LAUNCHES, _DAYS, "date"),
    "webinar date": _numbered(_WEBINARS, _DAYS, "date"),
    "end of a sale": _numbered(_SALES, _DAYS, "date"),
    "name": _name,
}


def _pairs(*pairs: Two) -> Callable[[random.Random, Company], Two]:
    def make(rng: random.Random, one: Company) -> Two:
        first, second = rng.choice(pairs)
        values = {"product": one.product, "plan": one.plans[0][0], "other": one.plans[1][0], "sign": one.plans[0][1]}
        values |= {"price": str(one.plans[0][2]), "dear": str(one.plans[1][2]), "period": one.plans[0][3]}
        return first.format(**values), second.format(**values)

    return make


# Two values that are no contradiction: of two things, weighed, compared, or the same in other words.
COMPATIBLE: dict[str, Callable[[random.Random, Company], Two]] = {
    "the same price": _pairs(
        ("{plan} is {sign}{price} a {period}.", "**{plan}:** {sign}{price}/{period}"),
        ("{plan} costs {sign}{price} per {period}.", "{plan}: {sign}{price}.00 a {period}"),
    ),
    "two plans": _pairs(("{plan} is {sign}{price} a {period}.", "{other} is {sign}{dear} a {period}.")),
    "two periods": _pairs(("{plan} is {sign}{price} a {period}.", "{plan} is {sign}490 a year.")),
    "a price that is weighed": _pairs(
        ("{plan} is {sign}{price} a {period}.", "If {plan} were {sign}55 a {period}, fewer would stay."),
        ("{plan} is {sign}{price} a {period}.", "We recommend {plan} at {sign}59 a {period} [target]."),
        ("{plan} is {sign}{price} a {period}.", "Raise {plan} from {sign}{price} to {sign}59 a {period}."),
        ("{plan} is {sign}{price} a {period}.", "Test {plan} at {sign}59 a {period} against {sign}{price}."),
        ("{plan} is {sign}{price} a {period}.", "{plan} was {sign}20 a {period} last year."),
    ),
    "another's price": _pairs(
        ("{plan} is {sign}{price} a {period}.", "PierPal is {sign}29 a month, their Pro plan {sign}79 a month."),
        ("{plan} is {sign}{price} a {period}.", "Competitors charge {sign}79 a month for a {plan} of their own."),
    ),
    "money of another kind": _pairs(
        ("Budget: {sign}4,000 a month", "Budget: {sign}750 a month for search alone"),
        ("Revenue per customer is {sign}60 a month [calc].", "Revenue: {sign}24,748 a month [ctx]"),
    ),
    "two lengths of two things": _pairs(
        ("Start your 14-day free trial today.", "There is a 30-day money-back guarantee."),
        ("The {plan} plan has a 14-day trial.", "The {other} plan has a 30-day trial."),
        ("Your trial runs for 14 days.", "Remind them after 7 days of the trial."),
        ("Your trial runs for 14 days.", "Day 10 of the trial: send the second mail."),
    ),
    "the same length": _pairs(
        ("Start your 14-day free trial today.", "Try {product} free for two weeks."),
        ("There is a 30-day money-back guarantee.", "A full refund within one month, no questions asked."),
    ),
    "a length that is weighed": _pairs(
        ("Start your 14-day free trial today.", "Should the trial be 30 days long? A test will tell."),
        ("Start your 14-day free trial today.", "Rivals give a 30-day trial."),
        ("Start your 14-day free trial today.", "Trial to paid within 30 days: 12% [target]"),
        ("There is a 30-day money-back guarantee.", "Refunds in 60 days, as a guardrail: no worse than before"),
    ),
    "two discounts": _pairs(
        ("Early-bird places are 20% off.", "Students get 30% off."),
        ("Use code NOD2026 for 20% off.", "Use code LATE2026 for 10% off."),
        ("Early-bird places are 20% off.", "Bounce fell by 35% on the early-bird page."),
    ),
    "two dates": _pairs(
        ("Offline mode launches on 3 March.", "Price lists launch on 10 April."),
        ("The webinar is on 3 March.", "Registration closes on 1 March."),
        ("The beta launch is on 3 March.", "The public launch is on 17 March."),
        ("Offline mode launches on 3 March.", "Write to the list on 24 February, before offline mode goes live."),
    ),
    "the same date": _pairs(
        ("Offline mode launches on 3 March.", "Offline mode goes live on March 3rd, 2026."),
        ("The webinar is on 2026-03-10.", "**Webinar:** 10 March"),
    ),
    "a name in an address": _pairs(
        ("{product} keeps the record.", "Follow @FieldNod or #FieldNod, write to hello@Field-Nod.example."),
        ("{product} keeps the record.", "WHY {product} PAYS: utm_source=fieldnod"),
    ),
}


def cases(kinds: dict[str, Callable[[random.Random, Company], Two]], *, seed: int, count: int) -> Iterator[Case]:
    """So many goals of two outputs, every kind in turn."""
    rng = random.Random(seed)  # noqa: S311 - repeatable by its seed
    names = list(kinds)
    for turn in range(count):
        kind, one = names[turn % len(names)], rng.choice(COMPANIES)
        said = kinds[kind](rng, one)
        hosts = rng.sample(deliverables(), 2)
        outputs = tuple(
            Output(name=f"output {number}", text=planted(host.text.replace("Fieldnod", one.product), text, rng))
            for number, (host, text) in enumerate(zip(hosts, said, strict=True), start=1)
        )
        yield Case(kind=kind, said=said, outputs=(outputs[0], outputs[1]), context=one.context)


def planted(text: str, said: str, rng: random.Random) -> str:
    """The text with the statement in its summary, or in a section of copy of its own."""
    head, _, tail = text.partition("\n## Handoff")
    fence = rng.choice(("copy", "email", "post"))
    if "|" in said or said.startswith("**") or rng.random() < 0.5:
        return f"{head}\n\n## What We Say\n\n{said}\n\n## Handoff{tail}"
    return f"{head}\n\n## Page Copy\n\n```{fence}\nGood to know.\n{said}\nSee you there.\n```\n\n## Handoff{tail}"
