"""What a verdict leads to: approval, a revision, a fresh start, or a question to a human.

Of all versions the best one is kept: a revision that made things worse is not what the next one begins from, nor what
is shipped in the end.
"""

from __future__ import annotations

from marketeer.domain.approval import ApprovalKind, Decision
from marketeer.domain.changing import changed
from marketeer.domain.draft import Draft
from marketeer.domain.follow_up import abandon, requeue
from marketeer.domain.gates import Stops
from marketeer.domain.goal import GoalStatus
from marketeer.domain.judgement import asked_of, verdict_on
from marketeer.domain.learning import learning_of_approval
from marketeer.domain.outcome import Judgement, Reviewed
from marketeer.domain.review import Finding, Severity, Verdict, is_serious
from marketeer.domain.standing import Standing, better
from marketeer.domain.task import MAX_REVISIONS, Task, TaskStatus
from marketeer.domain.task_score import task_score, version_score

MAX_CYCLES = 50
MAX_REJECTIONS = 2

APPROVED = "approved"
APPROVED_WITH_FINDINGS = "approved with findings"


def judge(draft: Draft, task: Task, judged: Reviewed | Judgement) -> None:
    """Take the task, which is in review, to what follows."""
    if judged.note is not None:
        draft.note("review_limited", task_id=task.task_id, why=judged.note)
    verdict = verdict_on(judged.findings, judged.opinion)
    this = _standing(task, judged, verdict)
    task = _with_score(task, judged)
    if verdict is Verdict.APPROVE:
        # It is what the task ends with: nothing is compared to it any more.
        _approve(draft, changed(task, kept=()), APPROVED, changed(this, findings=()))
        return
    best = better(task.kept[0], this) if task.kept else this
    rejections = task.rejections + (verdict is Verdict.REJECT)
    task = changed(task, kept=(best,), output_version=best.version, rejections=rejections)
    if verdict is Verdict.REJECT and rejections >= MAX_REJECTIONS:
        _ask_or_let_through(draft, task, best, _rejected_twice(task, this))
    elif task.revision < MAX_REVISIONS:
        _send_back(draft, task, this, best)
    elif best.is_sound:
        _approve(draft, task, APPROVED_WITH_FINDINGS, best)
    else:
        _ask_or_let_through(draft, task, best, _still_wrong(task, best))


def _standing(task: Task, judged: Reviewed | Judgement, verdict: Verdict) -> Standing:
    asked = asked_of(judged.opinion)
    serious = tuple(finding for finding in judged.findings if is_serious(finding))
    critical = [f for f in (*serious, *asked) if f.severity is Severity.CRITICAL]
    total = judged.opinion.total if judged.opinion is not None else None
    return Standing(
        version=task.output_version or 0,
        rejected=verdict is Verdict.REJECT,
        critical=len(critical),
        major=sum(finding.severity is Severity.MAJOR for finding in serious),
        score=version_score(judged.findings, total),
        findings=(*serious, *asked),
        asked_for=tuple(sorted(judged.asked_for)),
        waived=judged.waived,
    )


def _with_score(task: Task, judged: Reviewed | Judgement) -> Task:
    total = judged.opinion.total if judged.opinion is not None else None
    score = task_score(task.score, task.reviewed, judged.findings, total)
    return changed(task, score=score, reviewed=task.reviewed + 1)


# -- approval ------------------------------------------------------------------------------------------------


def _approve(draft: Draft, task: Task, verdict: str, standing: Standing) -> None:
    """`standing` is of the version that is approved, with the findings that it is approved with."""
    told = [*(f.line() for f in standing.findings), *(f"waived: {w}" for w in standing.waived)]
    approved = draft.move(task, TaskStatus.APPROVED, why="; ".join(told) or None, verdict=verdict, reason=None)
    if task.revision:
        draft.learnings.append(learning_of_approval(draft.goal, approved, standing.findings, draft.now))
    # Skipping one task rewires others: each is looked at as it is by then.
    for task_id in [one.task_id for one in draft.tasks.values() if one.condition == task.skill]:
        other = draft.tasks[task_id]
        if _hangs_on(other, task) and other.skill not in standing.asked_for:
            _skip(draft, other, task)


def _hangs_on(other: Task, task: Task) -> bool:
    """Whether `task` decides if the conditional task `other` is done at all."""
    return other.status is TaskStatus.PENDING and other.condition == task.skill and task.task_id in other.depends_on


def _skip(draft: Draft, task: Task, asked_of: Task) -> None:
    """A conditional task nobody asked for. What hung on it is skipped too; what else depended on it goes on without."""
    draft.move(task, TaskStatus.CANCELLED, reason=f"skipped: {asked_of.skill} found nothing for {task.skill} to do")
    for task_id in list(draft.tasks):
        other = draft.tasks[task_id]
        if other.status is TaskStatus.PENDING and task.task_id in other.depends_on:
            hung_on_it = _hangs_on(other, task)
            inherited = tuple(d for d in task.depends_on if d not in other.depends_on)
            depends_on = tuple(d for d in other.depends_on if d != task.task_id) + inherited
            rewired = draft.edit(other, "task_rewired", why=f"{task.task_id} was skipped", depends_on=depends_on)
            if hung_on_it:
                _skip(draft, rewired, task)


# -- revision ------------------------------------------------------------------------------------------------


def _send_back(draft: Draft, task: Task, this: Standing, best: Standing) -> None:
    """To be revised from its best version, or, when it was rejected, to be begun anew."""
    cycles = draft.goal.cycles + (1 if task.revision else 0)
    draft.set_goal(cycles=cycles)
    rejected = "rejected, to be begun anew: " if this.rejected else ""
    count = "1 finding: " if len(this.findings) == 1 else f"{len(this.findings)} findings; first: "
    summary = f"{rejected}{count}{this.findings[0].line()}"
    revised = draft.move(
        task,
        TaskStatus.REVISION,
        why=summary,
        revision=task.revision + 1,
        feedback=_feedback(this) if this.rejected else _feedback(best, this),
        from_scratch=this.rejected,
    )
    requeue(draft, revised)
    if cycles > MAX_CYCLES:
        abandon(draft, GoalStatus.MAX_ITERATIONS, f"more than {MAX_CYCLES} revisions and re-plans")


def _feedback(shown: Standing, last: Standing | None = None) -> str:
    """Findings as the next execution reads them: of the version it is shown, then of a later one that was no better."""
    lines = _lines(shown.findings)
    if last is not None and last.version != shown.version:
        known = set(lines)
        later = [line for line in _lines(last.findings) if line not in known]
        lines += [f"{line} (in a later attempt, which was no better)" for line in later]
    return "\n".join(lines)


def _lines(findings: tuple[Finding, ...]) -> list[str]:
    return [f"- [{f.severity.value}] {f.line()}" for f in findings]


# -- a human's turn ------------------------------------------------------------------------------------------


def _still_wrong(task: Task, best: Standing) -> str:
    if not best.critical:
        return f"{task.skill} was rejected and {task.revision} revisions made nothing better: {_first(best)}"
    return f"{task.skill} still has {best.critical} critical finding(s) after {task.revision} revisions: {_first(best)}"


def _rejected_twice(task: Task, this: Standing) -> str:
    return f"{task.skill} was rejected {task.rejections} times, at last because: {_first(this)}"


def _first(standing: Standing) -> str:
    gravest = [f for f in standing.findings if f.severity is Severity.CRITICAL] or list(standing.findings)
    return gravest[0].line()


def _ask_or_let_through(draft: Draft, task: Task, best: Standing, what: str) -> None:
    """By the policy. What is let through although it should not be is said where it cannot be missed."""
    if draft.gates.of(ApprovalKind.QUALITY).stops is not Stops.NEVER:
        _ask_about_quality(draft, task, best, what)
        return
    line = f"{task.skill} was let through with {best.critical} critical finding(s): {_first(best)}."
    draft.set_goal(before_you_publish=(*draft.goal.before_you_publish, line))
    _approve(draft, task, APPROVED_WITH_FINDINGS, best)


def _ask_about_quality(draft: Draft, task: Task, best: Standing, what: str) -> None:
    question = f"{what}. Ship it, have it revised, or drop it?"
    approval = draft.ask(
        ApprovalKind.QUALITY,
        question,
        [
            (Decision.APPROVE, "accept the output as it is"),
            (Decision.REVISE, "one more revision, with your note"),
            (Decision.REJECT, "drop this task and what depends on it"),
        ],
        task_id=task.task_id,
    )
    draft.move(
        task,
        TaskStatus.BLOCKED,
        reason=question,
        waits_for=approval.approval_id,
        feedback=_feedback(best),
        from_scratch=False,
    )
