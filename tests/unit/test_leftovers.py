"""One failure is one failure: a socket that a failed test has left open is no fault of the tests after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import leftovers

TESTS = """
import gc, socket

class Circle:
    pass

def test_fails():
    circle = Circle()
    circle.itself, circle.socket = circle, socket.socket()
    assert False

def test_after_it():
    gc.collect()
"""


class Told:
    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid.rpartition("::")[2])


@pytest.mark.parametrize(
    ("plugins", "failed"),
    [([leftovers], ["test_fails"]), ([], ["test_fails", "test_after_it"])],
    ids=["with", "without"],
)
def test_a_failed_test_fails_no_other(tmp_path: Path, plugins: list[object], failed: list[str]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / f"test_beside_{len(plugins)}.py").write_text(TESTS)
    told = Told()
    without = [f"-pno:{name}" for name in ("cacheprovider", "asyncio", "xdist", "timeout", "valkey")]
    pytest.main(["-q", *without, "-c", str(tmp_path / "pytest.ini"), str(tmp_path)], plugins=[told, *plugins])
    assert told.failed == failed
