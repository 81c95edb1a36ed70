"""Learnings for people and programs: as lines and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketeer.cli import text
from marketeer.domain.evidence import Effect, Scores, effect, used_scores, withheld_scores
from marketeer.domain.learning import Learning, LearningStatus
from marketeer.domain.probation import ENOUGH_USES, SHARE


def learning_dict(learning: Learning) -> dict[str, Any]:
    found = effect(learning.evidence)
    return {
        "learning_id": learning.learning_id,
        "agent": learning.agent,
        "category": learning.category,
        "outcome": learning.outcome.value,
        "learning": learning.learning,
        "action": learning.action,
        "tags": list(learning.tags),
        "confidence": learning.confidence,
        "status": learning.status.value,
        "retired_because": learning.retired_because,
        "contradicts": list(learning.contradicts),
        "provenance": list(learning.provenance),
        "goal_id": learning.goal_id,
        "task_id": learning.task_id,
        "rehearsal": learning.rehearsal,
        "created_at": learning.created_at.isoformat(),
        "confirmed_at": learning.confirmed_at.isoformat(),
        "with": _scores_dict(used_scores(learning.evidence)),
        "without": _scores_dict(withheld_scores(learning.evidence)),
        "effect": {"mean": found.mean, "low_90": found.low, "high_90": found.high} if found else None,
    }


def _scores_dict(scores: Scores) -> dict[str, Any]:
    return {"tasks": scores.count, "mean_score": scores.mean}


def list_lines(learnings: Sequence[Learning]) -> list[str]:
    if not learnings:
        return []
    rows = [("ID", "FOR", "STATUS", "SURE", "USES", "EFFECT", "WHAT")]
    rows += [
        (
            learning.learning_id,
            learning.agent,
            learning.status.value + (" !" if _is_disputed(learning) else ""),
            f"{learning.confidence:.2f}",
            f"{used_scores(learning.evidence).count}",
            _short(effect(learning.evidence)),
            text.one_line(f"{learning.learning} -> {learning.action}"),
        )
        for learning in learnings
    ]
    lines = text.table(rows)
    if any(_is_disputed(learning) for learning in learnings):
        lines.append("(! says the opposite of another one: `marketeer learnings show ID` names it)")
    return lines


def _is_disputed(learning: Learning) -> bool:
    return bool(learning.contradicts) and learning.status is not LearningStatus.RETIRED


def _short(found: Effect | None) -> str:
    return f"{found.mean:+.1f}" if found else "-"


def show_lines(learning: Learning) -> list[str]:
    rows = [
        ("For", learning.agent),
        ("Category", learning.category or "any"),
        ("Outcome", learning.outcome.value),
        ("Learning", learning.learning),
        ("Action", learning.action),
        ("Tags", ", ".join(learning.tags) or "none"),
        ("Confidence", f"{learning.confidence:.2f}"),
        ("Status", _status(learning)),
        ("With it", _scores(used_scores(learning.evidence))),
        ("Without it", _scores(withheld_scores(learning.evidence))),
        ("Effect", _effect(effect(learning.evidence))),
        ("From", ", ".join(learning.provenance) or "unknown"),
        ("Learned", f"{learning.created_at.astimezone():%Y-%m-%d}, last {learning.confirmed_at.astimezone():%Y-%m-%d}"),
    ]
    if _is_disputed(learning):
        rows.append(("Contradicts", ", ".join(learning.contradicts)))
    name = f"{learning.learning_id}{' (rehearsal)' if learning.rehearsal else ''}"
    return [name, "", *(f"{f'{label}:':<13}{value}" for label, value in rows)]


def _status(learning: Learning) -> str:
    if learning.status is LearningStatus.RETIRED:
        return f"retired: {learning.retired_because}"
    return f"{learning.status.value}, withheld from {SHARE[learning.status]:.0%} of the tasks it fits"


def _scores(scores: Scores) -> str:
    mean = f", mean score {scores.mean:.2f}" if scores.mean is not None else ""
    return text.counted(scores.count, "task") + mean


def _effect(found: Effect | None) -> str:
    if found is None:
        return "unknown: there must be two scores of either kind"
    return f"{found.mean:+.2f} points (90% sure above {found.low:+.2f}, 90% sure below {found.high:+.2f})"


def stats_dict(learnings: Sequence[Learning]) -> dict[str, Any]:
    return {
        "counts": {status.value: sum(one.status is status for one in learnings) for status in LearningStatus},
        "contradictions": sum(_is_disputed(one) for one in learnings),
        "learnings": [learning_dict(one) for one in _tried(learnings)],
    }


def _tried(learnings: Sequence[Learning]) -> list[Learning]:
    tried = [one for one in learnings if one.evidence]
    return sorted(tried, key=lambda one: (-(found.mean if (found := effect(one.evidence)) else 0.0), one.learning_id))


def stats_lines(learnings: Sequence[Learning]) -> list[str]:
    counts = stats_dict(learnings)["counts"]
    lines = [f"{text.counted(len(learnings), 'learning')}: {', '.join(f'{n} {name}' for name, n in counts.items())}."]
    tried = _tried(learnings)
    if not tried:
        return [*lines, "None has been tried yet: scores come with the tasks that could use them."]
    rows = [("ID", "STATUS", "WITH", "SCORE", "WITHOUT", "SCORE", "EFFECT (90% BOUNDS)", "WHAT")]
    for one in tried:
        used, withheld, found = used_scores(one.evidence), withheld_scores(one.evidence), effect(one.evidence)
        bounds = f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})" if found else "unknown"
        mean = _mean(used), _mean(withheld)
        rows.append(
            (
                *(one.learning_id, one.status.value, f"{used.count}", mean[0]),
                *(f"{withheld.count}", mean[1], bounds, text.one_line(one.learning)),
            )
        )
    advice = (
        f"Retired: what surely harms after 8 uses, and what has not gained half a point after {ENOUGH_USES}. Scores are"
        " credited with what the other learnings of the same prompt are expected to do."
    )
    return [*lines, "", *text.table(rows), "", advice]


def _mean(scores: Scores) -> str:
    return f"{scores.mean:.2f}" if scores.mean is not None else "-"
