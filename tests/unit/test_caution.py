"""Caution: short work stays on the event loop until a disk holds it up."""

from __future__ import annotations

import resource
import time
from types import SimpleNamespace

import pytest

from marketeer.caution import CAREFUL_S, SLOW_S, Caution

NOW = 1_000.0


@pytest.mark.parametrize(
    ("lasted_s", "waits_for_disk", "goes_on"),
    [
        (SLOW_S / 2, 1, True),
        (SLOW_S * 4, 0, True),  # the machine was busy, the disk was not
        (SLOW_S * 4, 1, False),
    ],
)
def test_only_slow_work_that_waited_for_the_disk_goes_to_a_thread_for_a_while(
    monkeypatch: pytest.MonkeyPatch, lasted_s: float, waits_for_disk: int, goes_on: bool
) -> None:
    reads, now = [5], [NOW]
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_inblock=reads[0]))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    caution = Caution()
    assert caution.here(NOW)
    reads[0] += waits_for_disk
    now[0] += lasted_s
    caution.took(NOW)
    assert caution.here(now[0] + 0.001) is goes_on
    assert caution.here(now[0] + CAREFUL_S)
