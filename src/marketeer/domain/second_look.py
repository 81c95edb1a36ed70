"""What a model says of contradictions, held against the documents: it may add what two quotations show."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from marketeer.domain.contract_verbatim import holds_words
from marketeer.domain.contradiction import CONTEXT, GOAL, Contradiction, Topic
from marketeer.domain.markdown import key

MAX_ADDED = 5
_LEAST_WORDS = 2
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
# A name or a promise can be put in words alone; the others need a figure on both sides.
_IN_WORDS = frozenset({Topic.NAME, Topic.PROMISE})


def shown_contradictions(
    said: Sequence[Contradiction], documents: Mapping[str, str], *, known: Collection[Contradiction] = ()
) -> list[Contradiction]:
    """Those that the documents show. `documents` are the texts by the names they go by, outputs in the order in which
    they count; the goal and the product context are never the later one."""
    order = {name: at for at, name in enumerate([GOAL, CONTEXT, *(n for n in documents if n not in (GOAL, CONTEXT))])}
    told = {(one.later, key(one.about)) for one in known}
    added: list[Contradiction] = []
    for one in said:
        right = _in_order(one, order)
        if right is None or (right.later, key(right.about)) in told or not _is_shown(right, documents):
            continue
        told.add((right.later, key(right.about)))
        added.append(right)
    return added[:MAX_ADDED]


def _in_order(one: Contradiction, order: Mapping[str, int]) -> Contradiction | None:
    """With the later document as the later one. None: it names a document that is not there, or one twice."""
    if one.later == one.earlier or one.later not in order or one.earlier not in order:
        return None
    if order[one.later] < order[one.earlier]:
        one = replace(
            one,
            earlier=one.later,
            earlier_says=one.later_says,
            earlier_quote=one.later_quote,
            later=one.earlier,
            later_says=one.earlier_says,
            later_quote=one.earlier_quote,
        )
    return None if one.later in (GOAL, CONTEXT) else one


def _is_shown(one: Contradiction, documents: Mapping[str, str]) -> bool:
    """Both sentences stand where they are said to, and neither stands in both."""
    earlier, later = documents[one.earlier], documents[one.later]
    stand = _stands(earlier, one.earlier_quote) and _stands(later, one.later_quote)
    if not stand or holds_words(later, one.earlier_quote) or holds_words(earlier, one.later_quote):
        return False
    here, there = (set(_FIGURE.findall(quote)) for quote in (one.later_quote, one.earlier_quote))
    return one.topic in _IN_WORDS or bool(here - there and there - here)


def _stands(text: str, quote: str) -> bool:
    """Word for word, without a gap in it."""
    whole = "..." not in quote and "\u2026" not in quote and len(quote.split()) >= _LEAST_WORDS
    return whole and holds_words(text, quote)
