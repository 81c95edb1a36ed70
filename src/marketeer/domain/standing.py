"""Standing: how one version of an output fared in its review, so that the best one is kept and not the last."""

from __future__ import annotations

from dataclasses import dataclass

from marketeer.domain.review import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`critical` and `major` count findings: critical ones of contract and model, major ones of the contract alone, as
    the model's are in its `score`. `findings` are all that a revision has to mend; `asked_for` and `waived` as the
    review had them."""

    version: int
    rejected: bool
    critical: int
    major: int
    score: float
    findings: tuple[Finding, ...] = ()
    asked_for: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Good enough to be shipped with its findings."""
        return not (self.rejected or self.critical)


def better(one: Standing, newer: Standing) -> Standing:
    """By soundness first, then by the findings of the contract, then by score; the newer of two equals."""

    def rank(standing: Standing) -> tuple[bool, int, int, float]:
        return not standing.rejected, -standing.critical, -standing.major, standing.score

    return newer if rank(newer) >= rank(one) else one
