"""What gates.yaml may say: a policy for each kind of question, the workspace's own laid over the built-in ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from marketeer.adapters.team_files.schema import Line, Lines
from marketeer.adapters.team_files.source import Source, Strict, suggest
from marketeer.domain.approval import OnExpiry
from marketeer.domain.errors import UsageError
from marketeer.domain.gates import ALWAYS_STOP, NEVER_BY_SILENCE, OF_PLANS, GateKind, Gates, Policy, Stops, parse_span

FILE = "gates.yaml"
_SPANS = ("remind_after", "expires_after")


class PolicyRule(Strict):
    stops: Stops | None = None
    holds: Lines | None = None
    remind_after: Line | None = None
    expires_after: Line | None = None
    on_expiry: OnExpiry | None = None


class GatesFile(Strict):
    legal_risk: PolicyRule | None = None
    pricing_change: PolicyRule | None = None
    brand_change: PolicyRule | None = None
    budget: PolicyRule | None = None
    loop: PolicyRule | None = None
    failure: PolicyRule | None = None
    pipeline: PolicyRule | None = None
    plan: PolicyRule | None = None


def read_gates(source: Source, data: object, below: Gates, *, skills: Collection[str]) -> Gates:
    """The file's policies over those `below`. Raises ConfigurationError with file, line and remedy."""
    file = source.check(GatesFile, data)
    made = dict(below.policies)
    for kind in GateKind:
        rule: PolicyRule | None = getattr(file, kind.value)
        if rule is not None:
            made[kind] = _laid_over(source, kind, rule, below.policy(kind), skills)
    return Gates(policies=made)


def _laid_over(source: Source, kind: GateKind, rule: PolicyRule, below: Policy, skills: Collection[str]) -> Policy:
    given: dict[str, Any] = {name: value for name, value in rule if value is not None}
    fault = _fault(kind, rule, skills)
    if fault is not None:
        raise source.error((kind.value, *fault[0]), fault[1])
    for key in _SPANS:
        if key in given:
            given[key] = _span(source, kind, key, given[key])
    made = Policy(**({name: getattr(below, name) for name in below.__slots__} | given))
    if made.on_expiry is not OnExpiry.WAIT and made.expires_after is None:
        answer = made.on_expiry.value
        msg = f"{kind.value} has on_expiry {answer!r} but never expires; give expires_after, such as `7 days`"
        raise source.error((kind.value, "on_expiry"), msg)
    return made


def _fault(kind: GateKind, rule: PolicyRule, skills: Collection[str]) -> tuple[tuple[str | int, ...], str] | None:
    """Where within the policy, and what."""
    if rule.on_expiry is OnExpiry.APPROVE and kind in NEVER_BY_SILENCE:
        return ("on_expiry",), f"silence never approves {kind.value}; use `reject` or `wait`"
    if rule.stops is not None and kind in ALWAYS_STOP:
        return ("stops",), f"{kind.value} always stops: nothing can go on without the answer; leave the line out"
    if rule.stops is Stops.MARKED and kind is GateKind.LOOP:
        return ("stops",), "nothing marks a loop; use `always` or `never`"
    if rule.holds is not None and kind not in OF_PLANS:
        return ("holds",), f"{kind.value} is about one task or the whole goal; leave the line out"
    unknown = next((pair for pair in enumerate(rule.holds or ()) if pair[1] not in skills), None)
    if unknown is not None:
        return ("holds", unknown[0]), f"no skill {unknown[1]!r}; {suggest(unknown[1], skills)}"
    return None


def _span(source: Source, kind: GateKind, key: str, text: str) -> Any:
    try:
        return parse_span(text)
    except UsageError as exc:
        raise source.error((kind.value, key), f"{key}: {exc}") from exc
