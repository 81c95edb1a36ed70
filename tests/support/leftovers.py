"""What a failed test leaves open is its own fault alone, and not of whichever test runs when it is collected."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Generator
from contextlib import suppress

import pytest

HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    ended = yield
    if item.stash.get(HAS_FAILED, False):
        _let_go_of_leftovers()
    return ended


def _let_go_of_leftovers() -> None:
    for held in ("last_type", "last_value", "last_traceback", "last_exc"):  # kept for debuggers, with all its locals
        with suppress(AttributeError):
            delattr(sys, held)
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = hook
