"""Refusals: every answer that is no success, as the same JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

# Nobody reads more, and a body can hold a hundred thousand.
MOST_FIELDS = 50


class Refusal(Exception):
    """Ends a request. `fields` are (field, what is wrong with it), whatever there is."""

    def __init__(
        self,
        status: int,
        error: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.fields = tuple(fields)
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> JSONResponse:
        content: dict[str, Any] = {"error": str(self), **self.more}
        if self.fields:
            content["fields"] = [{"field": field, "problem": problem} for field, problem in self.fields[:MOST_FIELDS]]
        return JSONResponse(content, status_code=self.status, headers=self.headers)


def try_later(error: str, *, after_s: float = 1.0) -> Refusal:
    return Refusal(503, error, headers={"Retry-After": str(max(1, round(after_s)))})
