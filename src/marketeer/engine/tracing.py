"""Tracing switched off: nobody watches, and nothing is told."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from marketeer.domain.goal import Goal
from marketeer.domain.snapshot import Change
from marketeer.domain.work import WorkItem
from marketeer.ports import ChatSpan, ModelRequest, ModelResponse


class NoTracer:
    """See ports.Tracer."""

    def step(self, item: WorkItem, goal: Goal, *, agent: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's
        return nullcontext()

    def chat(self, request: ModelRequest, item: WorkItem, goal: Goal) -> AbstractContextManager[ChatSpan]:  # noqa: ARG002 - the port's
        return nullcontext(_NoSpan())

    def committed(self, change: Change) -> None:
        """Nobody is told."""


class _NoSpan:
    def answered(self, response: ModelResponse) -> None:
        """Nobody is told."""
