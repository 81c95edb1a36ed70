"""What formulas see of a document that is still being written: the sections finished so far, and the part in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from marketeer.domain.contract import Facts
from marketeer.domain.contract_formula import evaluate, headings_in
from marketeer.domain.contract_lookup import DocumentLookup
from marketeer.domain.contract_quantities import Value, number_of, numbers_of
from marketeer.domain.markdown import Outline, Part, heading_key, parse


@dataclass(slots=True, kw_only=True)
class Formulas:
    """Works formulas out. `write` writes a section that a formula looks at, if it is not written yet."""

    facts: Facts
    write: Callable[[str], None]
    done: dict[str, list[str]] = field(default_factory=dict)
    heading: str = ""
    title: str = ""
    lines: list[str] = field(default_factory=list)

    def value(self, formula: str, row: Mapping[str, str] | None = None) -> Value:
        """The formula's value in the part being written; None when it cannot be told yet."""
        for heading in headings_in(formula):
            if heading_key(heading) != heading_key(self.heading):
                self.write(heading)
        outline = self.outline()
        section = self._current(outline)
        part = section.parts[-1] if section.parts and self.title else section
        return evaluate(
            formula, DocumentLookup(outline=outline, facts=self.facts, part=part, section=section, row=row or {})
        )

    def number(self, formula: str, row: Mapping[str, str] | None = None) -> float | None:
        """The value as one number, the first of a list."""
        value = self.value(formula, row)
        return next(iter(numbers_of(value)), None) if isinstance(value, tuple) else number_of(value)

    def outline(self) -> Outline:
        return parse("\n".join(self._text()))

    def _text(self) -> Iterator[str]:
        yield "# Draft"
        for heading, lines in self.done.items():
            if heading != self.heading:
                yield from ("", f"## {heading}", "", *lines)
        yield from ("", f"## {self.heading}", "")
        if self.title:
            yield from (f"### {self.title}", "")
        yield from self.lines

    def _current(self, outline: Outline) -> Part:
        found = [part for part in outline.sections if part.title == self.heading]
        return found[-1] if found else Part(title=self.heading, text="")


def written(number: float, within: float) -> str:
    """A computed number as a document states it."""
    if abs(number - round(number)) < 1e-9:
        return str(round(number))
    return f"{number:.1f}" if within >= 0.05 else f"{number:.4g}" if abs(number) < 1 else f"{number:.2f}"
