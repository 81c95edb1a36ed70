"""Whatever happens to a goal, in whatever order, the laws of its states hold and it comes to an end."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketeer.domain.approval import OnExpiry
from marketeer.domain.gates import GateKind, Gates, Policy, Stops
from marketeer.domain.goal import GoalStatus
from marketeer.domain.plan import Plan
from tests.support.builders import a_goal
from tests.support.laws import check_all
from tests.support.plans import FOUNDATION, plans
from tests.support.play import Play
from tests.support.player import Player

STEPS = 80


def impatient(seed: int) -> Gates:
    """By which every question expires before long, each kind in its own way."""
    ends = [OnExpiry.WAIT, OnExpiry.REJECT, OnExpiry.APPROVE]
    stops = [Stops.ALWAYS, Stops.NEVER]
    return Gates(
        policies={
            kind: Policy(
                stops=stops[(seed + number) % 2],
                expires_after=timedelta(hours=20),
                on_expiry=ends[(seed + number) % 3],
            )
            for number, kind in enumerate(GateKind)
        }
    )


def played(plan: Plan, seed: int, steps: int) -> tuple[Play, Player]:
    play = Play(plan, goal=a_goal(), external=(FOUNDATION,), gates=impatient(seed) if seed % 2 else None)
    player = Player(play, Random(seed))  # noqa: S311 - a game, repeatable by its seed
    play.make_plan()
    check_all(play)
    for _ in range(steps):
        player.step()
    return play, player


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans(), seed=st.integers(0, 2**32), steps=st.integers(0, STEPS))
def test_every_law_holds_at_every_step_and_the_goal_ends_when_everybody_does_their_part(
    plan: Plan, seed: int, steps: int
) -> None:
    play, player = played(plan, seed, steps)
    player.settle()
    assert play.goal.status.is_final


@settings(max_examples=100)
@given(plan=plans())
def test_a_goal_where_nothing_goes_wrong_completes(plan: Plan) -> None:
    play, player = played(plan, 0, steps=0)
    player.settle()
    assert play.goal.status is GoalStatus.COMPLETED
