"""What a user gives, words and files, becomes a Submission; what is wrong is said before anything is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from marketeer.domain.best_of import BestOf, parse_wish
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Category, Priority
from marketeer.domain.submission import Submission, check_description

MAX_INPUT_BYTES = 1_000_000
MAX_NAME_CHARS = 100
MAX_BUDGET_USD = 1_000_000
MONEY_DECIMALS = 6
INPUTS_FOLDER = "inputs"

Choice = TypeVar("Choice", bound=StrEnum)


def submission_of(
    description: str | None,
    *,
    workspace: Path,
    rehearsal: bool,
    pipeline: str | None,
    category: str | None,
    priority: str | None,
    budget_usd: str | Decimal | float | None,
    inputs: Sequence[str | Path],
    best_of: Sequence[str] = (),
    approve_plan: bool = False,
) -> Submission:
    """Checked and ready to submit. `pipeline` is the pipeline's own name. Raises UsageError."""
    if description is None:
        if pipeline is None:
            msg = 'no goal; say what you want, for example `marketeer start "Increase signup conversion by 20%"`'
            raise UsageError(msg)
        description = f"Run {pipeline}"
    return Submission(
        description=check_description(description),
        rehearsal=rehearsal,
        pipeline=pipeline,
        category=chosen(Category, category, "category") if category is not None else None,
        priority=chosen(Priority, priority, "priority") if priority is not None else None,
        budget_usd=money(budget_usd) if budget_usd is not None else None,
        inputs=read_inputs([Path(path) for path in inputs], workspace),
        best_of=wishes(best_of),
        approve_plan=approve_plan,
    )


def wishes(given: Sequence[str]) -> tuple[BestOf, ...]:
    """`SKILL=NUMBER` each. Raises UsageError for one that is none, and for a skill named twice."""
    found = {wish.skill: wish for wish in map(parse_wish, given)}
    if len(found) < len(given):
        msg = f"--best-of names a skill twice: {', '.join(given)}; give each once"
        raise UsageError(msg)
    return tuple(found.values())


def chosen(kind: type[Choice], text: str, what: str) -> Choice:
    """The member whose value this is, whatever the case. UsageError lists what is allowed."""
    members = {member.value.casefold(): member for member in kind}
    wanted = text.strip().casefold()
    if wanted in members:
        return members[wanted]
    near = difflib.get_close_matches(wanted, members, n=1)
    hint = f"did you mean {members[near[0]].value}? " if near else ""
    msg = f"no {what} {text!r}; {hint}allowed: {', '.join(member.value for member in kind)}"
    raise UsageError(msg)


def money(given: str | Decimal | float, what: str = "--budget") -> Decimal:
    """US dollars, not negative, at most six decimals. Raises UsageError."""
    text = str(given).strip().removeprefix("$")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    fits = amount.is_finite() and 0 <= amount <= MAX_BUDGET_USD
    if not fits or amount != amount.quantize(Decimal(1).scaleb(-MONEY_DECIMALS)):
        msg = (
            f"{what} {str(given)!r} is no amount of money; "
            f"give US dollars from 0 to {MAX_BUDGET_USD}, at most {MONEY_DECIMALS} decimals, such as 5 or 2.50"
        )
        raise UsageError(msg)
    return amount


def read_inputs(paths: Sequence[Path], workspace: Path) -> tuple[tuple[str, str], ...]:
    """(name, text) of each file, names safe and told apart. Raises UsageError naming the file."""
    found: dict[str, str] = {}
    seen: set[Path] = set()
    for path in paths:
        text = read_input(path)
        place = path.resolve()
        if place in seen:
            continue
        seen.add(place)
        found[_free_name(_name_of(place, workspace), found)] = text
    return tuple(found.items())


def read_input(path: Path) -> str:
    """The text of one file a user gave. Raises UsageError."""
    content = _bytes_of(path)
    if len(content) > MAX_INPUT_BYTES:
        msg = f"--input {str(path)!r} is larger than {MAX_INPUT_BYTES:,} bytes; give the part that matters"
        raise UsageError(msg)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    return _check_text(text, f"--input {str(path)!r}")


def text_inputs(given: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """(name, text) given as text instead of files, names safe and told apart. Raises UsageError."""
    found: dict[str, str] = {}
    for name, text in given:
        what = f"input {name!r}"
        if len(text.encode()) > MAX_INPUT_BYTES:
            msg = f"{what} is larger than {MAX_INPUT_BYTES:,} bytes; give the part that matters"
            raise UsageError(msg)
        found[_free_name(_safe_name(Path(name).name)[-MAX_NAME_CHARS:], found)] = _check_text(text, what)
    return tuple(found.items())


def _check_text(text: str, what: str) -> str:
    if "\0" in text:
        msg = f"{what} is not UTF-8 text; convert it to text first"
        raise UsageError(msg)
    if not text.strip():
        msg = f"{what} is empty; give a file with text in it"
        raise UsageError(msg)
    return text


def _bytes_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            msg = f"--input {str(path)!r} is a folder; give the files in it one by one"
            raise UsageError(msg)
        if path.exists() and not path.is_file():
            # a pipe nobody writes to would hold us for ever
            msg = f"--input {str(path)!r} is a pipe or a device; save what it gives as a file first"
            raise UsageError(msg)
        with path.open("rb") as file:
            return file.read(MAX_INPUT_BYTES + 1)
    except FileNotFoundError:
        msg = f"--input {str(path)!r} does not exist; check the path"
        raise UsageError(msg) from None
    except (OSError, ValueError) as exc:
        msg = f"--input {str(path)!r} cannot be read ({getattr(exc, 'strerror', None) or exc}); check the path"
        raise UsageError(msg) from exc


def _name_of(place: Path, workspace: Path) -> str:
    """A file of the workspace's own inputs keeps its place there; any other goes by its name."""
    home = (workspace / INPUTS_FOLDER).resolve()
    if place.is_relative_to(home):
        return place.relative_to(home).as_posix()
    return _safe_name(place.name)


def _safe_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-").lstrip(".") or "input"


def _free_name(name: str, taken: dict[str, str]) -> str:
    path, number, free = Path(name), 1, name
    while free in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
    return free
