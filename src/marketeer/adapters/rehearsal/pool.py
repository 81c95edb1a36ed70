"""This company's words put into the phrases: every call gives one that was not used before, if there is one left."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from marketeer.adapters.rehearsal.phrases import KINDS, PHRASES, QUESTIONS, SENTENCES
from marketeer.adapters.rehearsal.text import clean, sentence, shorten
from marketeer.domain.product_context import ProductContext

UNKNOWN_PRODUCT = "the product"
MAX_DRAWS = 60
# What stands in where the context says nothing. No figures and no names: those would be inventions.
FALLBACK: dict[str, tuple[str, ...]] = {
    "persona": ("the buyer", "the daily user", "the person who signs", "a first-time visitor"),
    "problem": (
        "the way it is done today takes longer than it should",
        "nobody can see where things stand",
        "the decision is put off because the next step is unclear",
        "the same question is answered again and again",
    ),
    "diff": (
        "a shorter way: the next step is always visible",
        "one place for it: nothing has to be collected first",
        "plain wording: people know what they agree to",
    ),
    "rival": ("doing nothing", "a spreadsheet", "the tool already in use"),
    "metric": ("the measure the goal names", "completed first steps", "returning users"),
    "conversion": ("the first step",),
    "quote": (),
    "objection": (),
    "claim": (),
    "price": (),
    "baseline": (),
    "target": (),
}
_PLACE = re.compile(r"\{(\w+)\}")
_FIGURES = re.compile(r"\d")


@dataclass(slots=True, kw_only=True)
class Pool:
    """Phrases for one document; customer-facing text carries no provenance tags.

    `used` remembers them by kind. When every phrase of a kind was used, the kind begins anew.
    """

    context: ProductContext
    goal: str
    rng: random.Random
    used: dict[str, set[str]] = field(default_factory=dict)
    slots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        context = self.context
        known: dict[str, Sequence[str]] = {
            "persona": context.personas,
            "problem": context.problems,
            "diff": context.differentiators,
            "rival": context.rivals,
            "metric": [row.metric for row in context.goals if row.metric],
            # Of "free signup, then first order", the first half is what a sentence can carry.
            "conversion": re.split(r"[,;(]", context.primary_conversion)[:1],
            # Quotes are verbatim: one with a figure would need a tag inside its quotation marks.
            "quote": [quote.text for quote in context.quotes if not _FIGURES.search(quote.text)],
            "claim": context.claims,
            "objection": context.objections,
            "price": context.prices,
            "baseline": [f"{row.metric}: {row.baseline}" for row in context.goals if row.metric and row.baseline],
            "target": [f"{row.metric}: {row.target}" for row in context.goals if row.metric and row.target],
        }
        for name, values in known.items():
            tidy = [shorten(clean(value), 140).rstrip(".") for value in values]
            kept = tuple(dict.fromkeys(value for value in tidy if value)) or FALLBACK[name]
            self.slots[name] = tuple(self.rng.sample(kept, len(kept)))
        self.slots["product"] = (clean(context.product or "") or UNKNOWN_PRODUCT,)
        self.slots["goal"] = (f"\u201c{self.goal}\u201d",)
        self.slots["diff_head"] = tuple(diff.partition(":")[0] for diff in self.slots["diff"])
        self.slots["persona_full"] = self.slots["persona"]
        self.slots["persona"] = tuple(re.split(r"[,(]", who)[0].strip() or who for who in self.slots["persona"])
        self.slots["problem_short"] = tuple(shorten(text.casefold(), 50) for text in self.slots["problem"])

    @property
    def product(self) -> str:
        return self.slots["product"][0]

    @property
    def personas(self) -> tuple[str, ...]:
        return self.slots["persona_full"]

    def kind_of(self, *labels: str) -> str:
        """The kind of phrase that fits a label; the first label that says anything decides."""
        for label in labels:
            for pattern, kind in KINDS:
                if re.search(pattern, label.casefold()):
                    return kind
        return "general"

    def phrase(self, kind: str, *, max_chars: int | None = None, customer: bool = False) -> str:
        """A phrase of that kind that fits, new as long as there are new ones."""
        templates = PHRASES.get(kind, PHRASES["general"])
        return self._draw(kind, templates, max_chars=max_chars, customer=customer)

    def sentence(self, *, customer: bool = False) -> str:
        if customer:
            return sentence(self._draw("copy", PHRASES["copy"], customer=True))
        return sentence(self._draw("sentence", SENTENCES))

    def question(self) -> str:
        return self._draw("question", QUESTIONS, customer=True)

    def words(self) -> tuple[str, ...]:
        """Short texts for open places in a pattern."""
        return tuple(self.phrase("reason", max_chars=50, customer=True) for _ in range(4))

    def avoids(self, text: str) -> bool:
        """Whether the text is free of what the context wants avoided."""
        return not any(re.search(_bounded(word), text, re.IGNORECASE) for word in self.context.words_to_avoid)

    def _draw(
        self, kind: str, templates: Sequence[str], *, max_chars: int | None = None, customer: bool = False
    ) -> str:
        usable = [template for template in templates if self._fillable(template)]
        used = self.used.setdefault(kind, set())
        spare = ""
        for attempt in range(MAX_DRAWS if usable else 0):
            if attempt == MAX_DRAWS // 2:
                used.clear()
            if attempt >= len(usable):  # every phrase met its turn: mix phrases and fillings anew
                self.turns = {name: turn + self.rng.randrange(7) for name, turn in self.turns.items()}
            text = self._fill(usable[self._turn(kind) % len(usable)], customer=customer)
            if not self.avoids(text):
                continue
            if max_chars is not None and len(text) > max_chars:
                spare = spare or shorten(text, max_chars)
            elif text not in used:
                used.add(text)
                return text
        return spare or shorten(f"{kind.capitalize()} note", max_chars or 80)

    def _fillable(self, template: str) -> bool:
        return all(self.slots.get(name) for name in _PLACE.findall(template))

    def _fill(self, template: str, *, customer: bool) -> str:
        def value(found: re.Match[str]) -> str:
            options = self.slots[found[1]]
            text = options[self._turn(found[1]) % len(options)]
            # A figure outside customer-facing text says where it comes from.
            if customer or not _FIGURES.search(text):
                return text
            return f"{text} [{'target' if found[1] == 'goal' else 'ctx'}]"

        text = _PLACE.sub(value, template)
        return text[:1].upper() + text[1:]

    def _turn(self, name: str) -> int:
        # Each place and kind moves on by itself, so that phrases meet ever new fillings.
        turn = self.turns.get(name, self.rng.randrange(50))
        self.turns[name] = turn + 1
        return turn


def _bounded(word: str) -> str:
    phrase = r"\s+".join(re.escape(part) for part in word.split())
    return rf"(?<!\w){phrase}(?!\w)"
