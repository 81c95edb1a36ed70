"""Gates: which questions stop work, what they hold meanwhile, and what becomes of one that nobody answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from marketeer.domain.approval import Approval, ApprovalKind, OnExpiry
from marketeer.domain.errors import UsageError

USUAL_REMINDER = timedelta(hours=24)
MOST_REMINDERS = 5
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=365)
NEVER = "never"
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_SPAN = re.compile(r"(\d{1,6}) ?(minute|hour|day)s?")


class GateKind(StrEnum):
    """What a policy is about. LOOP is a task that keeps failing its review."""

    LEGAL_RISK = "legal_risk"
    PRICING_CHANGE = "pricing_change"
    BRAND_CHANGE = "brand_change"
    BUDGET = "budget"
    LOOP = "loop"
    FAILURE = "failure"
    PIPELINE = "pipeline"
    PLAN = "plan"


class Stops(StrEnum):
    """MARKED: where the routing or the pipeline says so; what does not stop work is said before publishing."""

    ALWAYS = "always"
    MARKED = "marked"
    NEVER = "never"


# Asked when a goal is planned. The others come up in the middle of work.
OF_PLANS = frozenset({GateKind.LEGAL_RISK, GateKind.PRICING_CHANGE, GateKind.BRAND_CHANGE, GateKind.BUDGET})
# Nothing can go on without the answer.
ALWAYS_STOP = frozenset({GateKind.FAILURE, GateKind.PIPELINE, GateKind.PLAN})
# Silence is no consent to spending money, and no lawful basis.
NEVER_BY_SILENCE = frozenset({GateKind.BUDGET, GateKind.LEGAL_RISK, GateKind.PLAN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one kind of question is dealt with. `holds` are the skills whose tasks wait for the answer, none: all tasks.
    A span of None means never."""

    stops: Stops = Stops.MARKED
    holds: tuple[str, ...] = ()
    remind_after: timedelta | None = USUAL_REMINDER
    expires_after: timedelta | None = None
    on_expiry: OnExpiry = OnExpiry.WAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """A policy for each kind; the usual one for a kind that none is given for."""

    policies: Mapping[GateKind, Policy] = field(default_factory=lambda: MappingProxyType({}))

    def policy(self, kind: GateKind) -> Policy:
        return self.policies.get(kind, USUAL)

    def of(self, kind: ApprovalKind) -> Policy:
        """The policy of a question."""
        gate = gate_of(kind)
        return self.policy(gate) if gate is not None else USUAL


USUAL = Policy()
USUAL_GATES = Gates()
_BY_KIND: dict[str, GateKind] = {ApprovalKind.QUALITY.value: GateKind.LOOP} | {kind.value: kind for kind in GateKind}


def gate_of(kind: ApprovalKind) -> GateKind | None:
    """The policy's name of a question; None for one that has no policy of its own."""
    return _BY_KIND.get(kind.value)


def with_terms(approval: Approval, gates: Gates) -> Approval:
    """The question with its policy's name and due times."""
    policy = gates.of(approval.kind)
    gate = gate_of(approval.kind)
    asked_at = approval.created_at
    return replace(
        approval,
        policy=gate.value if gate is not None else None,
        remind_at=asked_at + policy.remind_after if policy.remind_after is not None else None,
        expires_at=asked_at + policy.expires_after if policy.expires_after is not None else None,
        on_expiry=policy.on_expiry,
    )


def stops_by(stops: Stops, *, marked: bool) -> bool:
    return stops is Stops.ALWAYS or (stops is Stops.MARKED and marked)


# -- spans -----------------------------------------------------------------------------------------------------


def parse_span(text: str) -> timedelta | None:
    """`90 minutes`, `24 hours`, `7 days` or `never` (None). Raises UsageError."""
    words = " ".join(text.lower().split())
    if words == NEVER:
        return None
    found = _SPAN.fullmatch(words)
    span = int(found[1]) * _UNITS[found[2]] if found else None
    if span is None or not SHORTEST <= span <= LONGEST:
        msg = f"{text!r} is no span; it must be such as `90 minutes`, `24 hours`, `7 days` (at most 365) or `never`"
        raise UsageError(msg)
    return span


def span_words(span: timedelta) -> str:
    """As parse_span reads it, in the largest unit that fits."""
    unit = next(name for name in ("day", "hour", "minute") if not span % _UNITS[name])
    count = span // _UNITS[unit]
    return f"{count} {unit}{'s' if count != 1 else ''}"
