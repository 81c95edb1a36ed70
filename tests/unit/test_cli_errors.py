"""What a command that ends early says, and with which exit code."""

from __future__ import annotations

import pytest

from marketeer.cli import errors


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BaseExceptionGroup("tasks", [KeyboardInterrupt()])])
def test_an_interrupt_before_there_is_anything_to_stop_ends_with_130(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    assert errors.report(error, as_json=False) == 130
    assert "interrupted" in capsys.readouterr().err
