"""Who holds outputs against their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.contradiction import Comparison, Contradiction
    from marketeer.domain.examination import Exam, Examined


class Examiner(Protocol):
    """Answers exactly what the functions of `domain.examination` would, wherever that is worked out.

    Any number may ask at once. A caller that is cancelled need not wait, and nothing is kept of its question.
    """

    async def examine(self, exam: Exam) -> Examined: ...

    async def compare(self, comparison: Comparison) -> tuple[Contradiction, ...]: ...

    async def aclose(self) -> None:
        """Let go of whatever was opened for it. Nobody asks afterwards."""
        ...
