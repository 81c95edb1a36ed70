"""When something happens: an event that is named, and its date."""

from __future__ import annotations

import re
from collections.abc import Iterator

from marketeer.domain.contract_units import Unit
from marketeer.domain.contradiction import Topic
from marketeer.domain.markdown import same
from marketeer.domain.statement import Found

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATE = (
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?(?:the\s+)?"
    r"(?P<date>20\d\d-\d\d-\d\d"
    rf"|(?<![\d-])\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+20\d\d)?"
    rf"|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?!\d|\s?-\s?\d|:)(?:,?\s+20\d\d)?)(?![\w-])"
)
_ANY_DATE = re.compile(_DATE, re.I)
_EVENT = (
    r"launch|release|webinar|workshop|conference|event|sale|offer|promotion|deadline|registration|enrol?lment"
    r"|early[\s-]bird|demo day|open day|meetup|summit|beta|premiere|opening|price change|discount|tickets?|course"
    r"|cohort"
)
_NAME = (
    rf"(?P<name>(?:[\w'&+-]+\s+){{0,3}}?(?:{_EVENT})"
    r"(?:\s+(?:tickets?|registration|price|pricing|discount|offer|sale))?)"
)
_BEGINS = (
    r"(?:\s+(?:date|day|starts?|begins?|opens?|takes? place|happens|kicks off|goes live|runs|is|will be|are|set for|set"
    r"|scheduled for|scheduled|planned for|held|live|on|for|start|starting|:|=|\|))+\s*[:=]?\s*"
)
_ENDS = (
    r"\s+(?:ends?|closes?|expires?|finishes|is over|runs until|is open until|(?:is|are) valid until|until|end date"
    r"|closing date)\s*(?:is\s+)?(?:at midnight\s+)?(?:on|:)?\s*"
)
_AT_ONCE = r"\s*[:=]\s*"
_STARTS = re.compile(rf"{_NAME}(?:{_BEGINS}|{_AT_ONCE}){_DATE}", re.I)
_STOPS = re.compile(rf"{_NAME}{_ENDS}{_DATE}", re.I)
_OBJECT = r"(?P<name>(?:[\w'&+-]+\s+){1,5}?)"
_LAUNCHED = re.compile(
    rf"{_OBJECT}(?:launches|goes live|ships|comes out|is released|will launch|will ship|will go live|is live)\s+"
    rf"(?:to (?:all|every)\w*(?:\s+\w+)?\s+)?(?:on\s+)?{_DATE}",
    re.I,
)
_LAUNCHING = re.compile(rf"\b(?:launch(?:es|ing)?|ships?|shipping|releas(?:es|ing|e))\s+{_OBJECT}on\s+{_DATE}", re.I)
_EVENT_CELL = re.compile(
    rf"^(?P<name>(?:[\w'&+-]+\s+){{0,3}}(?:{_EVENT}))(?:\s+(?:day|date|starts|opens|goes live))?$", re.I
)
_DATE_CELL = re.compile(rf"^{_DATE}$", re.I)
# The date of one place or part of it, as another may have another.
_ONLY = re.compile(r"\s+(?:in|at)\s+(?:the\s+)?[A-Z]|\s*\(|\s+for\s+(?!every|all\b|you\b)")
_DUE = re.compile(r"\b(?:due|deadline|owner|start|begin|by|until|task|step)\b", re.I)
# Words that name nothing.
_EMPTY = re.compile(
    r"the|an?|our|your|this|that|its|their|my|of|for|to|with|on|at|in|and|new|upcoming|when|we|you|it|is|will|be|where|by"
    r"|from|as|so|then|now|which|who|date|day|public|live|join|us|save|register|sign|up|until|before|after|please|note"
    r"|reminder|about|everyone|all|customers"
)
_ONE_OF_MANY = re.compile(r"next|second|third|fourth|another|other|last|previous|each|every|weekly|monthly")
# By themselves these name no one thing; `the spring sale` does.
_NO_NAME = re.compile(r"event|sale|offer|promotion|deadline|discount|tickets?|course|cohort|release|opening|beta")


def dates(sentence: str) -> Iterator[Found]:
    """The events of a sentence, with their dates."""
    if not _ANY_DATE.search(sentence):
        return
    for pattern, what in ((_STARTS, ""), (_STOPS, " ends"), (_LAUNCHED, " launch"), (_LAUNCHING, " launch")):
        for match in pattern.finditer(sentence):
            found = _found(match["name"], match["date"], what) if not _ONLY.match(sentence, match.end()) else None
            if found is not None:
                yield found


def date_in_row(unit: Unit) -> Iterator[Found]:
    """A row that holds a date in one cell and the name of an event in another."""
    cells = [same(cell).strip(" *_`") for cell in unit.cells]
    if any(_DUE.search(name) for name in unit.header):
        return
    days = [match for cell in cells if (match := _DATE_CELL.match(cell))]
    events = [match for cell in cells if (match := _EVENT_CELL.match(cell))]
    if len(days) == 1 and len(events) == 1:
        found = _found(events[0]["name"], days[0]["date"], "")
        if found is not None:
            yield found


def _found(name: str, written: str, what: str) -> Found | None:
    all_words = re.findall(r"[\w&+-]+", name.casefold())
    words = [word for word in all_words if not _EMPTY.fullmatch(word)]
    if any(map(_ONE_OF_MANY.fullmatch, all_words)) or (len(words) == 1 and _NO_NAME.fullmatch(words[0])):
        return None
    day = day_of(written)
    if day is None or (not words and what):
        return None
    thing = " ".join(words) + (what if what.strip() not in words else "")
    return Found(topic=Topic.DATE, thing=thing, value=day, shown=" ".join(written.split()))


def day_of(written: str) -> str | None:
    """`MM-DD` or `MM-DD-YYYY`; None for what is no day of a year."""
    iso = re.fullmatch(r"(20\d\d)-(\d\d)-(\d\d)", written)
    if iso:
        return f"{iso[2]}-{iso[3]}-{iso[1]}"
    low = written.casefold()
    month = next((at for at, name in enumerate(_MONTHS, start=1) if re.search(rf"\b{name}", low)), None)
    day = re.search(r"(?<!\d)\d{1,2}(?!\d)", low)
    year = re.search(r"20\d\d", low)
    if month is None or day is None or not 1 <= int(day[0]) <= 31:
        return None
    return f"{month:02d}-{int(day[0]):02d}" + (f"-{year[0]}" if year else "")
