"""What a stand-in for a model that reviews or compares answers: the form, filled in for what it was shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from marketeer.domain.judgement import LEAST_QUOTE_CHARS, words_of

_RUBRIC = re.compile(r"\A# Rubric: *[a-z0-9-]+")
_DIMENSION = re.compile(r"^- \*\*(.+?)\*\* \(\d+ of 100\)", re.MULTILINE)
_DELIVERABLE = re.compile(r'<external-content source="deliverable">\n(.*)\n</external-content>', re.DOTALL)


def review_of(
    system: Sequence[str],
    user: str,
    *,
    score: float = 8.0,
    scores: Mapping[str, float] | None = None,
    quote: str | None = None,
    requests: Sequence[Mapping[str, str]] = (),
    claims: Sequence[str] = (),
) -> dict[str, Any] | None:
    """None when it is not a review that is asked for. `scores` are those of single dimensions; without a `quote` it is
    the first line of the deliverable that is long enough."""
    rubric = next((text for text in system if _RUBRIC.match(text)), None)
    if rubric is None:
        return None
    quoted = quote if quote is not None else _first_line(deliverable_in(user))
    marks = [
        {"dimension": name, "score": (scores or {}).get(name, score), "quote": quoted, "reason": "It says so."}
        for name in _DIMENSION.findall(rubric)
    ]
    return {"scores": marks, "requests": [dict(request) for request in requests], "claims": list(claims)}


def comparison_of(system: Sequence[str]) -> dict[str, Any] | None:
    """What a stand-in says that finds nothing to contradict. None when it is no comparison that is asked for."""
    return {"contradictions": []} if any(text.startswith("# Comparison") for text in system) else None


def deliverable_in(user: str) -> str:
    """What is to be reviewed, as the prompt has it."""
    found = _DELIVERABLE.search(user)
    return found[1] if found else ""


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if len(words_of(line)) >= LEAST_QUOTE_CHARS), "")
