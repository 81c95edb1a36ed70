"""Random plans: any DAG of up to ten tasks, with barriers, conditions, gates, and a foundation made by another goal."""

from __future__ import annotations

from hypothesis import strategies as st

from marketeer.domain.approval import ApprovalKind
from marketeer.domain.goal import Barrier
from marketeer.domain.plan import Gate, Plan
from marketeer.domain.task import Task, TaskStatus
from tests.support.builders import a_plan, a_task

FOUNDATION = a_task(
    1, goal_id="other-goal-zzz999", skill="product-marketing-context", squad=None, status=TaskStatus.RUNNING
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(1, 10))
    phases = sorted(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    barriers = tuple(
        Barrier(barrier_id=f"abc123-review-{after + 1}", title="Review", after=tuple(range(after + 1)))
        for after in sorted(draw(st.sets(st.sampled_from(range(max(phases) + 1)))))
    )
    elsewhere = draw(st.booleans())
    tasks = [_task(draw, seq, phases[seq - 1], barriers, elsewhere=elsewhere) for seq in range(1, count + 1)]
    gates = tuple(
        Gate(
            kind=draw(st.sampled_from([ApprovalKind.LEGAL_RISK, ApprovalKind.PRICING_CHANGE, ApprovalKind.BUDGET])),
            question=f"Is this allowed ({n})?",
            holds=tuple(sorted(draw(st.sets(st.sampled_from([task.skill for task in tasks]), max_size=3)))),
        )
        for n in range(draw(st.integers(0, 2)))
    )
    return a_plan(tasks, barriers=barriers, gates=gates)


def _task(draw: st.DrawFn, seq: int, phase: int, barriers: tuple[Barrier, ...], *, elsewhere: bool) -> Task:
    needs = sorted(draw(st.sets(st.integers(1, seq - 1), max_size=3))) if seq > 1 else []
    behind = [barrier.barrier_id for barrier in barriers if max(barrier.after) < phase]
    first = (FOUNDATION.task_id,) if elsewhere and not needs else ()
    return a_task(
        seq,
        *needs,
        *first,
        phase=phase,
        after_barrier=behind[-1] if behind else None,
        condition=f"skill-{draw(st.sampled_from(needs))}" if needs and draw(st.integers(0, 2)) == 0 else None,
    )
