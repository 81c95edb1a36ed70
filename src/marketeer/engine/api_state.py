"""Whether the model API answers: declared down after three failures in a row, up again with the first success."""

from __future__ import annotations

DOWN_AFTER = 3


class ApiState:
    def __init__(self) -> None:
        self._failures = 0

    @property
    def is_down(self) -> bool:
        return self._failures >= DOWN_AFTER

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
