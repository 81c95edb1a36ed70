"""Quotations: what is attributed to somebody stands word for word in the product context or in an input.

Only words with an attribution count: a headline, a search query or a term in quotation marks quotes nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from marketeer.domain.contract import Facts
from marketeer.domain.contract_units import Form, Unit, units
from marketeer.domain.contract_values import shown
from marketeer.domain.contract_verbatim import holds_words
from marketeer.domain.markdown import Outline, same
from marketeer.domain.review import Finding, Severity
from marketeer.domain.sourced import SourcedKind, SourceList

_MIN_WORDS = 4
_QUOTED = re.compile(r'(?<![\w"])"(?P<text>[^"]{8,600}?)"(?!\w)')
# What follows a quotation that somebody is said to have spoken.
_BRACKETS = re.compile(r"\s{0,2}[.,]?\s{0,3}[(\[](?P<who>[^)\]\n]{2,120})[)\]]")
_NAMED = r"[A-Z][\w.'-]+(?:\s(?:[a-z]{2,3}\s)?[A-Z][\w.'-]*){1,3}[*_]{0,2}\s?,\s{0,2}\w[^\n|]{2,80}"
_INITIAL = r"[A-Z][\w'-]+ [A-Z]\.(?=[,;\s]|$)"
# A dash, a line of its own or a break stands between the words and who signed them; an initial needs neither.
_DASH = re.compile(
    rf"[\s.,]{{0,3}}(?:(?:\n[>\s]{{0,6}}|<br\s*/?>|[-~]{{1,3}}|\s-)[-~\s]{{0,4}}[*_]{{0,2}}(?P<who>{_NAMED}|{_INITIAL})"
    rf"|\s{{0,3}}(?P<initial>{_INITIAL}))"
)
_VERBS = r"(?:says|said|told us|writes|wrote|recalls|explains)"
_SAID = re.compile(rf"\s{{0,2}},?\s{{0,2}}{_VERBS}\s+(?:the\s+|a\s+|one\s+|our\s+)?(?P<who>[\w'-]+)", re.I)
_SAID_BEFORE = re.compile(
    rf"(?P<who>[\w'-]+)\s+(?:{_VERBS}|say|put it|puts it)\b[^.\n\"]{{0,40}}[:,]?\s*$"
    r"|\bin (?:his|her|their) words[:,]?\s*$",
    re.I,
)
_SPEAKERS = re.compile(
    r"(?:customers?|users?|buyers?|clients?|owners?|contractors?|interviewees?|respondents?|he|she)", re.I
)
_SPOKEN = re.compile(
    r"\b(?:interview\w*|calls?|review\w*|tickets?|survey\w*|customers?|testimonials?|support|verbatim|said|g2|capterra"
    r"|trustpilot|reddit|user research|customer language|ctx|context|in:|quote|owner|feedback|case study)\b",
    re.I,
)
_NOT_SAID = re.compile(
    r"\b(?:example|sample|illustrat\w+|draft|proposed|option|new|fictional|not from a customer)\b", re.I
)


def quotations(outline: Outline, facts: Facts, sources: SourceList) -> Iterator[Finding]:
    """Attributed quotations that no source holds."""
    if not facts.on_file:
        return
    for unit in units(outline.text):
        if unit.section and (unit.form is not Form.BLOCK or unit.is_customer_block):
            yield from _of(unit, facts, sources)


def _of(unit: Unit, facts: Facts, sources: SourceList) -> Iterator[Finding]:
    for text in unit.cells or (unit.text,):
        clear = same(text)
        if '"' not in clear:
            continue
        for match in _QUOTED.finditer(clear):
            words = match["text"].strip()
            if len(words.split()) < _MIN_WORDS or not is_attributed(clear, match, facts):
                continue
            source = next((name for name, known in facts.named() if holds_words(known, words)), None)
            sources.note(SourcedKind.QUOTE, words, source, public=unit.is_customer_block)
            if source is None:
                wanted = (
                    "a customer's words only word for word as the product context or an input has them, or no quote"
                )
                yield Finding(
                    section=unit.section,
                    severity=Severity.CRITICAL,
                    found=f"nobody on file said {shown(words)}",
                    wanted=wanted,
                )


def is_attributed(text: str, match: re.Match[str], facts: Facts) -> bool:
    """Whether the text says that somebody spoke these words."""
    rest = text[match.end() : match.end() + 200]
    before = text[max(0, match.start() - 90) : match.start()]
    brackets = _BRACKETS.match(rest)
    if brackets:
        who = brackets["who"]
        return not _NOT_SAID.search(who) and (bool(_SPOKEN.search(who)) or _names_person(who, facts))
    for said in (_SAID.match(rest), _SAID_BEFORE.search(before)):
        if said and (said["who"] is None or _SPEAKERS.fullmatch(said["who"]) or _names_person(said["who"], facts)):
            return True
    signed = _DASH.match(rest)
    return bool(signed and not _NOT_SAID.search(signed["who"] or signed["initial"]))


def _names_person(who: str, facts: Facts) -> bool:
    names = (persona.partition(",")[0].strip() for persona in facts.personas)
    return any(re.search(rf"\b{re.escape(name)}\b", who) for name in names if name[:1].isupper())
