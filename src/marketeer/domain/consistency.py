"""Whether the outputs of a goal agree with each other, with the product context and with the goal's own words.

Only the same named thing with two values is a contradiction: never two numbers that merely differ. A document that
gives a thing two values itself says that there is more to it, and is not judged on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from marketeer.domain.contract_voice import short_name
from marketeer.domain.contradiction import CONTEXT, GOAL, Contradiction, Output, Topic
from marketeer.domain.markdown import same
from marketeer.domain.product_context import ProductContext, parse_context
from marketeer.domain.statement import Found, Stated, Statement, numbers, stated, stated_plainly
from marketeer.domain.statement_dates import date_in_row, dates
from marketeer.domain.statement_names import THING, spellings
from marketeer.domain.statement_prices import price_finder, price_in_row, priced_names
from marketeer.domain.statement_promises import promise_finder

# Between a price a month and one whose period is not said: more than that apart, they are prices of two things.
_SAME_PERIOD = 5.0


def contradictions(
    outputs: Sequence[Output], *, context: str = "", goal: str = "", inputs: Mapping[str, str] | None = None
) -> list[Contradiction]:
    """What these outputs, in the order in which they were made, contradict. Of each thing at most once an output."""
    known = parse_context(context)
    reader = _Reader(context=known)
    above = [_source(GOAL, reader.read_plainly(goal)), _source(CONTEXT, reader.read(context))]
    allowed = numbers(goal).union(*(numbers(text) for text in (inputs or {}).values()))
    return list(_compare(reader, outputs, above, allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    context: ProductContext

    def read(self, text: str) -> Stated:
        return _read(text, self.context)

    def read_plainly(self, text: str) -> Stated:
        names = priced_names(self.context)
        return stated_plainly(text, (price_finder(names), promise_finder(names), dates))


@lru_cache(maxsize=64)
def _read(text: str, context: ProductContext) -> Stated:
    """The same outputs are compared again when one of them was done over."""
    names = priced_names(context)
    rivals = tuple(same(rival) for rival in context.rivals if rival[:1].isupper())
    return stated(text, (price_finder(names), promise_finder(names), dates), (price_in_row, date_in_row), others=rivals)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A text that others are held against: for each thing the one value that it gives."""

    name: str
    values: Mapping[str, Statement]


def _source(name: str, text: Stated) -> _Source:
    by_thing: dict[str, list[Statement]] = {}
    for statement in text.statements:
        by_thing.setdefault(statement.found.thing, []).append(statement)
    single = {
        thing: said[0] for thing, said in by_thing.items() if all(_agree(said[0].found, one.found) for one in said)
    }
    return _Source(name=name, values=single)


def _compare(
    reader: _Reader, outputs: Sequence[Output], above: Sequence[_Source], allowed: frozenset[str]
) -> Iterator[Contradiction]:
    sound: list[_Source] = []  # the outputs so far, without what they contradict themselves
    for output in outputs:
        text = reader.read(output.text)
        here = _source(output.name, text)
        found = {thing: one for thing, said in here.values.items() if (one := _held(said, here, above, sound, allowed))}
        yield from found.values()
        yield from _misspelt(reader.context, output)
        kept = {thing: said for thing, said in here.values.items() if thing not in found}
        sound.append(_Source(name=output.name, values=kept))
        allowed |= text.weighed


def _held(
    said: Statement, here: _Source, above: Sequence[_Source], sound: Sequence[_Source], allowed: frozenset[str]
) -> Contradiction | None:
    """What the statement contradicts: the first text that states the thing decides, and of outputs the earliest."""
    for source in above:
        other = _twin(said.found, source)
        if other is None:
            continue
        if _agree(said.found, other.found):
            return None
        # A value that the goal or an input names, or that an earlier output weighs, is meant to be another one.
        if said.found.value not in allowed:
            return _contradiction(said, here.name, other, source.name)
    for source in sound:
        other = _twin(said.found, source)
        if other is not None and not _agree(said.found, other.found):
            return _contradiction(said, here.name, other, source.name)
    return None


def _twin(found: Found, source: _Source) -> Statement | None:
    """What the source says of the same thing."""
    same_thing = source.values.get(found.thing)
    if same_thing is not None or found.topic is not Topic.PRICE:
        return same_thing
    # Whoever leaves the period out means the month, as long as the amounts are of one kind.
    stem, _, span = found.thing.rpartition("|")
    other = source.values.get(f"{stem}|{'month' if span == '' else ''}") if span in ("", "month") else None
    if other is None:
        return None
    one, two = float(found.value), float(other.found.value)
    return other if one and two and max(one, two) / min(one, two) <= _SAME_PERIOD else None


def _agree(one: Found, two: Found) -> bool:
    """A date without a year agrees with that day of any year."""
    if one.topic is Topic.DATE:
        return one.value.startswith(two.value) or two.value.startswith(one.value)
    return one.value == two.value


def _misspelt(context: ProductContext, output: Output) -> Iterator[Contradiction]:
    wrong = next(spellings(output.text, context), None)
    if wrong is not None:
        name = short_name(context.product or "")
        said = Statement(found=Found(topic=Topic.NAME, thing=THING, value=name, shown=repr(name)), quote=name)
        yield _contradiction(wrong, output.name, said, CONTEXT)


def _contradiction(said: Statement, name: str, other: Statement, other_name: str) -> Contradiction:
    return Contradiction(
        topic=said.found.topic,
        about=_about(said.found),
        earlier=other_name,
        earlier_says=other.found.shown,
        earlier_quote=other.quote,
        later=name,
        later_says=said.found.shown,
        later_quote=said.quote,
        section=said.section,
    )


def _about(found: Found) -> str:
    """The thing in words."""
    name, _, rest = found.thing.partition("|")
    match found.topic:
        case Topic.PRICE:
            return f"the price of {name!r}"
        case Topic.DATE:
            return f"the date of {name!r}"
        case Topic.NAME:
            return name
        case _:
            return f"the {name} of {rest!r}" if rest else f"the {name}"
