"""Values for fields, cells and list items: something meaningful first, then whatever the limits demand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice

from marketeer.adapters.rehearsal.pool import Pool
from marketeer.adapters.rehearsal.regexes import text_for
from marketeer.adapters.rehearsal.text import shorten, slug
from marketeer.domain.contract import REF_PERSONA, REF_PRICE, REF_REGISTRY, Column, Field
from marketeer.domain.contract_values import unchecked, value_problems

MAX_TRIES = 120
EVENTS = (
    "sign_up",
    "trial_start",
    "first_value_reached",
    "plan_selected",
    "invite_sent",
    "setup_completed",
    "demo_requested",
    "generate_lead",
    "upgrade_started",
    "upgrade_completed",
    "cancel_started",
    "email_confirmed",
    "tour_finished",
    "offer_shown",
    "offer_dismissed",
    "offer_submitted",
    "checkout_started",
    "referral_shared",
    "referral_joined",
)
_PARAMETERS = ("method", "plan", "source", "step", "variant", "page_type", "role", "reason", "channel")
_DAYS = ("T-30", "T-21", "T-14", "T-10", "T-7", "T-5", "T-3", "T-2", "T-1", "T0", "T+1", "T+3", "T+7", "T+14", "T+30")
_PLATFORMS = ("LinkedIn", "X", "Instagram", "Facebook", "Threads")
_SCALE = re.compile(r"\b(\d{1,2})(?:-| to )(\d{1,3})\b")  # a hint such as "1 to 5"
_ORDINAL = re.compile(r"^(#|id|no\.?|rank|order|step|week|day|number|stage no)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a value goes: its row (or running number), of how many, under which heading, with its hint.

    `customer`: customers read it.
    """

    row: int = 0
    rows: int = 1
    heading: str = ""
    hint: str = ""
    kind: str | None = None
    customer: bool = False
    taken: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Values:
    """Makes values that hold against the contract's own check."""

    pool: Pool
    rng: random.Random
    today: date
    registry: Sequence[str]
    prices: Sequence[str]
    table_values: Callable[[str], Sequence[str]]

    def of(self, rule: Field | Column, place: Place) -> str:
        """A value for this field or cell; one that fails the limits only if nothing satisfied them."""
        first = ""
        for value in islice(self._candidates(rule, place), MAX_TRIES):
            text = value.strip()
            first = first or text
            if not text or (text.casefold() in place.taken and not _may_repeat(text)):
                continue
            if not any(value_problems(text, rule, unchecked)):
                return text
        return first

    def item(self, pattern: str | None, place: Place, *, kind: str, max_chars: int | None = None) -> str:
        """A list item, matching the pattern where there is one."""
        rule = Column(name=place.hint or place.heading, pattern=pattern, max_chars=max_chars)
        return self.of(rule, replace(place, kind=kind))

    def title(self, pattern: str | None, place: Place) -> str:
        """An H3: by the pattern if there is one, else by what the hint asks for."""
        if pattern is not None:
            return self.of(Column(name=place.hint, pattern=pattern), place)
        hint = f"{place.hint} {place.heading}".casefold()
        number = place.row + 1
        if "rival" in hint or "competitor" in hint:
            rivals = self.pool.slots["rival"]
            return rivals[place.row % len(rivals)][:1].upper() + rivals[place.row % len(rivals)][1:]
        numbered = re.match(r"(?P<word>[A-Za-z]+) \d+", place.hint)
        word = numbered["word"] if numbered else ("Rank" if "rank" in hint else "")
        phrase = self.pool.phrase(self.pool.kind_of(place.hint, place.heading), max_chars=60, customer=True)
        return f"{word} {number}: {phrase}" if word else phrase

    # -- candidates, the most meaningful first ---------------------------------------------------------------------

    def _candidates(self, rule: Field | Column, place: Place) -> Iterator[str]:
        name = rule.name if isinstance(rule, Column) else rule.label
        yield from self._given(rule, place)
        if rule.ref and rule.ref != REF_PRICE:
            return  # anything else would point nowhere
        if isinstance(rule, Column) and _ORDINAL.match(name):
            yield from self._ordinal(name, place)
        if rule.integer or rule.minimum is not None or rule.maximum is not None:
            yield from self._numeric(rule, name, place)
        scale = _SCALE.search(rule.hint)
        if scale and not rule.max_chars and int(scale[1]) < int(scale[2]) <= 100:
            low, high = int(scale[1]), int(scale[2])
            yield str(high - (place.row + self.rng.randrange(2)) % (high - low + 1))
        if re.match(r"yes\b", rule.hint.casefold()) and not rule.one_of:
            yield "yes"
        yield from self._said(rule, name, place)
        if rule.pattern:
            yield from self._patterned(rule.pattern, place)

    def _given(self, rule: Field | Column, place: Place) -> Iterator[str]:
        """Values the contract itself lists or points to."""
        options = list(rule.one_of)
        if isinstance(rule, Column) and rule.must_include:
            options = [*rule.must_include, *(one for one in options if one not in rule.must_include)]
        if rule.one_of:
            yield from (options[(place.row + shift) % len(options)] for shift in range(len(options)))
        elif place.row < len(options) and not _ORDINAL.match(rule.name if isinstance(rule, Column) else ""):
            yield options[place.row]
        if rule.ref == REF_REGISTRY:
            yield from _turned(self.registry, place.row)
        elif rule.ref == REF_PERSONA:
            yield from _turned(self.pool.personas, place.row)
        elif rule.ref == REF_PRICE:
            yield self.prices[place.row % len(self.prices)] if self.prices else "No price is on file yet"
        elif rule.ref:
            yield from _turned(self.table_values(rule.ref), place.row)

    def _ordinal(self, name: str, place: Place) -> Iterator[str]:
        number = place.row + 1
        if name.casefold() == "id":
            letter = (place.heading or "R")[0].upper()
            yield f"{letter}{number}"
            yield f"A{number}"
        elif name.casefold() == "day":
            yield _DAYS[max(0, len(_DAYS) - 2 - place.rows + place.row) % len(_DAYS)]
        yield str(number)
        yield f"{number:02d}"

    def _numeric(self, rule: Field | Column, name: str, place: Place) -> Iterator[str]:
        low = rule.minimum if rule.minimum is not None else min(1.0, rule.maximum or 1.0)
        high = rule.maximum if rule.maximum is not None else low + 9
        span = max(1, int(high - low))
        unit = "%" if re.search(r"share|percent|rate", name.casefold()) and high > 10 and not rule.integer else ""
        multiple = rule.multiple_of if isinstance(rule, Field) else None
        if multiple:
            yield str(-(-int(low) // multiple) * multiple)
        if isinstance(rule, Field) and rule.integer:
            yield from (str(int(low) + step) for step in (2, 1, 0) if low + step <= high)  # a field counts things
        top = int(high) - (0 if span < 3 else self.rng.randrange(2))
        for step in range(span + 1):
            value = top - (place.row + step) % (span + 1)
            yield f"{value}{unit}"
        yield f"{low:g}"
        yield f"{high:g}"

    def _said(self, rule: Field | Column, name: str, place: Place) -> Iterator[str]:
        """Phrases by what the label asks for, lengthened or completed where the limits want it."""
        kind = place.kind or self.pool.kind_of(name, place.hint, place.heading)
        customer = place.customer or rule.customer_facing
        if kind in ("url", "slug", "date", "event"):
            yield from self._special(kind, place)
        least = rule.min_chars if isinstance(rule, Field) else None
        wanted = rule.contains if isinstance(rule, Field) else ()
        if wanted and all(text.startswith("utm_") for text in wanted):
            yield "&".join(f"{text}={slug(text.removeprefix('utm_'))}" for text in wanted)
        # A pattern may limit the length in its own way: shorter phrases are tried as well.
        for room in (None, None, None, 88, 30, 25, 20):
            most = _least(rule.max_chars, room if rule.pattern else None)
            text = self.pool.phrase(kind, max_chars=most, customer=customer)
            while least is not None and len(text) < least:
                text = f"{text}; {self.pool.phrase('action', customer=True)}"
            text = text if rule.max_chars is None else shorten(text, rule.max_chars)
            if wanted:
                yield from (f"{text}: {', '.join(wanted)}", ", ".join(wanted))
            yield text
        for who in (*self.pool.slots["persona"], str(place.row + 1)):
            room = rule.max_chars - len(who) - 3 if rule.max_chars is not None else None
            yield f"{self.pool.phrase(kind, max_chars=room, customer=customer)} ({who})"
        if rule.max_chars is not None:
            yield shorten(self.pool.product, rule.max_chars)

    def _special(self, kind: str, place: Place) -> Iterator[str]:
        if kind == "url":
            yield f"https://example.com/{slug(self.pool.phrase('query', customer=True))}"
        elif kind == "slug":
            yield slug(self.pool.phrase("query", customer=True))
        elif kind == "date":
            yield (self.today + timedelta(days=7 * place.row)).isoformat()
        else:
            yield from (EVENTS[(place.row + i) % len(EVENTS)] for i in range(len(EVENTS)))

    def _patterned(self, pattern: str, place: Place) -> Iterator[str]:
        number = place.row + 1
        day = (self.today + timedelta(days=3 * number)).isoformat()
        phrase = self.pool.phrase("action", max_chars=60, customer=True)
        yield f"Email {number} \u00b7 Day {1 + 4 * place.row}"
        yield f"P{number:02d} \u00b7 {self._platform(place)} \u00b7 {day}"
        yield from (EVENTS[(place.row + i) % len(EVENTS)] for i in range(len(EVENTS)))
        yield from (_PARAMETERS[(place.row + i) % len(_PARAMETERS)] for i in range(len(_PARAMETERS)))
        yield from (day, _DAYS[place.row % len(_DAYS)], "no data", f"{number}", "as on file, once every 30 days")
        yield from (f"{phrase}: {self.pool.phrase('reason')}", f"{phrase} ({EVENTS[place.row % len(EVENTS)]})")
        yield f"{phrase}: {EVENTS[place.row % len(EVENTS)]}"
        yield from (self.pool.phrase("hypothesis"), "relative, agreed before the start", "Free", "50% scroll", "50/50")
        yield from ("plain, calm, direct, friendly", f"{phrase} for {{trade}}")
        yield from (f"https://example.com/{slug(phrase)}", f"https://example.com/{{{_PARAMETERS[0]}}}", slug(phrase))
        yield from (phrase.casefold(), f"A{number}")
        for _ in range(20):
            made = text_for(pattern, self.rng, self.pool.words())
            yield from (made, f"{phrase} {made}", f"{made} {phrase}")

    def _platform(self, place: Place) -> str:
        return _PLATFORMS[place.row % len(_PLATFORMS)]


def _may_repeat(text: str) -> bool:
    return text.isdigit() or text == "yes"


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _turned(values: Sequence[str], row: int) -> Iterator[str]:
    """Each value once, beginning with another one in every row; then several at a time."""
    turned = [values[(row + step) % len(values)] for step in range(len(values))]
    yield from turned
    for together in (2, 3, 4):
        for start in range(len(turned)):
            some = [turned[(start * together + step) % len(turned)] for step in range(together)]
            yield ", ".join(dict.fromkeys(some))
