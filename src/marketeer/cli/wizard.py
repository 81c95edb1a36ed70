"""The questions of `init` on a terminal: what is known about the product, written down as version 1 of its context."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from marketeer.cli import output, text
from marketeer.cli.common import Call, run
from marketeer.cli.context_book import in_force, store_version
from marketeer.cli.errors import Stopped
from marketeer.cli.interview import compose, interview
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.runtime import load_workspace_team

PROMPT = "> "


def is_wanted(call: Call) -> bool:
    """Only where somebody can answer, and nothing is known yet."""
    return not call.as_json and sys.stdin.isatty() and sys.stdout.isatty() and run(in_force(call)) is None


def ask_about_product(call: Call) -> bool:
    """True when a context was written. Raises Stopped when the user leaves with Ctrl-C."""
    _prepare_keyboard()
    try:
        return _asked(call)
    except KeyboardInterrupt:
        msg = f"interrupted; nothing was written down, run `{call.command('init')}` to be asked again"
        raise Stopped(msg) from None


def _asked(call: Call) -> bool:
    contract = load_workspace_team(call.settings).skill(FOUNDATION_SKILL).contract
    output.say("")
    output.say(f"{len(contract.sections)} short questions about your product; all that the team writes rests on them.")
    output.say("Enter skips one: it reads Unknown until you fill it in. Where you know more, give several lines;")
    output.say("an empty one goes on. Ctrl-D ends early and keeps what you said, Ctrl-C keeps nothing.")
    output.say("")
    product = _name()
    if not product:
        output.say("Left for later: the first goal drafts the product context, and you correct it.")
        return False
    answers = interview(contract, _lines)
    if not answers:
        output.say("\nNothing told, so the first goal drafts the product context, and you correct it.")
        return False
    held = run(store_version(call, compose(contract, product, answers)))
    where = text.shown_path(call.settings.workspace_dir / CONTEXT_PATH)
    output.say("")
    output.say(f"Written to {where}, {held.name}: {len(answers)} of {len(contract.sections)} sections told.")
    output.say(f"  {call.command('context check')}   says what is missing, and whom it costs")
    output.say(f"  {call.command('context edit')}   changes it")
    output.say("")
    return True


def _name() -> str:
    output.say("What is the product called? (Enter leaves all of this to the first goal.)")
    try:
        return " ".join(input(PROMPT).split())
    except EOFError:
        return ""


def _lines(question: str) -> Sequence[str]:
    output.say("")
    for line in question.splitlines():
        output.say(text.clipped(line, text.terminal_width()))
    lines: list[str] = []
    while line := input(PROMPT).strip():
        lines.append(line)
    return lines


def _prepare_keyboard() -> None:
    """With readline, where there is one, arrow keys move instead of printing."""
    try:
        import readline  # noqa: F401 - importing it is what changes input()
    except ImportError:
        return
