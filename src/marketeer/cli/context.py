"""`marketeer context`: what is known about the product, what is missing and whom it costs, and changing it."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from marketeer.adapters.team_files import FileTeam
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run
from marketeer.cli.context_book import Held, in_force, store_version, versions
from marketeer.cli.editing import edited, given_text
from marketeer.cli.group import command_group
from marketeer.cli.interview import blank_context, without_help
from marketeer.domain.context_gaps import SectionGap, SectionState, context_needs, section_gaps
from marketeer.domain.contract_check import check as check_contract
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.errors import UsageError
from marketeer.domain.markdown import count_words
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Finding, Severity
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.runtime import load_workspace_team

FILE_NAME = "product-marketing-context.md"
DRAFT_PATH = "context/product-marketing-context.draft.md"
NAMED_SKILLS = 2

context = command_group("context", "Show, check or change what is known about your product.")


@context.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else _show(called(workspace, as_json=as_json))


# -- show ------------------------------------------------------------------------------------------------------


@context.command()
def show(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Print the product context that every specialist reads."""
    return _show(called(workspace, as_json=as_json))


def _show(call: Call) -> int:
    held = _required(call)
    if call.as_json:
        output.document({**_document(held), "content": held.content, "error": None})
        return 0
    # Beside the text, so that the text alone goes into a file or a pipe.
    output.note(f"{CONTEXT_PATH}, {_described(held)}")
    output.say(held.content.rstrip())
    return 0


def _required(call: Call) -> Held:
    held = run(in_force(call))
    if held is None:
        msg = (
            f"there is no product context yet; write one with `{call.command('context edit')}`, "
            "or let the first goal draft it"
        )
        raise UsageError(msg)
    return held


def _document(held: Held) -> dict[str, Any]:
    return {
        "path": CONTEXT_PATH,
        "version": held.version,
        "who": held.who,
        "at": held.at.isoformat(),
        "words": count_words(held.content),
        "bytes": len(held.content.encode()),
    }


def _described(held: Held) -> str:
    return f"{held.name}, by {held.who}, {held.at.astimezone():%Y-%m-%d %H:%M}"


# -- check -----------------------------------------------------------------------------------------------------


@context.command()
def check(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Say which sections are missing or unknown, and which specialists have to do without them."""
    call = called(workspace, as_json=as_json)
    held = _required(call)
    team = load_workspace_team(call.settings)
    gaps = section_gaps(team.skill(FOUNDATION_SKILL).contract, held.content)
    found = findings(team, held.content)
    losers = _losers(team)
    if as_json:
        output.document({**_document(held), **_check_document(gaps, losers, found), "error": None})
    else:
        for line in _check_lines(call, held, gaps, losers, found):
            output.say(line)
    return 0


def findings(team: FileTeam, content: str) -> tuple[Finding, ...]:
    """What the contract finds wrong, but for its length: a short context is an honest one."""
    contract = replace(team.skill(FOUNDATION_SKILL).contract, min_words=0)
    facts = facts_of(parse_context(content), registry=frozenset(team.skill_names()), sources={})
    found = check_contract(contract, content, facts).findings
    return tuple(finding for finding in found if finding.severity is not Severity.MINOR)


def _losers(team: FileTeam) -> dict[str, list[str]]:
    """The skills that work from each section."""
    losers: dict[str, list[str]] = {}
    for name in team.skill_names():
        for need in context_needs(team.skill(name)) if name != FOUNDATION_SKILL else ():
            losers.setdefault(need, []).append(name)
    return losers


def _check_document(
    gaps: Sequence[SectionGap], losers: dict[str, list[str]], found: Sequence[Finding]
) -> dict[str, Any]:
    return {
        "known": sum(gap.state is SectionState.KNOWN for gap in gaps),
        "sections": [
            {
                "heading": gap.heading,
                "state": gap.state.value,
                "open": list(gap.open),
                "read_by": losers.get(gap.heading, []),
            }
            for gap in gaps
        ],
        "findings": [_finding(finding) for finding in found],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "section": finding.section,
        "severity": finding.severity.value,
        "found": finding.found,
        "wanted": finding.wanted,
    }


def _check_lines(
    call: Call, held: Held, gaps: Sequence[SectionGap], losers: dict[str, list[str]], found: Sequence[Finding]
) -> list[str]:
    product = parse_context(held.content).product or "a product without a name"
    lines = [f"The context of {product}, {_described(held)}", ""]
    rows = [("SECTION", "STATE", "OPEN")]
    rows += [(gap.heading, gap.state.value, _open(gap)) for gap in gaps]
    lines += text.table(rows)
    open_gaps = [gap for gap in gaps if gap.state is not SectionState.KNOWN]
    lines += ["", f"{len(gaps) - len(open_gaps)} of {len(gaps)} sections are known."]
    if open_gaps:
        lines += ["", "Who has to do without:"]
        lines += text.table([(gap.heading, _named(losers.get(gap.heading, []))) for gap in open_gaps], indent="  ")
    if found:
        lines += ["", "Not in the form that specialists look for:"]
        lines += [f"  {_finding_line(finding)}" for finding in found]
    if open_gaps or found:
        lines += ["", f"Change it with `{call.command('context edit')}`, or edit the file."]
    return lines


def _open(gap: SectionGap) -> str:
    """Where all of it is open, the state says so."""
    return ", ".join(gap.open) if gap.state is SectionState.THIN else ""


def _named(names: Sequence[str]) -> str:
    if not names:
        return "nobody in particular"
    rest = len(names) - NAMED_SKILLS
    shown = ", ".join(names[:NAMED_SKILLS])
    return f"{text.counted(len(names), 'skill')}: {shown}{f' and {rest} more' if rest > 0 else ''}"


def _finding_line(finding: Finding) -> str:
    where = f"{finding.section}: " if finding.section else ""
    return text.one_line(f"{where}{finding.found}; wanted: {finding.wanted}")


# -- edit ------------------------------------------------------------------------------------------------------


@context.command()
def edit(
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Take the text from this file, `-` for stdin, without an editor."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Store it whatever is wrong with its form.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Change the product context in your editor, or from a file; each change is a new version."""
    call = called(workspace, as_json=as_json)
    team = load_workspace_team(call.settings)
    before = run(in_force(call))
    content = given_text(file) if file is not None else _edited_context(team, before)
    found = findings(team, content)
    if before is not None and content == before.content:
        return _unchanged(call, before)
    if found and not force:
        return _refused(call, content, found, given=file if file != "-" else None)
    held = run(store_version(call, content))
    gaps = section_gaps(team.skill(FOUNDATION_SKILL).contract, content)
    if as_json:
        rows = [_finding(finding) for finding in found]
        output.document({**_document(held), "stored": True, "findings": rows, "error": None})
    else:
        output.say(f"Stored as {held.name} in {text.shown_path(call.settings.workspace_dir / CONTEXT_PATH)}.")
        still = [gap.heading for gap in gaps if gap.state in (SectionState.UNKNOWN, SectionState.MISSING)]
        if still:
            output.say(f"Still unknown: {', '.join(still)}. `{call.command('context check')}` says whom it costs.")
    return 0


def _unchanged(call: Call, held: Held) -> int:
    if call.as_json:
        output.document({**_document(held), "stored": False, "findings": [], "error": None})
    else:
        output.say(f"Nothing changed: it is what {held.name} says.")
    return 0


def _edited_context(team: FileTeam, before: Held | None) -> str:
    if before is not None:
        return edited(before.content, FILE_NAME)
    blank = blank_context(team.skill(FOUNDATION_SKILL).contract)
    content = without_help(edited(blank, FILE_NAME))
    if content == without_help(blank):
        msg = "nothing was written, so there is still no product context; run it again, or let the first goal draft it"
        raise UsageError(msg)
    return content


def _refused(call: Call, content: str, found: Sequence[Finding], *, given: str | None) -> int:
    """Nothing is stored; a text that lies nowhere else is kept beside the context."""
    kept = given or _keep_draft(call, content)
    again = call.command(f"context edit --file {shlex.quote(kept)}")
    line = f"not stored, {text.counted(len(found), 'thing')} to mend in {kept}; then run `{again}`, or add --force"
    if call.as_json:
        rows = [_finding(finding) for finding in found]
        output.document({"path": CONTEXT_PATH, "stored": False, "draft": kept, "findings": rows, "error": line})
    else:
        for finding in found:
            output.note(f"  {_finding_line(finding)}")
    output.error_line(line)
    return 2


def _keep_draft(call: Call, content: str) -> str:
    path: Path = call.settings.workspace_dir / DRAFT_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return text.shown_path(path)


# -- history ---------------------------------------------------------------------------------------------------


@context.command()
def history(
    diff: Annotated[
        int | None,
        typer.Option("--diff", metavar="N", min=1, help="Show what version N changed against the one before it."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """List every version there was: who wrote it, when, and how long it is."""
    call = called(workspace, as_json=as_json)
    held = run(versions(call))
    if diff is not None:
        return _diff(call, held, diff)
    current = run(in_force(call))
    if as_json:
        rows = [{**_document(one), "in_force": one == current} for one in held]
        output.document({"versions": rows, "error": None})
    elif not held:
        output.say(f"No product context yet; write one with: {call.command('context edit')}")
    else:
        header = ("", "VERSION", "WHEN", "WORDS", "WHO")
        for line in text.table([header, *(_history_row(one, in_force=one == current) for one in held)]):
            output.say(line)
        output.say("\n* in force")
    return 0


def _history_row(held: Held, *, in_force: bool) -> tuple[str, ...]:
    version = str(held.version) if held.version is not None else "edited"
    when = f"{held.at.astimezone():%Y-%m-%d %H:%M}"
    return ("*" if in_force else "", version, when, f"{count_words(held.content):,}", held.who)


def _diff(call: Call, held: Sequence[Held], number: int) -> int:
    at = next((index for index, one in enumerate(held) if one.version == number), None)
    if at is None:
        known = ", ".join(str(one.version) for one in held if one.version is not None) or "none yet"
        msg = f"there is no version {number} of the product context; choose one of: {known}"
        raise UsageError(msg)
    before = held[at - 1] if at else None
    lines = list(
        difflib.unified_diff(
            before.content.splitlines() if before else [],
            held[at].content.splitlines(),
            before.name if before else "nothing",
            held[at].name,
            lineterm="",
        )
    )
    if call.as_json:
        output.document(
            {"version": number, "against": before.version if before else None, "diff": lines, "error": None}
        )
    else:
        for line in lines:
            output.say(line)
    return 0
