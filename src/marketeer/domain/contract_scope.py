"""Where the checks of one section or subsection look, and how they say what they found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from marketeer.domain.contract_lookup import DocumentLookup
from marketeer.domain.contract_refs import References
from marketeer.domain.contract_values import is_unknown
from marketeer.domain.markdown import Part
from marketeer.domain.review import Finding, Severity

ROWS_SHOWN = 3
UNKNOWN_LINE = re.compile(r"^\W*unknown\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where checks look: one part of the document, under the H2 it is reported for."""

    part: Part
    section: str
    refs: References
    unknown_allowed: bool
    labels: frozenset[str] = frozenset()
    whole: Part | None = None  # the H2 around the part, when the part is an H3

    def finding(self, severity: Severity, found: str, wanted: str) -> Finding:
        where = self.part.title if self.part.title != self.section else ""
        return Finding(
            section=self.section, severity=severity, found=f"in {where!r}: {found}" if where else found, wanted=wanted
        )

    def lookup(self, row: Mapping[str, str] | None = None) -> DocumentLookup:
        """What a formula sees from here."""
        return DocumentLookup(
            outline=self.refs.outline,
            facts=self.refs.facts,
            part=self.part,
            section=self.whole or self.part,
            row=row or {},
        )

    def excuses(self, value: str) -> bool:
        return self.unknown_allowed and is_unknown(value)
