"""The rehearsal behind the model port: same answers for the same material, realistic usage, no network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from marketeer.adapters.rehearsal.foundation import write_context
from marketeer.adapters.rehearsal.writer import Order, write
from marketeer.domain.contract import GOAL_SOURCE
from marketeer.domain.contract_check import check
from marketeer.domain.contract_voice import ANCHORS
from marketeer.domain.errors import PermanentError
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Finding, Severity
from marketeer.domain.usage import Usage, token_estimate
from marketeer.ports import Clock, Material, ModelRequest, ModelResponse

_STEPS = 8
_WEIGHTS = {Severity.CRITICAL: 100, Severity.MAJOR: 10, Severity.MINOR: 1}
_FALLBACK_DAY = date(2026, 1, 5)
# What is tried, best first: rich rows, then the company's own words spelled out, then leaner rows, then other words.
_ATTEMPTS = ((2, 0, False), (2, 0, True), (1, 0, False), (1, 0, True), (0, 0, True), (1, 1, True), (0, 2, True))
_LONGEST_NAME = 60


class RehearsalModel:
    """Writes from `ModelRequest.material`. `latency_s` is how long one call seems to take."""

    def __init__(self, clock: Clock, latency_s: float = 0.0) -> None:
        self._clock = clock
        self._latency_s = latency_s
        self._cached: set[str] = set()

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        """The document for the request's material. Raises PermanentError when there is none."""
        text = request.rehearsed if request.material is None else rehearse(request.material)
        if text is None:
            message = "a rehearsal writes from material and this call has none; only deliverables can be rehearsed"
            raise PermanentError(message)
        started = self._clock.monotonic()
        for step in range(1, _STEPS + 1):
            if self._latency_s > 0:
                await self._clock.sleep(self._latency_s / _STEPS)
            if on_text is not None:
                on_text(len(text) * step // _STEPS)
        return ModelResponse(
            text=text,
            stop_reason="end_turn",
            usage=self._usage(request, text),
            model=request.model.model_id,
            request_id=None,
            latency_s=self._clock.monotonic() - started,
        )

    async def answers(self) -> bool:
        """Always: it is part of the program."""
        return True

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _usage(self, request: ModelRequest, text: str) -> Usage:
        """Counted the way the API does: the longest known prefix is read, the rest up to each breakpoint written."""
        counts = {"input": 0, "read": 0, "5m": 0, "1h": 0}
        pending, prefix = 0, hashlib.sha256(request.model.model_id.encode())
        total = 0
        for block in request.system:
            prefix.update(len(block.text).to_bytes(8, "big") + block.text.encode("utf-8", "replace"))
            tokens = token_estimate(block.text)
            pending, total = pending + tokens, total + tokens
            if block.cache is None or total < request.model.min_cache_tokens:
                continue
            digest = prefix.hexdigest()
            counts["read" if digest in self._cached else block.cache] += pending
            self._cached.add(digest)
            pending = 0
        return Usage(
            input_tokens=pending + token_estimate(request.user),
            output_tokens=token_estimate(text),
            cache_read_tokens=counts["read"],
            cache_write_5m_tokens=counts["5m"],
            cache_write_1h_tokens=counts["1h"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    text: str
    weight: int


def rehearse(material: Material) -> str:
    """A document that holds against the skill's contract; the best of a few drafts if none does wholly."""
    contract = material.skill.contract
    context = parse_context(material.context)
    if contract.unknown_allowed and not contract.envelope:
        return write_context(material, seed=_seed(material))
    sources = {**material.upstream, **material.inputs, GOAL_SOURCE: material.goal}
    facts = facts_of(context, registry=material.registry, sources=sources)
    order = Order(
        skill=material.skill,
        goal=material.goal,
        context=context,
        upstream=material.upstream,
        registry=material.registry,
        today=_today(material.today),
        seed=_seed(material),
        facts=facts,
    )
    best: _Draft | None = None
    named = _shortest(facts.anchors)
    for richness, turn, names in _ATTEMPTS:
        text = write(replace(order, richness=richness, seed=order.seed + turn, named=named if names else ()))
        draft = _Draft(text=text, weight=_weight(check(contract, text, facts).findings))
        if best is None or draft.weight < best.weight:
            best = draft
        if best.weight == 0:
            break
    return best.text if best else ""


def _shortest(anchors: Sequence[str]) -> tuple[str, ...]:
    """As many of the company's own words as a document has to hold: where a context has none of the sections that
    phrases are filled from, they would not occur otherwise."""
    fit = sorted((anchor for anchor in anchors if len(anchor) <= _LONGEST_NAME), key=len)
    return tuple(fit[:ANCHORS])


def _weight(findings: tuple[Finding, ...]) -> int:
    return sum(_WEIGHTS[finding.severity] for finding in findings)


def _seed(material: Material) -> int:
    """From what the work is about and from nothing that differs between two calls for it."""
    about = [
        material.skill.info.name,
        material.goal,
        material.brief,
        material.context,
        sorted(material.upstream.items()),
    ]
    return int.from_bytes(hashlib.sha256(json.dumps(about).encode()).digest()[:8], "big")


def _today(text: str) -> date:
    found = re.search(r"\d{4}-\d{2}-\d{2}", text)
    try:
        return date.fromisoformat(found[0]) if found else _FALLBACK_DAY
    except ValueError:
        return _FALLBACK_DAY
