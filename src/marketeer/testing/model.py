"""A model that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from marketeer.domain.usage import Usage, token_estimate
from marketeer.ports import ModelRequest, ModelResponse

# A text, a whole response, or an error to raise.
Scripted = str | ModelResponse | Exception


class ScriptedModel:
    """Implements `ports.ModelClient`. `answers` are given out in turn, or made by a function of the request.

    `reachable` is what it says when it is asked whether it answers at all."""

    def __init__(self, answers: Sequence[Scripted] | Callable[[ModelRequest], Scripted]) -> None:
        if isinstance(answers, str):
            msg = f"answers is the text {answers!r}: pass a list of answers or a function of the request"
            raise TypeError(msg)
        self.requests: list[ModelRequest] = []
        self.closed = False
        self.reachable = True
        self._answer = answers if callable(answers) else _in_turn(answers)

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        self.requests.append(request)
        answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        response = _response(request, answer) if isinstance(answer, str) else answer
        if on_text is not None:
            on_text(len(response.text))
        return response

    async def answers(self) -> bool:
        return self.reachable

    async def aclose(self) -> None:
        self.closed = True


def _in_turn(answers: Sequence[Scripted]) -> Callable[[ModelRequest], Scripted]:
    left: Iterator[Scripted] = iter(answers)

    def following(request: ModelRequest) -> Scripted:
        try:
            return next(left)
        except StopIteration:
            msg = f"call {request.call_id!r} is one more than the {len(answers)} answers scripted: script another"
            raise AssertionError(msg) from None

    return following


def _response(request: ModelRequest, text: str) -> ModelResponse:
    prompt = "".join(block.text for block in request.system) + request.user
    return ModelResponse(
        text=text,
        stop_reason="end_turn",
        usage=Usage(input_tokens=token_estimate(prompt), output_tokens=token_estimate(text)),
        model=request.model.model_id,
        request_id=None,
        latency_s=0.0,
    )
