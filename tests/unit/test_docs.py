"""What the pages say is what the code does: commands, options, settings, fields, exit codes, states, files, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from marketeer.adapters.team_files import load_team
from marketeer.cli import errors, outcome
from marketeer.cli.app import COMMANDS, app, load_command
from marketeer.cli.team_page import team_page
from marketeer.domain.budget import BudgetLevel
from marketeer.domain.goal import Category, GoalStatus
from marketeer.domain.ledger import GoalBill, Spend
from marketeer.domain.task import TaskStatus
from marketeer.domain.work import WorkKind
from marketeer.engine.summary import goal_dict, task_dict
from marketeer.settings import settings_table
from tests.support.builders import NOW, a_goal, a_task

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
# Modules of the domain that are words of their own.
NOUNS = (
    *("approval", "contract", "document", "goal", "journal", "learning", "ledger"),
    *("outcome", "plan", "review", "schedule", "firing", "skill", "snapshot", "task"),
)
# Commands that have commands of their own.
GROUPS = ("context", "events", "failed", "learnings", "schedules", "skills")
# Where a page may name a file from.
ROOMS = ("", "src/marketeer/")

every_page = pytest.mark.parametrize("page", PAGES, ids=IDS)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def section(page: Path, title: str) -> str:
    """The text below a heading, up to the next heading of the same rank or a higher one."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", text_of(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no section {title!r}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row but headers and rules."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    rules = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-:")]
    headers = {number - 1 for number in rules}
    return [row for number, row in enumerate(cells) if number not in headers and number not in rules]


def code(text: str) -> Iterator[str]:
    """Inline code, and the lines of indented and fenced blocks."""
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


# -- commands --------------------------------------------------------------------------------------------------


@every_page
def test_every_command_a_page_names_exists(page: Path) -> None:
    named = {found[1] for piece in code(text_of(page)) for found in re.finditer(r"\bmarketeer ([a-z]+)\b", piece)}
    assert named <= COMMANDS.keys()


@every_page
def test_every_command_of_a_group_a_page_names_exists(page: Path) -> None:
    for group in GROUPS:
        called = re.compile(rf"(?:^|marketeer ){group} ([a-z]+)\b")
        inner = {found[1] for piece in code(text_of(page)) for found in called.finditer(piece)}
        assert inner <= getattr(load_command(group), "commands", {}).keys(), group


@every_page
def test_every_option_a_page_names_exists(page: Path) -> None:
    pieces = [piece for piece in code(text_of(page)) if piece.startswith(("marketeer ", "start ", "resume ", "--"))]
    named = {option for piece in pieces for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", piece)}
    assert named <= options()


@cache
def options() -> frozenset[str]:
    return frozenset(option for param in params() for option in param.opts)


def params() -> Iterator[Any]:
    """Of every command, those within groups included."""
    for name in COMMANDS:
        command = load_command(name)
        yield from command.params
        for inner in getattr(command, "commands", {}).values():
            yield from inner.params


def test_the_readme_names_every_variable_of_an_option() -> None:
    variables = {param.envvar for param in params() if isinstance(param.envvar, str)}
    assert {name for name in variables if f"`{name}`" not in text_of(README)} == set()


def test_the_readme_names_every_command() -> None:
    table = "\n".join(code(section(README, "The real thing")))
    assert {name for name in COMMANDS if not re.search(rf"\b{name}\b", table)} == set()


@every_page
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {found[1] for piece in code(text_of(page)) if (found := re.match(r"make ([a-z]+)\b", piece))}
    assert named <= targets


def test_the_readmes_exit_codes_are_those_of_the_code() -> None:
    told = [int(row[0]) for row in rows(section(README, "Exit codes"))]
    assert told == [
        outcome.DONE,
        errors.FAILED,
        errors.USAGE,
        outcome.BUDGET,
        outcome.WAITS_FOR_HUMAN,
        errors.INTERRUPTED,
    ]
    assert [int(number) for number in re.findall(r"\b(\d+) ", app.info.epilog or "")] == told


# -- data ------------------------------------------------------------------------------------------------------


def test_the_readmes_configuration_table_is_that_of_the_settings() -> None:
    """When this fails, put the rows below into README.md."""
    expected = [
        [f"`{name}`", f"`{default}`" if default else "", meaning] for name, default, meaning in settings_table()
    ]
    assert rows(section(README, "Configuration")) == expected


def test_the_readme_describes_every_field_of_the_json_document() -> None:
    told = fields_in(section(README, "The JSON document"))
    bill = GoalBill(total=Spend(), by_task={})
    assert told == {*goal_dict(a_goal(), [], bill, now=NOW), *task_dict(a_task(), Spend())}


def fields_in(text: str) -> set[str]:
    return {name for row in rows(text) for name in re.findall(r"`(\w+)`", row[0])}


def test_the_page_of_the_team_is_what_its_files_say() -> None:
    """When this fails, run `make docs`."""
    assert text_of(ROOT / "docs" / "team.md") == team_page(load_team(None))


def test_the_readme_counts_the_skills() -> None:
    assert f"{len(load_team(None).skill_names())} skills ship" in text_of(README)


# -- words -----------------------------------------------------------------------------------------------------


def test_the_glossary_lists_every_state() -> None:
    goal_states = [row[0] for row in rows(section(GLOSSARY, "States of a goal"))]
    task_states = [row[0] for row in rows(section(GLOSSARY, "States of a task"))]
    assert goal_states == [status.value for status in GoalStatus]
    assert sorted(task_states) == sorted(status.value for status in TaskStatus)


def test_the_glossary_has_one_entry_for_each_word_of_the_domain() -> None:
    words = [row[0] for row in rows(section(GLOSSARY, "Glossary"))]
    assert len(words) == len(set(words))
    for noun in NOUNS:
        assert (ROOT / "src/marketeer/domain" / f"{noun}.py").is_file(), f"{noun} is no word of the code any more"
    assert set(NOUNS) <= set(words)


@pytest.mark.parametrize(
    ("word", "values"), [("category", Category), ("budget level", BudgetLevel), ("work item", WorkKind)]
)
def test_an_entry_names_every_value_there_is(
    word: str, values: type[Category] | type[BudgetLevel] | type[WorkKind]
) -> None:
    entries = {row[0]: row[1] for row in rows(text_of(GLOSSARY))}
    assert [value.value for value in values if value.value not in entries[word]] == []


# -- files and links -------------------------------------------------------------------------------------------


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.is_file(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(place), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@every_page
def test_files_of_the_code_a_page_names_exist(page: Path) -> None:
    pattern = re.compile(r"(?:src|tests|docs|scripts|domain|engine|adapters|cli)/[\w./-]*\w/?")
    named = {found[0] for piece in code(text_of(page)) for found in pattern.finditer(piece)}
    missing = {name for name in named if not any((ROOT / room / name).exists() for room in ROOMS)}
    assert missing - {"docs/adr/NNNN-title.md"} == set()


def test_decisions_are_numbered_in_order_and_have_a_status() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    for number, page in enumerate(pages, start=1):
        assert page.name.startswith(f"{number:04d}-")
        assert text_of(page).startswith(f"# {number}. ")
        assert re.search(r"^Status: \w+, \d{4}-\d\d-\d\d$", text_of(page), re.MULTILINE), page.name
        assert all(f"\n## {part}\n" in text_of(page) for part in ("Context", "Decision", "Consequences")), page.name


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    picture = text_of(ROOT / "docs" / "terminal.svg")
    addresses = set(re.findall(r"https?://[^\s\"')]+", picture))
    assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
