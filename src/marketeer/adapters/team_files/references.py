"""References inside one contract: whether what a formula or a `ref` names is there, with the line it is named on."""

from __future__ import annotations

from collections.abc import Iterator

from marketeer.adapters.team_files.schema import FORMULA_KEYS
from marketeer.adapters.team_files.source import suggest
from marketeer.domain import contract as domain
from marketeer.domain.contract_formula import headings_in, names_in, snake
from marketeer.domain.contract_sections import all_sections

Place = tuple[str | int, ...]


def dangling(contract: domain.Contract, data: object) -> Iterator[tuple[Place, str]]:
    """Every place in a contract's plain data that names something the contract does not have, and what to do."""
    for place, key, value in _entries(data):
        if key == "ref" and value.startswith(domain.REF_TABLE) and not has_column(contract, value):
            yield place, f"{value!r} names no table column of this contract; write table:<Section heading>.<Column>"
        elif key == "ref" and value.startswith((domain.REF_TEXT, domain.REF_TITLE)):
            heading = value.partition(":")[2].strip()
            if heading.casefold() not in {section.heading.casefold() for section in contract.sections}:
                yield place, f"{value!r} names no section; {suggest(heading, [s.heading for s in contract.sections])}"
        elif key in FORMULA_KEYS:
            yield from ((place, problem) for problem in _formula_problems(contract, value, place))


def _entries(data: object, at: Place = ()) -> Iterator[tuple[Place, str, str]]:
    """Every text in the data, with its key and the place it stands at."""
    if isinstance(data, list):
        for index, entry in enumerate(data):
            yield from _entries(entry, (*at, index))
    elif isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, str):
                yield (*at, key), str(key), value
            else:
                yield from _entries(value, (*at, key))


def _formula_problems(contract: domain.Contract, formula: str, place: Place) -> Iterator[str]:
    headings = {section.heading.casefold(): section.heading for section in all_sections(contract)}
    for heading in headings_in(formula):
        if heading.casefold() not in headings:
            yield f"the formula names the section {heading!r}; {suggest(heading, list(headings.values()))}"
    sections = contract.sections
    index = place[1] if len(place) > 1 and place[0] == "sections" and isinstance(place[1], int) else None
    if index is None or index >= len(sections):
        return
    known = {snake(name) for name in _names(sections[index].checks)}
    for name in names_in(formula):
        # A second column of the same name is known by its number.
        if name not in known and name.rpartition("_")[0] not in known:
            yield f"the formula names {name!r}; {suggest(name, sorted(known))}"


def has_column(contract: domain.Contract, ref: str) -> bool:
    """Whether a `table:` reference names a table column of the contract."""
    heading, _, column = ref.removeprefix(domain.REF_TABLE).rpartition(".")
    return any(
        section.heading.casefold() == heading.strip().casefold()
        and column.strip().casefold() in {name.casefold() for name in _columns(section.checks)}
        for section in contract.sections
    )


def _columns(checks: tuple[domain.Check, ...]) -> Iterator[str]:
    for check in checks:
        if isinstance(check, domain.Table):
            yield from (column.name for column in check.columns)
        elif isinstance(check, domain.Subsections):
            for kind in (*check.titled, *([check.each] if check.each else [])):
                yield from _columns(kind.checks)


def _names(checks: tuple[domain.Check, ...]) -> Iterator[str]:
    """The columns and labels a formula of this section may name."""
    yield from _columns(checks)
    for check in checks:
        if isinstance(check, domain.Field):
            yield check.label
        elif isinstance(check, domain.Subsections):
            for kind in (*check.titled, *([check.each] if check.each else [])):
                yield from _names(kind.checks)
