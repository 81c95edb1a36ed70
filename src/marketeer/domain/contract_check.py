"""An output held against its contract: pure, fast, and the same for everybody who asks.

Findings go back to the writer as they are, so each says what was found and what is wanted. A check that needs a fact
the product context does not have is waived and named, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from marketeer.domain.contract import Contract, Facts, Section
from marketeer.domain.contract_blocks import contains, field_labels, run_checks
from marketeer.domain.contract_names import names_and_links
from marketeer.domain.contract_provenance import provenance
from marketeer.domain.contract_quotes import quotations
from marketeer.domain.contract_refs import References
from marketeer.domain.contract_scope import Scope
from marketeer.domain.contract_sections import SUMMARY, SUMMARY_WORDS, SUMMARY_WORDS_TOLERATED, all_sections
from marketeer.domain.contract_sums import sums
from marketeer.domain.contract_values import is_unknown, shown
from marketeer.domain.contract_voice import (
    about_this_company,
    customer_words,
    itself,
    placeholders,
    safety,
    short_name,
)
from marketeer.domain.markdown import Outline, Part, count_words, heading_key, key, parse
from marketeer.domain.review import Finding, Severity
from marketeer.domain.sourced import Sourced, SourceList


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What is wrong, worst first within document order, and what could not be checked, one sentence each.

    `sourced` are the first of its figures, quotations, names and links, with where they come from; `sourced_count` says
    how many there are in all.
    """

    findings: tuple[Finding, ...]
    waived: tuple[str, ...]
    sourced: tuple[Sourced, ...] = ()
    sourced_count: int = 0


def check(contract: Contract, text: str, facts: Facts) -> CheckResult:
    """Hold `text` against `contract`. Never raises on any text."""
    outline = parse(text)
    run = _Run(contract=contract, facts=facts, outline=outline, refs=References(facts=facts, outline=outline))
    findings = tuple(run.findings())
    return CheckResult(
        findings=findings,
        waived=tuple(run.refs.waived),
        sourced=run.sources.kept(),
        sourced_count=run.sources.count,
    )


def _finding(section: str, severity: Severity, found: str, wanted: str) -> Finding:
    return Finding(section=section, severity=severity, found=found, wanted=wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One check of one document."""

    contract: Contract
    facts: Facts
    outline: Outline
    refs: References
    sources: SourceList = field(default_factory=SourceList)

    def findings(self) -> Iterator[Finding]:
        yield from safety(self.outline, self.facts)
        yield from self._shape()
        yield from self._words()
        for section in all_sections(self.contract):
            part = self._part(section)
            if part is not None:
                yield from self._section(section, part)
        yield from placeholders(self.contract, self.outline)
        yield from provenance(self.contract, self.outline, self.facts, self.refs.waive, self.sources)
        yield from sums(self.outline)
        yield from quotations(self.outline, self.facts, self.sources)
        yield from names_and_links(self.contract, self.outline, self.facts, self.sources)
        yield from customer_words(self.contract, self.outline, self.facts, self.refs.waive)
        yield from itself(self.contract, self.outline)
        if self.contract.envelope:
            yield from about_this_company(self.outline, self.facts, self.refs.waive)

    def _part(self, section: Section) -> Part | None:
        wanted = heading_key(section.heading)
        return next((part for part in self.outline.sections if heading_key(part.title) == wanted), None)

    # -- the whole document ------------------------------------------------------------------------------------

    def _shape(self) -> Iterator[Finding]:
        titles = len(self.outline.titles)
        if titles != 1:
            yield _finding("", Severity.MAJOR, f"{titles} H1 headings", "exactly one, as the first line")
        yield from self._missing()
        yield from self._order()
        yield from self._extra()

    def _missing(self) -> Iterator[Finding]:
        absent = [s for s in all_sections(self.contract) if not s.optional and self._part(s) is None]
        required = [section for section in self.contract.sections if not section.optional]
        gone = [section for section in required if section in absent]
        if len(gone) * 2 > len(required):
            found = f"{len(gone)} of {len(required)} sections are missing"
            yield _finding("", Severity.CRITICAL, found, "the whole document, every section of the template")
        for section in absent:
            found = f"the section `## {section.heading}` is missing"
            yield _finding(section.heading, Severity.MAJOR, found, f"`## {section.heading}`, in the template's place")

    def _order(self) -> Iterator[Finding]:
        present = [section.heading for section in all_sections(self.contract) if self._part(section)]
        known = {heading_key(heading): heading for heading in present}
        met = list(dict.fromkeys(k for part in self.outline.sections if (k := heading_key(part.title)) in known))
        actual = [known[name] for name in met]
        for stands, ought in zip(actual, present, strict=True):
            if stands != ought:
                order = ", ".join(present)
                yield _finding(stands, Severity.MAJOR, f"stands where `## {ought}` belongs", f"the order {order}")
                return

    def _extra(self) -> Iterator[Finding]:
        known = {heading_key(section.heading) for section in all_sections(self.contract)}
        seen: set[str] = set()
        extra: list[str] = []
        for part in self.outline.sections:
            name = heading_key(part.title)
            if name not in known or name in seen:
                extra.append(part.title)
            seen.add(name)
        allowed = self.contract.max_extra_sections
        if len(extra) > allowed:
            found = f"{len(extra)} sections beyond the template: {', '.join(map(shown, extra[:5]))}"
            yield _finding("", Severity.MINOR, found, f"at most {allowed}")
        last = self.outline.sections[-1].title if self.outline.sections else ""
        if self.contract.envelope and "handoff" in seen and last in extra:
            yield _finding(last, Severity.MINOR, "stands behind `## Handoff`", "`## Handoff` as the last section")

    def _words(self) -> Iterator[Finding]:
        words = count_words(self.outline.text)
        low, high = self.contract.min_words, self.contract.max_words
        if low <= words <= high:
            return
        far = words < low * 0.9 or words > high * 1.1
        severity = Severity.MAJOR if far else Severity.MINOR
        yield _finding("", severity, f"the document has {words} words", f"{low} to {high}")

    # -- sections ----------------------------------------------------------------------------------------------

    def _section(self, section: Section, part: Part) -> Iterator[Finding]:
        if section is SUMMARY:
            yield from self._summary(part)
            return
        if not part.text:
            yield _finding(section.heading, Severity.MAJOR, "the section is empty", section.hint or "its content")
            return
        if begins_with_one_of(part.text, section.instead_of):
            return
        if self.contract.unknown_allowed and is_unknown(part.text.lstrip("*_->` ")):
            return
        for text in section.must_contain:
            if not contains(part.text, text):
                yield _finding(section.heading, Severity.MAJOR, "the text is missing", f"{text!r} to stand here")
        scope = Scope(
            part=part,
            section=section.heading,
            refs=self.refs,
            unknown_allowed=self.contract.unknown_allowed,
            labels=field_labels(section.checks),
        )
        yield from run_checks(scope, section.checks)

    def _summary(self, part: Part) -> Iterator[Finding]:
        words = count_words(part.text)
        low, high = SUMMARY_WORDS
        if not low <= words <= high:
            least, most = SUMMARY_WORDS_TOLERATED
            severity = Severity.MINOR if least <= words <= most else Severity.MAJOR
            yield _finding("Summary", severity, f"has {words} words", f"{low} to {high}")
        if self.facts.product is None:
            self.refs.waive("The Summary was not checked for the product's name: the product context gives none.")
        elif not _names(part.text, self.facts.product):
            yield _finding("Summary", Severity.MAJOR, "does not name the product", f"{self.facts.product!r} in it")


def begins_with_one_of(text: str, options: tuple[str, ...]) -> bool:
    """Whether a section's text is one of its allowed short answers, such as `None` or `Not used: reason`."""
    start = key(text.lstrip("*_->` ")[:200])
    return any(re.match(rf"{re.escape(key(option))}(?!\w)", start) for option in options if option.strip())


def _names(text: str, product: str) -> bool:
    return key(short_name(product)) in key(text)
