"""What tracing systems are told."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from marketeer.ports.model import ModelRequest, ModelResponse

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.goal import Goal
    from marketeer.domain.snapshot import Change
    from marketeer.domain.work import WorkItem


class ChatSpan(Protocol):
    """A model call under way."""

    def answered(self, response: ModelResponse) -> None:
        """What came back. An error that ends the block instead is noted by its type alone."""
        ...


class Tracer(Protocol):
    """Tells tracing systems what happened, as spans: goal > task > invoke_agent > chat.

    Spans of one goal belong together whichever processes make them, and however often those were killed: a goal's and
    a task's span is told once, when it ends. Never raises, never waits, and never tells prompts, answers or secrets.
    """

    def step(self, item: WorkItem, goal: Goal, *, agent: str) -> AbstractContextManager[None]:
        """One agent's work on one item; calls made within the block belong to it."""
        ...

    def chat(self, request: ModelRequest, item: WorkItem, goal: Goal) -> AbstractContextManager[ChatSpan]:
        """One model call."""
        ...

    def committed(self, change: Change) -> None:
        """Whatever goal and tasks the change has ended are over. Every committed change is told, once."""
        ...
