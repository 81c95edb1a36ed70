"""What no deliverable holds, whatever its skill: secrets, strangers' addresses, placeholders, worn phrases, its writer.

And what every one holds: the product's name and the company's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from marketeer.domain.contract import Contract, Facts
from marketeer.domain.contract_units import Form, Places, Unit, places, units
from marketeer.domain.contract_values import shown
from marketeer.domain.markdown import Outline, key, same
from marketeer.domain.review import Finding, Severity

Waive = Callable[[str], None]
PRODUCT_MENTIONS = 3
ANCHORS = 3
# Set phrases that mark a text as nobody's; they fail in customer-facing text.
HOUSE_LIST = (
    ("in today's fast-paced", r"\bin today's fast-paced\b"),
    ("game-changer", r"\bgame[- ]chang(?:er|ers|ing)\b"),
    ("unlock the power", r"\bunlock(?:s|ing)? the power\b"),
    ("look no further", r"\blook no further\b"),
    ("take ... to the next level", r"\btak(?:e|es|ing)\b.{1,40}?\bto the next level\b"),
)
# Each with texts of which it cannot do without all, which is quicker to look for.
_PLACEHOLDERS = (
    (("TODO", "TBD", "XX"), re.compile(r"\b(?:TODO|TBD|XX|XXX)\b")),
    (("X%",), re.compile(r"(?<![\w$])\$?X{1,3}%")),
    (("",), re.compile(r"\blorem ipsum\b", re.IGNORECASE)),
    # A link's text is no placeholder, whatever it says.
    (("[",), re.compile(r"\[(?:insert|your|add your|enter)\b[^\]\n]{0,80}\](?!\()", re.IGNORECASE)),
)
# In data and code, brackets are lists.
_BLANKS = re.compile(
    r"\[(?:company|company name|product|product name|brand|brand name|name|first name|last name|link|url|date"
    r"|amount|number|city|price)\](?!\()",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\{\{[^{}\n]{0,80}\}\}")
# Each with a text it cannot do without, which is quicker to look for.
_SECRETS = (
    ("sk-", re.compile(r"(?<![A-Za-z0-9])sk-(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{12,}")),
    ("k_live_", re.compile(r"(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{12,}")),
    ("AKIA", re.compile(r"\bAKIA[0-9A-Z]{12,}\b")),
    ("gh", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b")),
    ("xox", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{12,}")),
    ("AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{30,}")),
    ("-----BEGIN", re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")),
)
_EMAIL = re.compile(
    r"(?<![\w.+-])(?P<local>[A-Za-z0-9][\w.+-]{0,63})@(?P<domain>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})"
)
_ROLES = re.compile(
    r"(?:hello|hi|support|help|info|sales|team|contact|privacy|legal|security|billing|press|marketing|news|newsletter"
    r"|no-?reply|do-?not-?reply|abuse|postmaster|dmarc\w*|unsubscribe|feedback|you|your\.?\w*|name|user\w*|email|me|first\.last"
    r"|firstname\.lastname|someone|somebody|jane|john|jane\.doe|john\.doe)",
    re.I,
)
_EXAMPLE_DOMAIN = re.compile(
    r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost)$|^(?:your)?(?:company|domain|email)\.com$", re.I
)
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}[ .-]\d{2,4}(?:[ .-]?\d{2,4}){0,2}"
    r"|\(\d{3}\)\s?\d{3}[ -]\d{4}|\d{3}-\d{3}-\d{4})(?![\w-])"
)
_PHONE_START = re.compile(r"[+(]\d|\d\d\d-\d\d\d-")
_FICTION_PHONE = re.compile(r"\b555\D?01\d\d\b")
_SELF = re.compile(
    r"\b(?:as an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"|I(?:'m| am) (?:an AI|a language model|unable to (?:access|browse))\b"
    r"|my (?:training data|knowledge cut-?off)\b|I (?:don't|do not|cannot|can't) (?:have access to|browse|access)\b"
    r"|let me know (?:if|whether|which|what|when|how)\b|would you like me to\b|do you want me to\b"
    r"|shall I (?:go|continue|proceed|also)\b|(?:could|can) you (?:please )?(?:share|provide|confirm|clarify|tell me)\b"
    r"|please (?:provide|confirm|send me|tell me|clarify) (?:your|the|which|whether|more)\b[^.\n]{0,120}\?"
    r"|happy to (?:revise|adjust|refine|expand)\b)",
    re.I,
)
# One of these stands in whatever that finds.
_SELF_TELLTALES = (
    "as a", "i'm a", "i am a", "i'm un", "i am un", "my training", "my knowledge", "have access", "browse", "access",
    "let me know", "would you", "do you want", "shall i", "could you", "can you", "please ", "happy to",
)  # fmt: skip
_LEGAL_FORM = re.compile(r",?\s+(?:inc|llc|ltd|gmbh|ag|corp|co|s\.?a|b\.?v)\.?$", re.IGNORECASE)
_IN_QUOTES = re.compile(r'"[^"\n]{1,300}"')


def safety(outline: Outline, facts: Facts) -> Iterator[Finding]:
    """Keys and passwords, and how to reach a person nobody named."""
    for telltale, pattern in _SECRETS:
        found = pattern.search(outline.text) if telltale in outline.text else None
        if found:
            what = f"a secret ({found[0][:6]}...)"
            yield _finding(section_at(outline, found.start()), Severity.CRITICAL, what, "no key or password anywhere")
    strangers = [*_addresses(outline.text), *_phones(outline.text)]
    given = "\n".join(facts.texts()).casefold() if strangers else ""
    for what, found in strangers:
        if found[0].casefold() not in given:
            where = section_at(outline, found.start())
            wanted = "none that an input does not give; for illustrations example.com"
            yield _finding(where, Severity.CRITICAL, f"{what} {shown(found[0])}", wanted)


def _addresses(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    for found in _EMAIL.finditer(text) if "@" in text else ():
        if not (_ROLES.fullmatch(found["local"]) or _EXAMPLE_DOMAIN.search(found["domain"])):
            yield "the mail address", found


def _phones(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    for start in _PHONE_START.finditer(text):
        found = _PHONE.match(text, start.start())
        if found and not _FICTION_PHONE.search(found[0]):
            yield "the telephone number", found


def section_at(outline: Outline, position: int) -> str:
    """The H2 around a position in the text."""
    before = re.findall(r"^##[ \t]+(.+?)[ \t#]*$", outline.text[:position], re.MULTILINE)
    return before[-1] if before else ""


def placeholders(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """What somebody else would have to fill in; merge fields where the contract declares none."""
    for telltales, pattern in _PLACEHOLDERS:
        found = pattern.search(outline.text) if any(telltale in outline.text for telltale in telltales) else None
        if found:
            where = section_at(outline, found.start())
            yield _finding(where, Severity.MAJOR, f"the placeholder {shown(found[0])}", "the real text")
    for unit in units(outline.text) if "[" in outline.text else ():
        blank = _BLANKS.search(unit.text) if unit.form is not Form.BLOCK or unit.is_customer_block else None
        if blank:
            yield _finding(unit.section, Severity.MAJOR, f"the placeholder {shown(blank[0])}", "the real text")
            break
    if contract.merge_fields or "{{" not in outline.text:
        return
    for unit in units(outline.text):
        field = _FIELD.search(unit.text) if unit.is_customer_block else None
        if field:
            wanted = "finished text; this kind of document has no merge fields"
            yield _finding(unit.section, Severity.MAJOR, f"the merge field {shown(field[0])}", wanted)
            return


def customer_words(contract: Contract, outline: Outline, facts: Facts, waive: Waive) -> Iterator[Finding]:
    """Words to avoid and worn phrases in what customers read."""
    where = places(contract)
    texts = [(unit, text) for unit in units(outline.text) for text in customer_texts(unit, where)]
    if not texts:
        return
    if not facts.words_to_avoid:
        waive("Words to avoid were not checked: the product context names none.")
    patterns = [*HOUSE_LIST, *((word, _word_pattern(word)) for word in facts.words_to_avoid if word.strip())]
    for unit, text in texts:
        content = same(text).casefold()
        used = [name for name, pattern in patterns if re.search(pattern, content)]
        if used:
            what = f"the {unit.info} block" if unit.form is Form.BLOCK else (unit.label or "the text")
            found = f"{what} says {', '.join(map(repr, used))}"
            yield _finding(unit.section, Severity.MAJOR, found, "other words; these are to be avoided")


def customer_texts(unit: Unit, where: Places) -> Iterator[str]:
    """What customers read of a unit: all of it, some cells of a row, or nothing."""
    if where.is_customers(unit, unit.label or None):
        yield unit.text
    elif unit.form is Form.ROW:
        for name, cell in zip(unit.header, unit.cells, strict=False):
            if where.is_customers(unit, name):
                yield cell


def itself(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """Questions to the reader and remarks about the writer, outside what customers read."""
    said = _IN_QUOTES.sub("", same(outline.text)).casefold()
    if not any(telltale in said for telltale in _SELF_TELLTALES):
        return
    where = places(contract)
    for unit in units(outline.text):
        if unit.form is Form.BLOCK or where.is_customers(unit, unit.label or None):
            continue
        text = _IN_QUOTES.sub("", same(unit.text))
        found = _SELF.search(text)
        if found:
            wanted = "a decision, with the assumption it rests on; nobody is there to answer"
            yield _finding(unit.section, Severity.MAJOR, f"says {shown(found[0])}", wanted)


def about_this_company(outline: Outline, facts: Facts, waive: Waive) -> Iterator[Finding]:
    """The product's name three times, and three of the company's own words."""
    text = key(outline.text)
    if facts.product is None:
        waive("How often the product is named was not checked: the product context gives no name.")
    else:
        count = len(re.findall(rf"(?<!\w){re.escape(key(short_name(facts.product)))}(?!\w)", text))
        if count < PRODUCT_MENTIONS:
            found = f"the product {facts.product!r} is named {count} times"
            yield _finding("", Severity.MAJOR, found, f"at least {PRODUCT_MENTIONS} times, where it is meant")
    if len(facts.anchors) < ANCHORS:
        waive("Whether the text is about this company was not checked: the product context says too little.")
        return
    met = [anchor for anchor in facts.anchors if _names(text, key(anchor))]
    if len(met) < ANCHORS:
        found = f"only {len(met)} of the company's own names, phrases and figures occur"
        known = ", ".join(map(shown, facts.anchors[:6]))
        yield _finding("", Severity.MAJOR, found, f"at least {ANCHORS}, such as {known}")


def _names(text: str, name: str) -> bool:
    """Whether the name stands in the text as whole words."""
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def short_name(product: str) -> str:
    """The name without a legal form."""
    return _LEGAL_FORM.sub("", product)


def _finding(section: str, severity: Severity, found: str, wanted: str) -> Finding:
    return Finding(section=section, severity=severity, found=found, wanted=wanted)


def _word_pattern(word: str) -> str:
    parts = (re.escape(part) for part in same(word).casefold().split())
    phrase = r"\s+".join(parts)
    return rf"(?<!\w){phrase}(?!\w)"
