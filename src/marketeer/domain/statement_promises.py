"""What is promised and offered: the length of a trial, a guarantee or a warranty, what a discount is worth."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from marketeer.domain.contradiction import Topic
from marketeer.domain.markdown import key, same
from marketeer.domain.statement import Found

_SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORDS = {word: at for at, word in enumerate(_SMALL, start=1)}
_WORDS |= {"fourteen": 14, "thirty": 30, "sixty": 60, "ninety": 90}
_COUNT = rf"(?<![\d.,$\u20ac\u00a3-])(?P<count>\d{{1,3}}|{'|'.join(_WORDS)})(?![\d.,]\d|%)"
_SPAN = r"(?P<span>day|week|month|year)s?"
_LONG = rf"{_COUNT}[\s-]+(?:full\s+|calendar\s+)?{_SPAN}(?:'s)?"
_NEGATED = re.compile(r"\b(?:no|not|never|without|skip the)\b(?:\s+\w+){0,2}\s*$", re.I)
_BACK = r"(?:money[\s-]?back|refund|full refund|satisfaction|risk[\s-]?free)"
_OF = r"(?:\s+(?:is|lasts?|runs?|of|for|within|gives you|includes|covers|valid|accepted|good)|\s*[:(]|\s+-)*\s*"
_FIRST = r"(?:(?:the|your)\s+first\s+|a\s+full\s+|full\s+)?"
_KIND = r"(?:\s+(?:policy|promise|window|period|length|time))?"
# How long a payment takes is no promise of one.
_UNTIL_PAID = r"(?:(?!paid|process|issued|sent|arriv|take|handled|of your request|of asking)[^.!?|;/])"
_TRIAL, _MONEY_BACK, _WARRANTY, _RETURNS = "free trial", "money-back guarantee", "warranty", "returns"
_PROMISES = tuple(
    (thing, re.compile(pattern, re.I))
    for thing, pattern in (
        (_TRIAL, rf"{_LONG}[\s,-]+(?:risk[\s-]free\s+|full\s+|free[\s-]+)*trial\b"),
        (_TRIAL, rf"\btrial{_KIND}{_OF}{_FIRST}{_LONG}"),
        (
            _TRIAL,
            rf"\b(?:try|use|test|explore|start)\b[^.!?|;]{{0,40}}?\bfree(?:\s+of\s+charge)?\s+for\s+{_FIRST}{_LONG}",
        ),
        (_TRIAL, rf"\b(?:first\s+)?{_LONG}\s+(?:are|is)\s+(?:free|on us)\b"),
        (_MONEY_BACK, rf"{_LONG}[\s,-]+(?:no[\s-]questions[\s-](?:asked\s+)?)?{_BACK}(?:[\s-]+guarantee)?{_KIND}\b"),
        (_MONEY_BACK, rf"\b(?:{_BACK}[\s-]+(?:guarantee|policy|promise|window|period)|guarantee){_OF}{_FIRST}{_LONG}"),
        (_MONEY_BACK, rf"\b(?:money back|refund\w*)\b{_UNTIL_PAID}{{0,25}}?\bwithin\s+{_FIRST}{_LONG}"),
        (_MONEY_BACK, rf"\bwithin\s+{_FIRST}{_LONG}{_UNTIL_PAID}{{0,30}}?\b(?:full refund|money back)\b"),
        (_WARRANTY, rf"{_LONG}[\s-]+(?:full\s+|limited\s+)?warranty\b"),
        (_WARRANTY, rf"\bwarranty{_KIND}{_OF}{_FIRST}{_LONG}"),
        (_RETURNS, rf"{_LONG}[\s-]+(?:free\s+)?returns?{_KIND}\b"),
        (_RETURNS, rf"\b(?:free\s+)?returns?{_KIND}{_OF}{_FIRST}{_LONG}"),
    )
)
_TELLTALES = ("trial", "free", "guarantee", "refund", "money", "warranty", "return", "on us")
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}
_PER_YEAR = re.compile(
    r"\s*(?:a|per|each|every)\s+(?:day|week|month|quarter|year)\b|\s*(?:in|ago|later|of your request|of asking)\b", re.I
)

_PERCENT = r"(?P<percent>\d{1,2}(?:\.\d)?)\s?(?:%|percent)"
_CODE = re.compile(r"\b(?:code|coupon|voucher)s?:?\s*(?:is\s+)?[\"']?(?P<code>[A-Z][A-Z0-9]{3,15})\b")
_PERCENT_TOO = _PERCENT.replace("percent>", "percent2>")
_WORTH = re.compile(rf"{_PERCENT}\s*(?:off|discount)\b|\b(?:save|discount (?:is|of)|discount:)\s+{_PERCENT_TOO}", re.I)
_OCCASION = re.compile(
    r"\b(?P<occasion>early[\s-]birds?|launch|introductory|student|non-?profit|charity|welcome"
    r"|first[\s-](?:order|month|year|box|purchase|booking)|referral|black friday|cyber monday"
    r"|summer|winter|spring|autumn|christmas|holiday|new year|easter"
    r"|(?:annual|yearly)\s+(?:plans?|billing|subscriptions?|payments?)|volume|loyalty|newsletter|group|family|founding|founder'?s?)\b",
    re.I,
)
# Another offer beside the one that goes by the same name.
_PARTLY = re.compile(r"\b(?:up to|last|final|today only|extra|additional|members?|vip|from)\b", re.I)
_FOR = re.compile(
    r"\s+(?:(?:on|of|for|off)\s+)?(?:(?:the|our|your|all|every|any|a|full|whole|entire|first|selected)\s+){0,3}"
    r"(?P<what>[A-Za-z-]+)"
)
# What everything is given for.
_GENERIC = re.compile(
    r"guarantee|trial|of|on|for|off|all|every(?:thing|one|body)?|any|it|you|your|us|our|we|and|or|with|without|when|while|if|until|from|to|at|in"
    r"|is|are|as|so|by|no|not|then|free|today|now|only|just|that|this|here|there|orders?|purchases?|plans?|prices?|years?|months?"
    r"|weeks?|days?|seasons?|products?|items?|subscriptions?|memberships?|packages?|accounts?|bookings?|bills?|code|coupon",
    re.I,
)
_GAP = re.compile(r"[\s-]+")
_GAP = re.compile(r"[\s-]+")
_FREE_MONTHS = re.compile(rf"\b{_COUNT}\s+(?P<span>month|week)s?\s+free\b", re.I)


@lru_cache(maxsize=16)
def promise_finder(names: tuple[str, ...]) -> Callable[[str], Iterator[Found]]:
    """Finds promises and offers; one of a plan among these names is a thing of its own."""
    plans = [(key(name), re.compile(rf"(?<![\w-]){re.escape(same(name))}(?![\w-])")) for name in names]

    def find(sentence: str) -> Iterator[Found]:
        of = "+".join(name for name, pattern in plans if pattern.search(sentence))
        yield from _promises(sentence, of)
        yield from _offers(sentence, of)

    return find


def _promises(sentence: str, of: str) -> Iterator[Found]:
    low = sentence.casefold()
    if not any(telltale in low for telltale in _TELLTALES):
        return
    for thing, pattern in _PROMISES:
        for match in pattern.finditer(sentence):
            if _NEGATED.search(sentence[: match.start()]) or _PER_YEAR.match(sentence, match.end()):
                continue
            days, shown = _length(match)
            what = _what(sentence, match.end()) if thing != _TRIAL else ""
            topic = Topic.TRIAL if thing == _TRIAL else Topic.PROMISE
            yield Found(topic=topic, thing=f"{thing}|{of}{what}", value=f"{days:g}", shown=shown)


def _what(sentence: str, at: int) -> str:
    """What alone it is given for: ` mats` in `warranty on mats`."""
    found = _FOR.match(sentence, at)
    return f" {found['what'].casefold()}" if found and not _GENERIC.fullmatch(found["what"]) else ""


def _length(match: re.Match[str]) -> tuple[float, str]:
    count = match["count"].casefold()
    number = int(count) if count.isdigit() else _WORDS[count]
    span = match["span"].casefold()
    return number * _DAYS[span], f"{number} {span}{'' if number == 1 else 's'}"


def _offers(sentence: str, of: str) -> Iterator[Found]:
    worth = {found for match in _WORTH.finditer(sentence) if (found := match["percent"] or match["percent2"])}
    last = max((match.end() for match in _WORTH.finditer(sentence)), default=0)
    if len(worth) == 1 and not _PARTLY.search(sentence):
        percent = worth.pop()
        code = _CODE.search(sentence)
        named = {_GAP.sub(" ", found["occasion"].casefold()).rstrip("s") for found in _OCCASION.finditer(sentence)}
        # `20% off the first year for early birds`: what it is taken off is not what it is given for.
        occasions = {name for name in named if not name.startswith("first")} or named
        occasions = {"annual" if name.startswith(("annual", "yearly")) else name for name in occasions}
        thing = f"code {code['code']}" if code else f"{occasions.pop()} discount" if len(occasions) == 1 else None
        if thing:
            yield Found(
                topic=Topic.OFFER,
                thing=f"{thing}|{of}{_what(sentence, last)}",
                value=f"{float(percent):g}",
                shown=f"{percent}% off",
            )
    free = _FREE_MONTHS.search(sentence)
    if free and re.search(r"\b(?:annual|yearly|year)\b", sentence, re.I):
        days, shown = _length(free)
        yield Found(topic=Topic.OFFER, thing=f"free with a year|{of}", value=f"{days:g}", shown=f"{shown} free")
