"""What a plan asks before its work begins, and what it says before publishing: its risks and gates, by policy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from marketeer.domain.approval import ApprovalKind
from marketeer.domain.gates import GateKind, Gates, Stops, gate_of, stops_by
from marketeer.domain.plan import Gate, Pipeline
from marketeer.domain.routing import Escalation, EscalationKind

MAY_IT = "May the work that rests on it begin?"
_GATE_OF_RISK = {kind.value: kind for kind in GateKind}


def by_policy(risks: Sequence[Escalation], gates: Gates) -> tuple[Escalation, ...]:
    """The risks, each stopping work or not as its policy has it. One that has no policy of its own stays as it is."""
    return tuple(_ruled(risk, gates) for risk in risks)


def _ruled(risk: Escalation, gates: Gates) -> Escalation:
    gate = _GATE_OF_RISK.get(risk.kind.value)
    if gate is None:
        return risk
    stops = stops_by(gates.policy(gate).stops, marked=risk.stops)
    text = f"{risk.text} {MAY_IT}" if stops and not risk.stops else risk.text
    return replace(risk, stops=stops, text=text)


def plan_gates(
    template: Pipeline | None, risks: Sequence[Escalation], gates: Gates, skills: Collection[str]
) -> tuple[Gate, ...]:
    """Only what stops. A question the pipeline asks is not asked twice."""
    asked = [gate for gate in template.gates if _stops(gate, gates)] if template else []
    name = template.name if template else ""
    own = [risk for risk in risks if risk.stops and not (asked and name in risk.asked_by)]
    made = [*asked, *(Gate(kind=_kind_of(risk.kind), question=risk.text) for risk in own)]
    return tuple(dict.fromkeys(_holding(gate, gates, skills) for gate in made))


def lines_of_gates(template: Pipeline | None, gates: Gates) -> tuple[str, ...]:
    """The questions of the pipeline that its policy does not ask: they are read before publishing."""
    return tuple(gate.question for gate in template.gates if not _stops(gate, gates)) if template else ()


def _stops(gate: Gate, gates: Gates) -> bool:
    """A pipeline marks its questions by having them."""
    return gates.of(gate.kind).stops is not Stops.NEVER


def _kind_of(kind: EscalationKind) -> ApprovalKind:
    """What has no kind of its own is a matter of law and honesty."""
    known = {each.value: each for each in ApprovalKind}
    return known.get(kind.value, ApprovalKind.LEGAL_RISK)


def _holding(gate: Gate, gates: Gates, skills: Collection[str]) -> Gate:
    """With the skills that wait for the answer: everybody's work waits when none of them takes part."""
    known = gate_of(gate.kind)
    wanted = gate.holds or (gates.policy(known).holds if known is not None else ())
    return replace(gate, holds=tuple(name for name in wanted if name in skills))
