"""The output template inside SKILL.md: put in, renewed, taken out, and never guessed at."""

from __future__ import annotations

import pytest

from marketeer.domain.contract import Contract, Field, Section
from marketeer.domain.skill_text import (
    BEGIN,
    END,
    TemplateState,
    template_line,
    template_state,
    with_template,
    without_template,
)

OLD = Contract(skill="writer", sections=(Section(heading="Copy", checks=(Field(label="Headline"),)),))
NEW = Contract(skill="writer", sections=(Section(heading="Copy", checks=(Field(label="Title"),)),))
TEXT = "---\nname: writer\n---\n\n# Writer\n\nWrite.\n"


def test_a_text_gets_the_template_at_its_end_once() -> None:
    made = with_template(TEXT, OLD)
    assert made.startswith(TEXT)
    assert "**Headline:**" in made
    assert template_state(made, OLD) is TemplateState.CURRENT
    assert with_template(made, OLD) == made


def test_a_changed_contract_makes_it_stale_and_renewing_changes_nothing_else() -> None:
    made = with_template(TEXT, OLD) + "\n## After\n\nMore.\n"
    assert template_state(made, NEW) is TemplateState.STALE
    renewed = with_template(made, NEW)
    assert ("**Title:**" in renewed, "**Headline:**" in renewed) == (True, False)
    assert renewed.startswith(TEXT)
    assert renewed.endswith("\n## After\n\nMore.\n")


def test_without_it_the_text_is_what_a_person_wrote() -> None:
    made = with_template(TEXT, OLD)
    assert without_template(made) == TEXT
    assert without_template(made + "\n## After\n") == f"{TEXT}\n## After\n"
    assert without_template(TEXT) == TEXT


@pytest.mark.parametrize("tail", [f"\n{BEGIN}\nhalf", f"\n{END}\n", f"\n{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n" * 2])
def test_markers_that_are_no_pair_are_left_to_a_human(tail: str) -> None:
    broken = TEXT + tail
    assert template_state(broken, OLD) is TemplateState.BROKEN
    assert with_template(broken, OLD) == broken
    assert without_template(broken) == broken


def test_the_line_named_is_that_of_the_marker() -> None:
    made = with_template(TEXT, OLD)
    assert made.splitlines()[template_line(made) - 1] == BEGIN
    assert template_line(TEXT) == 7
