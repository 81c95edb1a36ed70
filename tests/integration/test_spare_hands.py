"""What one commit makes possible is claimed with it, for as many as have their hands free here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from marketeer.domain.goal import Goal, GoalStatus
from marketeer.ports import Commit
from marketeer.runtime import Office
from tests.integration.desk import FUNNEL, Clerk, again, an_office, at_work, check_books, finish, journal_of, submit

SIDE_BY_SIDE = ("analytics-tracking", "seo-audit", "ab-test-setup")


async def _when(office: Office, goal: Goal, what: str) -> list[datetime]:
    """One time for each change: all of its entries have the same."""
    entries = await office.store.journal(goal_id=goal.goal_id, limit=10_000)
    return sorted({entry.at for entry in entries if entry.what == what})


@pytest.mark.parametrize(("agents", "beginnings"), [(8, 2), (1, 4)])
async def test_as_many_of_the_steps_that_a_plan_frees_begin_with_it_as_agents_may_work(
    tmp_path: Path, agents: int, beginnings: int
) -> None:
    async with an_office(tmp_path, Clerk(), max_parallel_agents=agents) as office:
        goal = await finish(office, FUNNEL)
        assert goal.status is GoalStatus.COMPLETED
        running = await _when(office, goal, "task_running")
        assert len(running) == beginnings
        assert running[:1] == await _when(office, goal, "goal_planned")
        await check_books(office, goal)


async def test_what_was_claimed_for_others_is_at_work_at_once(tmp_path: Path) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk, max_parallel_agents=3) as office:
        clerk.hold(*SIDE_BY_SIDE)
        goal = await submit(office, FUNNEL)
        async with at_work(office, goal):
            await clerk.busy_with(*SIDE_BY_SIDE)
            assert len(await office.store.claimed_items(lease_before=None)) == 3
            clerk.let_go(*SIDE_BY_SIDE)
        assert clerk.peak == 3


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_stop_in_the_moment_of_the_claim_leaves_nothing_claimed(tmp_path: Path, moment: str) -> None:
    clerk = Clerk()
    async with an_office(tmp_path, clerk) as office:
        commit_all = office.store.commit_all
        goal = await submit(office, FUNNEL)
        async with at_work(office, goal) as shift:

            async def interrupted(commits: Sequence[Commit]) -> None:
                is_plan = any(task.before is None for commit in commits for task in commit.change.tasks)
                if is_plan and moment == "before":
                    shift.interrupt()
                await commit_all(commits)
                if is_plan and moment == "after":
                    shift.interrupt()

            office.store.commit_all = interrupted  # type: ignore[method-assign]
        assert await office.store.claimed_items(lease_before=None) == []
        handed_back = {"before": "nobody here has a hand free for it any more", "after": "the process is stopping"}
        assert (await journal_of(office, goal, "task_queued")).count(handed_back[moment]) == 2
        assert len(clerk.seen) == 1
        assert (await again(office, goal)).status is GoalStatus.COMPLETED
        assert len(clerk.seen) == 4
        await check_books(office, goal)
