"""Names and links in what customers read: who is said to use, praise or work with us, and every address, is on file.

A capital letter makes no name. Only words count that stand where a text says who: `trusted by ...`, `works with ...`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from marketeer.domain.contract import Contract, Facts
from marketeer.domain.contract_units import Form, Unit, places, units
from marketeer.domain.contract_values import shown
from marketeer.domain.contract_voice import customer_texts
from marketeer.domain.markdown import Outline, same
from marketeer.domain.review import Finding, Severity
from marketeer.domain.sourced import SourcedKind, SourceList

_PART = r"[A-Z][\w&'-]*"
_NAME = rf"{_PART}(?:\s(?:(?:of|and the|of the|de|van|von|&)\s)?{_PART}){{0,3}}"
_LIST = rf"(?P<names>{_NAME}(?:(?:,\s|,?\sand\s|,?\sor\s|\s&\s){_NAME}){{0,8}})"
_WHO = r"(?:(?:the|our|your|over|many|teams?|people|crews?|staff|leaders|folks)\s+(?:at\s+|from\s+|of\s+)?){0,2}"
# Each says something of others that would have to be true. Only the names are held to their capitals.
_BY = "trusted|used|loved|chosen|recommended|endorsed|certified|backed|funded|praised|acclaimed|awarded|sponsored"
_IN = "featured|as seen|seen|mentioned|covered|reviewed"
_LIKE = "(?:customers|clients|companies|brands|teams|businesses|firms) (?:like|such as|including)"
_PARTNERS = "(?:partner|partners|partnered|partnership|teamed up) with"
_AFTER = "according to|winner of|a (?:study|report|survey) (?:by|from)|research (?:by|from)|data from"
_TOOLS = "(?:integrates?|integrations?|syncs?|connects?|compatible|works|plugs) (?:directly |natively |straight )?"
_RIVALS = "unlike|better than|cheaper than|faster than|alternative to|switch(?:ing)? from|switched from|moved? from"
_PERSON = r"(?P<names>[A-Z][a-z]+\s(?:[A-Z]\.|[A-Z][a-z]+))"
_ROLES = "owner|founder|co-founder|ceo|cto|coo|cfo|manager|director|president"
_SAYING = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?i:(?:{_BY}) by)\s{_WHO}{_LIST}",
        rf"\b(?i:(?:{_IN}) (?:in|on|by))\s{_WHO}{_LIST}",
        rf"\b(?i:{_LIKE})\s{_LIST}",
        rf"\b(?i:{_PARTNERS}|{_AFTER})\s{_WHO}{_LIST}",
        rf"\b(?i:{_TOOLS}(?:with|to|into)\s(?:your\s)?){_LIST}",
        rf"\b(?i:{_RIVALS})\s{_LIST}",
        rf"(?<![\w.]){_PERSON},\s(?:(?:the|an?)\s)?(?:[\w-]+\s){{0,2}}?(?i:{_ROLES})\b",
    )
)
_SAYS = re.compile(
    r"\b(?:by|in|on|like|such as|including|with|to|into|from|of|[Uu]nlike|than)\s(?:[a-z]+\s){0,4}[A-Z]"
    rf"|,\s(?:[\w-]+\s){{0,3}}(?i:{_ROLES})\b"
)
_SPLIT = re.compile(r",?\s(?:and|or)\s(?!the\s)|,\s")
# Where everybody is, what everything runs on, and what the days are called: they vouch for nothing.
_EVERYWHERE = re.compile(
    r"android|ios|iphone|ipad|mac|macos|windows|linux|chrome|safari|firefox|edge|wi-fi|bluetooth|linkedin|facebook|instagram"
    r"|youtube|tiktok|reddit|pinterest|whatsapp|google|english|spanish|french|german"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|october"
    r"|november|december"
)
# Behind a name, a noun in small letters makes an adjective of it: `used by Canadian roofers`.
_NOUN = re.compile(r"\s(?!(?:and|or|to|for|in|on|at|with|since|from|by|as|are|was|but|so|who|that|if)\b)[a-z]")
_WORD = re.compile(r"[^\W\d_][\w&'-]*")
_LITTLE = (
    "a an and as at but by for from how in is it no not of on or our the to up us we what when who why with you your"
)
_SMALL = frozenset(_LITTLE.split())
_LINK = re.compile(
    r"(?<![\w@/.-])(?:https?://(?P<host>[\w.-]+)|(?:www\.)?(?P<bare>(?:[a-z0-9-]+\.)+(?:com|io|org|net|co|app|dev|ai|shop"
    r"|store|info|biz|tv|eu|uk|de|fr|es|nl|pl|ch|se|dk|ca|au|nz|br)))(?P<path>[:/?#][^\s)>\]\"'`|]*)?(?![\w@-]|\.\w)",
    re.I,
)
_NEAR = 200
_MAILED = re.compile(r"@([\w-]+(?:\.[\w-]+)+)")
_EXAMPLE = re.compile(r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost)$", re.I)
_MERGED = re.compile(r"\{\{[^{}\n]*\}\}|`[^`\n]*`")


def names_and_links(contract: Contract, outline: Outline, facts: Facts, sources: SourceList) -> Iterator[Finding]:
    """Those that no text on file holds."""
    if not facts.on_file:
        return
    run = _Run(facts=facts, outline=outline, sources=sources)
    where = places(contract)
    for unit in units(outline.text):
        for text in customer_texts(unit, where):
            yield from run.links(unit, text)
            yield from run.names(unit, text)


@dataclass(slots=True, kw_only=True)
class _Run:
    facts: Facts
    outline: Outline
    sources: SourceList
    seen: set[str] = field(default_factory=set)

    def links(self, unit: Unit, text: str) -> Iterator[Finding]:
        if "." not in text:
            return
        for match in _LINK.finditer(_MERGED.sub(" ", text)):
            host = _host(match)
            if _EXAMPLE.search(host) or "." not in host:
                continue
            source = next((name for name, known in self.facts.named() if _is_of(host, _hosts(known))), None)
            if self._is_new(SourcedKind.LINK, match[0], source):
                wanted = "only addresses that stand on file; for another page its path alone, such as /pricing"
                yield _finding(unit, f"links to {shown(match[0])}, which is nowhere on file", wanted)

    def names(self, unit: Unit, text: str) -> Iterator[Finding]:
        if not _SAYS.search(text):
            return
        for line in same(_MERGED.sub(" ", text)).split("\n"):
            for pattern in _SAYING:
                for match in pattern.finditer(line):
                    if not (_is_adjective(line, match) or _is_title(line, match)):
                        yield from self._listed(unit, match["names"])

    def _listed(self, unit: Unit, names: str) -> Iterator[Finding]:
        for name in filter(None, _SPLIT.split(names)):
            bare = name.strip(" .,'").removesuffix("'s")
            if len(bare) < 3 or _EVERYWHERE.fullmatch(bare.casefold()):
                continue
            source = self._holder(bare)
            if source is None and self._is_common(bare):
                continue
            if self._is_new(SourcedKind.NAME, bare, source):
                wanted = "only customers, partners, tools, rivals and publications that are named on file"
                yield _finding(unit, f"names {shown(bare)}, which is nowhere on file", wanted)

    def _holder(self, name: str) -> str | None:
        """The text that names it."""
        low = name.casefold()
        pattern = re.compile(rf"(?<!\w){re.escape(low)}(?!\w)")
        known = ((source, _lowered(text)) for source, text in self.facts.named())
        return next((source for source, text in known if low in text and pattern.search(text)), None)

    def _is_common(self, name: str) -> bool:
        """Words that the document or what is on file also writes small are no name."""
        words = _WORD.findall(name)
        texts = (self.outline.text, *self.facts.texts())
        return all(word.casefold() in _SMALL or any(_has_small(text, word) for text in texts) for word in words)

    def _is_new(self, kind: SourcedKind, text: str, source: str | None) -> bool:
        """Note it; whether it is to be told of: it has no source and was not met before."""
        self.sources.note(kind, text, source, public=True)
        if source is not None or text in self.seen:
            return False
        self.seen.add(text)
        return True


def _host(match: re.Match[str]) -> str:
    return (match["host"] or match["bare"]).casefold().removeprefix("www.").rstrip(".")


@lru_cache(maxsize=64)
def _hosts(text: str) -> frozenset[str]:
    """The hosts of a text's links and mail addresses."""
    return frozenset(
        {_host(match) for match in _LINK.finditer(text)} | {host.casefold() for host in _MAILED.findall(text)}
    )


def _is_of(host: str, known: frozenset[str]) -> bool:
    """Whether it is one of these, or a part of one: what is under somebody's name is theirs."""
    return any(host == one or host.endswith(f".{one}") for one in known)


@lru_cache(maxsize=64)
def _lowered(text: str) -> str:
    return same(text).casefold()


def _has_small(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text) is not None


def _is_adjective(line: str, match: re.Match[str]) -> bool:
    """Whether a single word with a noun behind it says of what kind somebody is, not who."""
    single = " " not in _SPLIT.split(match["names"])[-1]
    return single and _NOUN.match(line, match.end("names")) is not None


def _is_title(line: str, match: re.Match[str]) -> bool:
    """Capitals In Every Word say nothing of names. What counts is the rest of the sentence, but for its first word."""
    start, end = match.span("names")
    around = f"{line[max(0, start - _NEAR) : start]} {line[end : end + _NEAR]}"
    words = [word for word in _WORD.findall(around) if word.casefold() not in _SMALL][1:]
    return bool(words) and sum(word[0].isupper() for word in words) >= 0.75 * len(words)


def _finding(unit: Unit, found: str, wanted: str) -> Finding:
    what = f"the {unit.info} block" if unit.form is Form.BLOCK else (unit.label or "the text")
    return Finding(section=unit.section, severity=Severity.MAJOR, found=f"{what} {found}", wanted=wanted)
