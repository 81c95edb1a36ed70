"""What the contract check lets pass and what it catches, measured on the examples of the skills."""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from tests.support.deliverables import HARMFUL, HARMLESS, Change, Deliverable, deliverables

SEED = int(os.environ.get("MARKETEER_TEST_SEED", "20261122"))
COUNT = 300
FALSE_ALARMS = 0.01
CAUGHT = 0.95
LIMIT_S = 0.02
BUSY = 10.0  # how much slower a machine that does other things may be


def changed(changes: Mapping[str, Change], count: int) -> Iterator[tuple[str, Deliverable, str]]:
    """So many changed documents: (what was changed, the document, its new text), every kind in turn."""
    rng = random.Random(SEED)  # noqa: S311 - changes, repeatable by their seed
    names = list(changes)
    made = 0
    for turn in range(count * 20):
        name, one = names[turn % len(names)], rng.choice(deliverables())
        text = changes[name](one.text, one, rng)
        if text is not None and text != one.text:
            yield name, one, text
            made += 1
        if made == count:
            return


def tell(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Say what was measured, also when the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


@pytest.mark.parametrize("one", deliverables(), ids=lambda one: one.name)
def test_no_example_of_a_skill_is_refused(one: Deliverable) -> None:
    assert [finding.line() for finding in one.findings()] == []


def test_harmless_differences_of_form_are_hardly_ever_refused(capsys: pytest.CaptureFixture[str]) -> None:
    refused = [
        (name, one.name, one.findings(text)[0].line())
        for name, one, text in changed(HARMLESS, COUNT)
        if one.findings(text)
    ]
    rate = len(refused) / COUNT
    tell(capsys, f"harmless rewrites: {len(refused)} of {COUNT} refused ({rate:.1%}), seed {SEED}")
    assert rate <= FALSE_ALARMS, refused


def test_what_spoils_a_document_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    missed = [(name, one.name) for name, one, text in changed(HARMFUL, COUNT) if not one.findings(text)]
    rate = 1 - len(missed) / COUNT
    tell(capsys, f"spoiled documents: {COUNT - len(missed)} of {COUNT} caught ({rate:.1%}), seed {SEED}")
    assert rate >= CAUGHT, Counter(name for name, _ in missed)


def test_the_longest_example_is_checked_in_a_moment(capsys: pytest.CaptureFixture[str]) -> None:
    longest = max(deliverables(), key=lambda one: len(one.text))
    longest.findings()
    spans = []
    for turn in range(5):
        text = f"{longest.text}\n<!-- {turn} -->\n"  # nothing is remembered from the turn before
        started = time.process_time()
        longest.findings(text)
        spans.append(time.process_time() - started)
    tell(
        capsys,
        f"{len(longest.text)} characters ({longest.name}) checked in {min(spans) * 1000:.1f} ms of processor time",
    )
    assert min(spans) <= LIMIT_S * BUSY
