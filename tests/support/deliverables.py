"""Good deliverables (the examples of the skills), ways to write them a little differently, and ways to spoil them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import marketeer
from marketeer.adapters.team_files import load_team
from marketeer.domain.contract import Check, Column, Contract, Facts, Field, Subsections, Table
from marketeer.domain.contract_check import check
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Finding, Severity
from marketeer.domain.skill import FOUNDATION_SKILL

TEAM = Path(marketeer.__file__).parent / "team"
CONTEXT = (TEAM / "example" / "product-marketing-context.md").read_text("utf-8")
Change = Callable[[str, "Deliverable", random.Random], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """A finished output with the contract and the facts it is held against."""

    name: str
    text: str
    contract: Contract
    facts: Facts

    def findings(self, text: str | None = None) -> list[Finding]:
        """What would send the text back."""
        found = check(self.contract, self.text if text is None else text, self.facts).findings
        return [finding for finding in found if finding.severity is not Severity.MINOR]


@cache
def deliverables() -> tuple[Deliverable, ...]:
    return tuple(_deliverables())


def _deliverables() -> Iterator[Deliverable]:
    team = load_team(None)
    registry = frozenset(team.skill_names())
    for path in sorted(TEAM.glob("skills/*/examples/*.md")):
        skill = team.skill(path.parts[-3])
        text = path.read_text("utf-8")
        inputs = {f"inputs/{one.name}": one.read_text("utf-8") for one in path.parent.glob("inputs/*.md")}
        is_context = skill.info.name == FOUNDATION_SKILL
        facts = facts_of(parse_context(text if is_context else CONTEXT), registry=registry, sources=inputs)
        yield Deliverable(
            name=f"{skill.info.name}/{path.name}",
            text=text,
            contract=skill.contract,
            facts=replace(facts, context=CONTEXT) if is_context else facts,
        )


# -- the same document, written a little differently -----------------------------------------------------------


def _outside(text: str, change: Callable[[str], str]) -> str:
    """Change the lines that stand in no fence."""
    lines, fence = [], ""
    for line in text.split("\n"):
        opening = re.match(r"\s*(`{3,}|~{3,})", line)
        if opening and not fence:
            fence = opening[1]
        elif fence and line.strip().startswith(fence):
            fence = ""
            lines.append(line)
            continue
        lines.append(line if fence or opening else change(line))
    return "\n".join(lines)


def _headings(pattern: str, change: Callable[[re.Match[str]], str]) -> Change:
    return lambda text, _one, _rng: _outside(text, lambda line: re.sub(pattern, change, line))


def _wrapped(text: str, _one: Deliverable, _rng: random.Random) -> str:
    """Long lines of prose broken at about 90 characters."""

    def wrap(line: str) -> str:
        if len(line) < 95 or re.match(r"\s*(?:[|#>*-]|\d+[.)]|\*\*)", line):
            return line
        return re.sub(r"(.{60,90}?) (?![-*+#>|]|\d+[.)]\s)", r"\1\n", line)

    return _outside(text, wrap)


def _curly(text: str, _one: Deliverable, _rng: random.Random) -> str:
    opened = re.sub(r'(^|[\s(|\[])"', "\\1\u201c", text, flags=re.MULTILINE)
    return (
        _outside(text, lambda line: line) if "```json" in text else opened.replace('"', "\u201d").replace("'", "\u2019")
    )


HARMLESS: dict[str, Change] = {
    "headings in capitals": _headings(r"^## (.+)$", lambda m: f"## {m[1].upper()}"),
    "headings in small letters": _headings(r"^## (.+)$", lambda m: f"## {m[1].lower()}"),
    "closed headings": _headings(r"^## (.+)$", lambda m: f"## {m[1]} ##"),
    "bold headings": _headings(r"^## (.+)$", lambda m: f"## **{m[1]}**"),
    "stars for dashes": _headings(r"^(\s*)- ", lambda m: f"{m[1]}* "),
    "plus for dashes": _headings(r"^(\s*)- ", lambda m: f"{m[1]}+ "),
    "colon outside the bold": _headings(r"^\*\*([^*]+):\*\*", lambda m: f"**{m[1]}**:"),
    "underscores for bold": _headings(r"^\*\*([^*]+):\*\*", lambda m: f"__{m[1]}:__"),
    "labels as list items": lambda text, one, rng: _listed(text),
    "tight tables": _headings(r"^\|.*$", lambda m: re.sub(r" *(?<!\\)\| *", "|", m[0])),
    "wide tables": _headings(r"^\|.*$", lambda m: re.sub(r" ?(?<!\\)\| ?", "  |  ", m[0]).strip()),
    "aligned tables": _headings(r"^\|[-|\s]+\|$", lambda m: re.sub(r"-{3,}", ":---:", m[0])),
    "numbers without commas": _headings(r"(?<=\d),(?=\d{3}(?!\d))", lambda m: ""),
    "curly quotes": _curly,
    "tildes for backticks": lambda text, one, rng: re.sub(r"^```", "~~~", text, flags=re.MULTILINE),
    "more blank lines": _headings(r"^(## .+|\*\*.+|- .+)$", lambda m: m[0] if m[0].startswith("-") else f"\n\n{m[0]}"),
    "trailing spaces": _headings(r"^(.*\S)$", lambda m: m[0] if m[0].startswith("|") else f"{m[0]}  "),
    "carriage returns": lambda text, one, rng: text.replace("\n", "\r\n"),
    "one fence around it": lambda text, one, rng: f"`````markdown\n{text}`````\n",
    "a closing remark": lambda text, one, rng: f"{text}\n*End of the document.*\n",
    "a rule between sections": _headings(r"^## .+$", lambda m: f"---\n\n{m[0]}"),
    "wrapped prose": _wrapped,
    "dashes of another kind": _headings(r"(?<=\w) - (?=\w)", lambda m: " \u2013 "),
    "tags in other words": _headings(r"\[ctx\](?!\()", lambda m: "[context]"),
    "tags with a note": _headings(r"\[calc\](?!\()", lambda m: "[calc: worked out here]"),
    "spaces that do not break": _headings(r"(?<=\d) (?=(?:minutes|users|days)\b)", lambda m: "\u00a0"),
}


def _listed(text: str) -> str:
    """`**Label:** value` lines as items, where they do not stand beside a list."""
    return _outside(text, lambda line: re.sub(r"^\*\*([^*]+):\*\* (?=\S)", r"- **\1:** ", line))


# -- the same document, spoiled -------------------------------------------------------------------------------


def _pick(rng: random.Random, found: list[re.Match[str]]) -> re.Match[str] | None:
    return rng.choice(found) if found else None


def _swap(text: str, match: re.Match[str] | None, new: str) -> str | None:
    return None if match is None else text[: match.start()] + new + text[match.end() :]


def _matches(pattern: str, text: str) -> list[re.Match[str]]:
    return list(re.finditer(pattern, text, re.MULTILINE))


def _section_of(text: str, at: int) -> str:
    before = re.findall(r"^## (.+)$", text[:at], re.MULTILINE)
    return before[-1].strip() if before else ""


def drop_a_heading(text: str, one: Deliverable, rng: random.Random) -> str | None:
    optional = {section.heading for section in one.contract.sections if section.optional}
    required = [section.heading for section in one.contract.sections if section.heading not in optional]
    found = [m for m in _matches(r"^## (.+)\n", text) if m[1].strip() in required]
    return _swap(text, _pick(rng, found), "\n")


def _rules(checks: tuple[Check, ...]) -> Iterator[Field | Column]:
    for rule in checks:
        if isinstance(rule, Field):
            yield rule
        elif isinstance(rule, Table):
            yield from rule.columns
        elif isinstance(rule, Subsections):
            for kind in (*rule.titled, *([rule.each] if rule.each else [])):
                yield from _rules(kind.checks)


def _fields(one: Deliverable, wanted: Callable[[Field], bool]) -> list[str]:
    return [
        rule.label
        for section in one.contract.sections
        for rule in _rules(section.checks)
        if isinstance(rule, Field) and wanted(rule)
    ]


def lengthen_a_field(text: str, one: Deliverable, rng: random.Random) -> str | None:
    labels = _fields(one, lambda rule: rule.max_chars is not None)
    found = [m for label in labels for m in _matches(rf"^\*\*{re.escape(label)}:\*\* .+$", text)]
    match = _pick(rng, found)
    return _swap(text, match, f"{match[0]} and then some more words" + " that go on" * 14) if match else None


def drop_a_field(text: str, one: Deliverable, rng: random.Random) -> str | None:
    labels = _fields(one, lambda rule: rule.when is None)
    found = [m for label in set(labels) for m in _matches(rf"^\*\*{re.escape(label)}:\*\* .+\n", text)]
    return _swap(text, _pick(rng, found), "")


def wrong_choice(text: str, one: Deliverable, rng: random.Random) -> str | None:
    labels = _fields(one, lambda rule: bool(rule.one_of))
    found = [m for label in labels for m in _matches(rf"^(\*\*{re.escape(label)}:\*\*) .+$", text)]
    match = _pick(rng, found)
    if match is not None and rng.random() < 0.5:
        return _swap(text, match, f"{match[1]} something else entirely")
    return _cell(text, one, rng, lambda rule: bool(rule.one_of), lambda _cell: "something else") or _swap(
        text, match, f"{match[1]} something else entirely" if match else ""
    )


def _cell(
    text: str,
    one: Deliverable,
    rng: random.Random,
    wanted: Callable[[Column], bool],
    change: Callable[[str], str | None],
) -> str | None:
    """Change one cell of a column that the contract describes."""
    lines = text.split("\n")
    places: list[tuple[int, int]] = []
    heading, header = "", list[str]()
    columns = {
        (section.heading.casefold(), rule.name.casefold())
        for section in one.contract.sections
        for rule in _rules(section.checks)
        if isinstance(rule, Column) and wanted(rule)
    }
    for at, line in enumerate(lines):
        if line.startswith("## "):
            heading = line[3:].strip().casefold()
        if not line.startswith("|"):
            header = []
        elif not header:
            header = [cell.strip().casefold() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        elif not re.fullmatch(r"[|:\s-]+", line):
            places += [(at, n) for n, name in enumerate(header) if (heading, name) in columns]
    rng.shuffle(places)
    for at, n in places:
        cells = re.split(r"(?<!\\)\|", lines[at])
        new = change(cells[n + 1].strip()) if n + 1 < len(cells) - 1 else None
        if new is not None:
            cells[n + 1] = f" {new} "
            return "\n".join([*lines[:at], "|".join(cells), *lines[at + 1 :]])
    return None


def break_a_calculation(text: str, one: Deliverable, rng: random.Random) -> str | None:
    def more(cell: str) -> str | None:
        found = re.search(r"\d+(?:,\d{3})*(?:\.\d+)?", cell)
        if found is None:
            return None
        value = float(found[0].replace(",", "")) * 1.6 + 7
        return cell[: found.start()] + f"{value:.1f}".removesuffix(".0") + cell[found.end() :]

    in_a_cell = _cell(text, one, rng, lambda rule: rule.calc is not None, more)
    if in_a_cell is not None:
        return in_a_cell
    labels = _fields(one, lambda rule: rule.calc is not None)
    match = _pick(rng, [m for label in labels for m in _matches(rf"^(\*\*{re.escape(label)}:\*\*) (.+)$", text)])
    return _swap(text, match, f"{match[1]} {more(match[2])}") if match else None


def break_a_sum(text: str, one: Deliverable, rng: random.Random) -> str | None:
    found = _matches(r"(?<=\d)( (?:[\u00d7x*/+] )\$?[\d,.]+ = [-\u2212]?\$?)(\d[\d,]*)(?![\d.%])", text)
    match = _pick(rng, [m for m in found if not re.match(r"\s?[\u00d7x/*^]", text[m.end() : m.end() + 2])])
    return _swap(text, match, f"{match[1]}{int(match[2].replace(',', '')) * 2 + 11}") if match else None


def empty_a_cell(text: str, one: Deliverable, rng: random.Random) -> str | None:
    return _cell(text, one, rng, lambda rule: True, lambda cell: "" if cell else None)


def _prose(text: str, one: Deliverable) -> list[re.Match[str]]:
    """Ends of paragraphs outside the envelope's tables and outside what customers read."""
    plain = {s.heading for s in one.contract.sections if not s.customer_facing and not _has_copy(s.checks)}
    found, fence = [], False
    for match in _matches(r"^.*$", text):
        line = match[0]
        fence = fence != line.startswith(("```", "~~~"))
        ends = re.match(r"[A-Z].{40,}[.]$", line) and not fence
        if ends and _section_of(text, match.start()) in plain:
            found.append(match)
    return found


def _has_copy(checks: tuple[Check, ...]) -> bool:
    kinds = [one for c in checks if isinstance(c, Subsections) for one in (*c.titled, *([c.each] if c.each else []))]
    return any(kind.customer_facing or _has_copy(kind.checks) for kind in kinds)


STATISTICS = (
    "In trials 73% of teams changed over within a month.",
    "Customers save $1,940 a year with it.",
    "More than 5,300 companies have done this already.",
    "It makes approvals 6x faster.",
)


def invent_a_statistic(text: str, one: Deliverable, rng: random.Random) -> str | None:
    match = _pick(rng, _prose(text, one))
    if match is None:
        return None
    return _swap(text, match, f"{match[0]}\n\n{rng.choice(STATISTICS)}")


def invent_a_figure_in_copy(text: str, one: Deliverable, rng: random.Random) -> str | None:
    match = _pick(rng, _matches(r"^```(?:copy|post|email)\n", text))
    return _swap(text, match, f"{match[0]}{rng.choice(STATISTICS)}\n") if match else None


def falsify_a_tagged_figure(text: str, one: Deliverable, rng: random.Random) -> str | None:
    found = _matches(
        r"(?<![\d-])(?P<sign>\$?)(?P<number>\d[\d,]*(?:\.\d+)?)(?P<unit>%?)(?P<rest>[^\d\n\[\]|]{0,12}\[ctx\])", text
    )
    match = _pick(rng, [m for m in found if float(m["number"].replace(",", "")) >= 10 or m["unit"] or m["sign"]])
    if match is None:
        return None
    value = float(match["number"].replace(",", "")) * 3 + 17.3
    return _swap(text, match, f"{match['sign']}{value:.1f}{match['unit']}{match['rest']}")


def cite_what_is_not_assumed(text: str, one: Deliverable, rng: random.Random) -> str | None:
    match = _pick(rng, _prose(text, one))
    return _swap(text, match, f"{match[0]} Half of them do it by hand, some 44% [A19].") if match else None


def change_a_quote(text: str, one: Deliverable, rng: random.Random) -> str | None:
    match = _pick(rng, _prose(text, one))
    said = '"It cut our paperwork in half and the crew loves it." (Dana interview, Nov 2025)'
    return _swap(text, match, f"{match[0]}\n\n{said}") if match else None


def insert_a_secret(text: str, one: Deliverable, rng: random.Random) -> str | None:
    secret = rng.choice(
        ["sk-ant-api03-9f8e7d6c5b4a39281706", "AKIAIOSFODNN7EXAMPLE", "-----BEGIN RSA PRIVATE KEY-----"]
    )
    match = _pick(rng, _matches(r"^- .+$", text) or _matches(r"^[A-Z].+\.$", text))
    return _swap(text, match, f"{match[0]} {secret}") if match else None


def insert_an_address(text: str, one: Deliverable, rng: random.Random) -> str | None:
    person = rng.choice(["tom.rieger@ridgewayroofing.com", "+1 (415) 867-2290", "415-867-2290"])
    match = _pick(rng, _matches(r"^- .+$", text) or _matches(r"^[A-Z].+\.$", text))
    return _swap(text, match, f"{match[0]} {person}") if match else None


def insert_a_placeholder(text: str, one: Deliverable, rng: random.Random) -> str | None:
    hole = rng.choice(["TODO", "TBD", "[insert figure]", "[your company]", "XX", "Lorem ipsum dolor", "[Company name]"])
    match = _pick(rng, _matches(r"^- .+$", text) or _matches(r"^[A-Z].+\.$", text))
    return _swap(text, match, f"{match[0]} {hole}") if match else None


def ask_the_reader(text: str, one: Deliverable, rng: random.Random) -> str | None:
    match = _pick(rng, _prose(text, one))
    asked = rng.choice(
        ["Let me know which of them you prefer.", "Could you share the traffic figures?", "As an AI I cannot tell."]
    )
    return _swap(text, match, f"{match[0]}\n\n{asked}") if match else None


def use_a_word_to_avoid(text: str, one: Deliverable, rng: random.Random) -> str | None:
    match = _pick(rng, _matches(r"^```(?:copy|post|email)\n", text))
    return _swap(text, match, f"{match[0]}A seamless solution for every stakeholder.\n") if match else None


def hand_off_to_nobody(text: str, one: Deliverable, rng: random.Random) -> str | None:
    at = text.find("## Handoff")
    found = [m for m in _matches(r"^\| [a-z-]+ (?=\|)", text) if at >= 0 and m.start() > at]
    return _swap(text, _pick(rng, found), "| copy-righting ")


def drop_rows(text: str, one: Deliverable, rng: random.Random) -> str | None:
    """A table cut down to its header."""
    tables = _matches(r"^(\|.*\n\|[-|: ]+\|\n)((?:\|.*\n)+)", text)
    known = {s.heading for s in one.contract.sections if any(isinstance(c, Table) for c in s.checks)}
    counts = {name: sum(_section_of(text, m.start()) == name for m in tables) for name in known}
    found = [m for m in tables if counts.get(_section_of(text, m.start())) == 1]
    match = _pick(rng, found)
    return _swap(text, match, match[1]) if match else None


HARMFUL: dict[str, Change] = {
    change.__name__.replace("_", " "): change
    for change in (
        drop_a_heading,
        lengthen_a_field,
        drop_a_field,
        wrong_choice,
        break_a_calculation,
        break_a_sum,
        empty_a_cell,
        invent_a_statistic,
        invent_a_figure_in_copy,
        falsify_a_tagged_figure,
        cite_what_is_not_assumed,
        change_a_quote,
        insert_a_secret,
        insert_an_address,
        insert_a_placeholder,
        ask_the_reader,
        use_a_word_to_avoid,
        hand_off_to_nobody,
        drop_rows,
    )
}
