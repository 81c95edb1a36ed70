"""The product context as questions: one for each section, with an example, and answers put into the contract's shape.

An answer is lines. `Label: value` fills that field; any other line becomes a row (cells parted by semicolons), an item
or a quotation, or, in a section that begins with fields, the next field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from marketeer.domain.contract import Check, Contract, Field, ListOf, Quotes, Section, Table

NOT_TOLD = "Unknown: not told yet"
TITLE = "Product Marketing Context"
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)
_INDENT = 16
_CELLS = re.compile(r"\s*[;|]\s*")

# By heading of the foundation's contract. The company is the one of `init --example`.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "Product Overview": (
        "Fieldnod gets homeowners to approve extra work in writing before the crew starts it.",
        "Business model: Free for 3 change orders a month; Crew $49 a month; Office $129 a month",
    ),
    "Target Audience": (
        "Remodelers and roofers in the US and Canada, 3 to 40 people",
        "Buyer: the owner; the field lead can veto",
        "Get paid for every extra without an argument at the final invoice",
    ),
    "Personas": (
        "Dana, owner; decision maker; margin that survives the job; eats extras; nothing extra starts unapproved",
        "Luis, field lead; user; finish on schedule; writes notes on plywood; sent in under a minute",
    ),
    "Problems and Pain Points": (
        "Verbal approvals get denied weeks later, so the contractor absorbs the cost",
        "Extras live in texts and photos, so some are never billed",
    ),
    "Competitive Landscape": (
        "JobAnvil; direct; one suite for the whole job; clients need a login",
        "Texts and a spreadsheet; indirect; free and familiar; nothing ties the yes to the invoice",
    ),
    "Differentiation": ("No client account: approval opens from a text, so clients answer on site",),
    "Objections": ("My clients won't use an app; there is nothing to install; median approval time 38 minutes",),
    "Switching Dynamics": (
        "Push: a disputed extra that cost real money",
        "Anxiety: looking pushy to a good client",
    ),
    "Customer Language": (
        '"It\'s all somewhere in my phone." (support ticket, Jan 2026)',
        "Words to use: extra, change order, get the nod",
        "Words to avoid: seamless, leverage",
    ),
    "Brand Voice": ("Tone: plain, dry, on the contractor's side", "Do: short sentences; name the trade and the dollar"),
    "Proof Points": (
        "Paying companies; 412; billing; Jan 2026",
        "Known gaps: acquisition cost by channel is not tracked",
    ),
    "Goals": (
        "More signups; visit to signup; 2.9%; 3.5%; 2026-06-30",
        "Primary conversion: free signup, then a first approved change order",
    ),
}

Answers = Mapping[str, Sequence[str]]
# Gets the question; answers with lines, none when it is skipped. Raises EOFError when nobody wants to answer any more.
Ask = Callable[[str], Sequence[str]]


@dataclass(slots=True, kw_only=True)
class _Told:
    """The lines of one answer, sorted by where they go."""

    fields: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def interview(contract: Contract, ask: Ask) -> dict[str, Sequence[str]]:
    """One question for each section. Ends early, with what was told so far, when nobody answers any more."""
    answers: dict[str, Sequence[str]] = {}
    try:
        for number, section in enumerate(contract.sections, start=1):
            answers[section.heading] = ask(_question(number, len(contract.sections), section))
    except EOFError:
        pass
    return {heading: lines for heading, lines in answers.items() if lines}


def compose(contract: Contract, product: str, answers: Answers, *, help_lines: bool = False) -> str:
    """The document. What nobody told reads Unknown; with `help_lines` a comment there shows an example."""
    lines = [f"# {TITLE}: {product}"]
    for section in contract.sections:
        lines += ["", f"## {section.heading}", ""]
        told = answers.get(section.heading, ())
        lines += _section(section, told) if told else [f"{NOT_TOLD}."]
        if help_lines and not told:
            lines += ["", *_help(section)]
    return "\n".join(lines) + "\n"


def blank_context(contract: Contract) -> str:
    """What an editor opens where there is no context yet."""
    return compose(contract, "<name of the product>", {}, help_lines=True)


def without_help(text: str) -> str:
    """The text without the comments that `blank_context` put there."""
    return _COMMENT.sub("", text).rstrip() + "\n"


def _question(number: int, count: int, section: Section) -> str:
    lines = [f"{number}/{count}  {section.heading}: {section.hint}"]
    tables = [check for check in section.checks if isinstance(check, Table)]
    lines += [f"{'      one line':<{_INDENT}}{'; '.join(column.name for column in table.columns)}" for table in tables]
    for index, example in enumerate(EXAMPLES.get(section.heading, ())):
        lines.append(f"{'      such as' if index == 0 else '':<{_INDENT}}{example}")
    return "\n".join(lines)


def _help(section: Section) -> list[str]:
    shape = "\n".join(_section(section, EXAMPLES.get(section.heading, ())))
    return [f"<!-- {section.hint} Replace the line above. An example:\n\n{shape}\n-->"]


def _section(section: Section, answer: Sequence[str]) -> list[str]:
    told = _sorted(section, answer)
    lines: list[str] = []
    before: Check | None = None
    for check in section.checks:
        if before is not None and not (isinstance(check, Field) and isinstance(before, Field)):
            lines.append("")
        lines += _check(check, told)
        before = check
    return lines


def _sorted(section: Section, answer: Sequence[str]) -> _Told:
    told = _Told()
    labels = [check.label for check in section.checks if isinstance(check, Field)]
    has_more = any(isinstance(check, Table | ListOf | Quotes) for check in section.checks)
    free = labels if not has_more else labels[:1] if isinstance(section.checks[0], Field) else []
    for line in answer:
        label = next((name for name in labels if line.casefold().startswith(f"{name.casefold()}:")), None)
        label = label or next((name for name in free if name not in told.fields), None)
        if label is None:
            told.others.append(line)
        else:
            value = re.sub(rf"^{re.escape(label)}:\s*", "", line, flags=re.IGNORECASE)
            told.fields[label] = f"{told.fields[label]}; {value}" if label in told.fields else value
    if told.others and not has_more:
        told.fields[labels[-1]] = "; ".join(
            [*([told.fields[labels[-1]]] if labels[-1] in told.fields else []), *told.others]
        )
    return told


def _check(check: Check, told: _Told) -> Iterator[str]:
    match check:
        case Field():
            yield f"**{check.label}:** {told.fields.get(check.label, NOT_TOLD)}"
        case Table():
            yield from _table(check, told.others)
        case ListOf():
            if check.after:
                yield f"**{check.after}:**"
            yield from (f"- {item.lstrip('-* ')}" for item in told.others or [NOT_TOLD])
        case Quotes():
            yield from told.others or [NOT_TOLD]
        case _:
            pass


def _table(check: Table, lines: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(column.name for column in check.columns)} |"
    yield "|" + "---|" * len(check.columns)
    width = len(check.columns)
    for line in lines or [""]:
        cells = _CELLS.split(line.strip(" |"), maxsplit=width - 1) if line else []
        filled = [cell or NOT_TOLD for cell in cells] + [NOT_TOLD] * (width - len(cells))
        yield f"| {' | '.join(cell.replace('|', '/') for cell in filled)} |"
