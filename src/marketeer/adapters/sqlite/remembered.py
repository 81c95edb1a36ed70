"""What was read and is still true: answers are kept by topic until a write touches the topic.

Our own writes name what they touch; when another process has written, everything is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from marketeer.domain.document import Document

MAX_TOPICS = 1_024
MAX_CHARS = 4_000_000
MISSING = object()


class Remembered:
    """Oldest topics are dropped first. `changes` rises with everything that is forgotten for being out of date."""

    def __init__(self) -> None:
        self._topics: OrderedDict[Hashable, dict[Hashable, Any]] = OrderedDict()
        self._chars = 0
        self._others: int | None = None
        self.changes = 0

    def get(self, topic: Hashable, question: Hashable) -> Any:
        """The answer, or MISSING."""
        answers = self._topics.get(topic)
        return MISSING if answers is None else answers.get(question, MISSING)

    def put(self, topic: Hashable, question: Hashable, answer: Any) -> None:
        answers = self._topics.setdefault(topic, {})
        self._chars += _chars(answer) - _chars(answers.get(question))
        answers[question] = answer
        while len(self._topics) > MAX_TOPICS or self._chars > MAX_CHARS:
            _, dropped = self._topics.popitem(last=False)
            self._chars -= sum(map(_chars, dropped.values()))

    def forget(self, topic: Hashable) -> None:
        self.changes += 1
        answers = self._topics.pop(topic, None)
        if answers:
            self._chars -= sum(map(_chars, answers.values()))

    def look(self, others: int) -> None:
        """`others` is SQLite's `data_version` of the writing connection: it changes when somebody else commits."""
        if others != self._others:
            self._others = others
            self.clear()

    def clear(self) -> None:
        self.changes += 1
        self._topics.clear()
        self._chars = 0


def _chars(answer: Any) -> int:
    return len(answer.content) if isinstance(answer, Document) else 0
