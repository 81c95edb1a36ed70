"""Judgement: what a model said of an output by its rubric, checked, and the verdict that its scores add up to.

The model scores; the verdict is arithmetic. It can be stricter than the contract's and never milder. A score counts
only with a quotation that occurs in the output: nobody is praised, or blamed, for what is not there.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from marketeer.domain.review import Finding, Severity, Verdict, verdict_of
from marketeer.domain.rubric import Dimension, Score

APPROVE_FROM = 7.0
REVISE_FROM = 4.0
LEAST_OF_A_DIMENSION = 5.0
BEST = 10.0
# Shorter ones occur in any text.
LEAST_QUOTE_CHARS = 6
LONGEST_TEXT = 500
MOST_REQUESTS = 12
MOST_CLAIMS = 12

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NO_WORD = re.compile(r"[\s*_`|#>~\[\]()\\\"'“”„‟‘’‚‛«»‹›]+")
_LEFT_OUT = re.compile(r"\.{3,}|…")
_STRICTNESS = (Verdict.APPROVE, Verdict.REVISE, Verdict.REJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One dimension as the model scored it, unchecked."""

    dimension: str
    score: float
    quote: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A model's whole answer, unchecked. `claims` are passages that state a fact without a source."""

    marks: tuple[Mark, ...]
    requests: tuple[Finding, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A model's answer that has passed every check: one score for each dimension, in the rubric's order."""

    scores: tuple[Score, ...]
    requests: tuple[Finding, ...] = ()
    unsourced: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """The mean by weight, to three decimals: what is shown is what was compared."""
        return round(sum(s.weight * s.score for s in self.scores) / sum(s.weight for s in self.scores), 3)

    @property
    def is_critical(self) -> bool:
        return any(request.severity is Severity.CRITICAL for request in self.requests)


# -- the verdict ---------------------------------------------------------------------------------------------


def verdict_by_rubric(opinion: Opinion) -> Verdict:
    """Approve from 7.0 with no dimension below 5 and nothing critical, reject below 4.0, revise in between."""
    if opinion.total < REVISE_FROM:
        return Verdict.REJECT
    weakest = min(score.score for score in opinion.scores)
    if opinion.total >= APPROVE_FROM and weakest >= LEAST_OF_A_DIMENSION and not opinion.is_critical:
        return Verdict.APPROVE
    return Verdict.REVISE


def verdict_on(findings: tuple[Finding, ...], opinion: Opinion | None) -> Verdict:
    """The stricter of the contract's verdict and the rubric's, where there is one."""
    by_contract = verdict_of(findings)
    return by_contract if opinion is None else max(by_contract, verdict_by_rubric(opinion), key=_STRICTNESS.index)


def asked_of(opinion: Opinion | None) -> tuple[Finding, ...]:
    """What a revision has to do because of it: the requests, what scored too little, claims without a source."""
    if opinion is None:
        return ()
    return (*opinion.requests, *_weak(opinion), *_unsourced(opinion))


def _weak(opinion: Opinion) -> Iterator[Finding]:
    for score in sorted(opinion.scores, key=lambda score: score.score):
        if score.score < APPROVE_FROM:
            found = f"{score.dimension} scored {score.score:g} of 10: {score.reason} (“{score.quote}”)"
            yield Finding(section="", severity=Severity.MAJOR, found=found, wanted=score.wanted)


def _unsourced(opinion: Opinion) -> Iterator[Finding]:
    for claim in opinion.unsourced:
        wanted = "a source on file, a tag that says what it is, or the sentence without it"
        yield Finding(section="", severity=Severity.MINOR, found=f"no source for “{claim}”", wanted=wanted)


# -- checking what was said ----------------------------------------------------------------------------------


def checked(said: Said, rubric: Sequence[Dimension], output: str) -> tuple[Opinion | None, tuple[str, ...]]:
    """The opinion, or what is wrong with the answer. Claims that do not stand in the output are left out."""
    text = words_of(output)
    marks = {_name(mark.dimension): mark for mark in said.marks}
    faults = (*_wrong_dimensions(said.marks, rubric), *_wrong_marks(said.marks, text))
    if faults or not rubric:
        return None, faults or ("the skill has no rubric",)
    scores = tuple(_score(dimension, marks[_name(dimension.name)]) for dimension in rubric)
    requests = tuple(map(_bounded, said.requests))[:MOST_REQUESTS]
    claims = (short(claim) for claim in said.claims if occurs(claim, text))
    return Opinion(scores=scores, requests=requests, unsourced=tuple(dict.fromkeys(claims))[:MOST_CLAIMS]), ()


def _score(dimension: Dimension, mark: Mark) -> Score:
    return Score(
        dimension=dimension.name,
        weight=dimension.weight,
        score=round(mark.score, 1),
        quote=short(mark.quote),
        reason=short(mark.reason),
        wanted=dimension.excellent if mark.score >= APPROVE_FROM else dimension.good,
    )


def _wrong_dimensions(marks: Sequence[Mark], rubric: Sequence[Dimension]) -> Iterator[str]:
    given = Counter(_name(mark.dimension) for mark in marks)
    wanted = {_name(dimension.name): dimension.name for dimension in rubric}
    yield from (f"dimension {name!r} has no score" for key, name in wanted.items() if not given[key])
    invented = [mark.dimension for mark in marks if _name(mark.dimension) not in wanted]
    yield from (f"dimension {short(name, 60)!r} is not in the rubric" for name in invented)
    yield from (f"dimension {name!r} is scored {count} times" for name, count in given.items() if count > 1)


def _wrong_marks(marks: Sequence[Mark], text: str) -> Iterator[str]:
    for mark in marks:
        name = short(mark.dimension, 60)
        if not (math.isfinite(mark.score) and 0 <= mark.score <= BEST):
            yield f"{name!r} scores {mark.score:g}, which is not from 0 to 10"
        if not mark.reason.strip():
            yield f"{name!r} is scored without a reason"
        if not occurs(mark.quote, text):
            yield f"the quotation for {name!r} does not stand in the output: {short(mark.quote, 80)!r}"


def _bounded(request: Finding) -> Finding:
    return Finding(
        section=short(request.section, 100),
        severity=request.severity,
        found=short(request.found),
        wanted=short(request.wanted),
    )


def _name(dimension: str) -> str:
    return " ".join(dimension.split()).casefold()


# -- quotations ----------------------------------------------------------------------------------------------


def words_of(text: str) -> str:
    """What a reader sees of a text, for looking up quotations: without comments, invisible signs and markup."""
    seen = unicodedata.normalize("NFKC", _COMMENT.sub(" ", text))
    seen = "".join(sign for sign in seen if unicodedata.category(sign) != "Cf")
    return _NO_WORD.sub(" ", seen).strip().casefold()


def occurs(quote: str, words: str) -> bool:
    """Whether all parts of a quotation stand in `words` (see words_of), in their order. Dots may stand for what was
    left out between two."""
    parts = [part for part in map(words_of, _LEFT_OUT.split(quote)) if part]
    if not parts or any(len(part) < LEAST_QUOTE_CHARS for part in parts):
        return False
    return _in_order(parts, words)


def _in_order(parts: Iterable[str], words: str) -> bool:
    at = 0
    for part in parts:
        at = words.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def short(text: str, limit: int = LONGEST_TEXT) -> str:
    """On one line, cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
