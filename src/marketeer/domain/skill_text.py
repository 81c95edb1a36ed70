"""The output template inside SKILL.md: rendered from the contract between two marker comments, so that the folder is a
complete Agent Skill by itself and yet says nothing that the contract does not."""

from __future__ import annotations

import re
from enum import StrEnum

from marketeer.domain.contract import Contract
from marketeer.domain.contract_template import render_template

BEGIN = "<!-- output template: made from contract.yaml, renewed by `marketeer skills validate --fix` -->"
END = "<!-- end of the output template -->"

_BEGIN = re.compile(r"^<!--[ \t]*output template\b[^\n]*-->[ \t]*$", re.MULTILINE | re.IGNORECASE)
_END = re.compile(r"^<!--[ \t]*end of the output template\b[^\n]*-->[ \t]*$", re.MULTILINE | re.IGNORECASE)


class TemplateState(StrEnum):
    """How the template in a text stands to its contract. BROKEN: the markers are not one pair in order."""

    CURRENT = "current"
    STALE = "stale"
    ABSENT = "absent"
    BROKEN = "broken"


def template_block(contract: Contract) -> str:
    """Both markers and all between them, without a final newline."""
    intro = "Answer with one Markdown document of exactly this shape."
    return f"{BEGIN}\n\n## Output template\n\n{intro}\n\n{render_template(contract).rstrip()}\n\n{END}"


def without_template(text: str) -> str:
    """The text with the block taken out: whoever prompts with it renders the template from the contract."""
    place = _block(text)
    if place is None:
        return text
    before, after = text[: place[0]].rstrip(), text[place[1] :].strip()
    return f"{before}\n\n{after}\n" if after else f"{before}\n"


def with_template(text: str, contract: Contract) -> str:
    """The text with the contract's block in place of its own, or at its end. BROKEN markers are left to a human."""
    state = template_state(text, contract)
    if state in (TemplateState.CURRENT, TemplateState.BROKEN):
        return text
    place = _block(text)
    if place is None:
        return f"{text.rstrip()}\n\n{template_block(contract)}\n"
    return f"{text[: place[0]]}{template_block(contract)}{text[place[1] :]}"


def template_state(text: str, contract: Contract) -> TemplateState:
    place = _block(text)
    if place is not None:
        current = text[place[0] : place[1]] == template_block(contract)
        return TemplateState.CURRENT if current else TemplateState.STALE
    has_marker = _BEGIN.search(text) or _END.search(text)
    return TemplateState.BROKEN if has_marker else TemplateState.ABSENT


def template_line(text: str) -> int:
    """The line the first marker stands on, counted from 1; the last line when there is none."""
    found = _BEGIN.search(text) or _END.search(text)
    return text.count("\n", 0, found.start() if found else len(text.rstrip())) + 1


def _block(text: str) -> tuple[int, int] | None:
    """From the first marker to the end of the second; None when they are not one pair in order."""
    begins, ends = list(_BEGIN.finditer(text)), list(_END.finditer(text))
    if len(begins) != 1 or len(ends) != 1 or ends[0].start() < begins[0].end():
        return None
    return begins[0].start(), ends[0].end()
