"""Many hands on one workspace: Redis killed, wiped and emptied, workers killed and put to sleep, at random instants."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from proofs.crew import LIMIT_S, Crew, a_crew
from proofs.figures import Figure, Options, Proof
from proofs.witness import Witness
from tests.e2e.harness import wait_until

WORKERS = 2
KILLED, WIPED, EMPTIED = 20, 10, 10
LEASE_S = 10.0
DEATHS, DEATH_EVERY_S, TEAM, STEP_S = 20, 2.0, 4, 1.0
TAKEOVER_P95_S = 15.0
# Of 4 to 6 tasks each: with fewer all would be done before the last of the team is killed.
GOALS = 16
PIPELINES = ("Content Production", "Page Launch", "Competitive Response", "Conversion Sprint")


class Loss(StrEnum):
    KILLED = "killed and started again with what it had written"
    WIPED = "wiped while it ran"
    EMPTIED = "killed and started again empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """`at_s` after the goal is stored, for `down_s`."""

    loss: Loss
    at_s: float
    down_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """`idle_s`: from Redis' return to the next claim of a step, None when there was nothing left to claim."""

    loss: Loss
    idle_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaths:
    """`takeover_s`: of each step that a killed worker held, until another had it or it was done."""

    tasks: int
    deaths: int
    takeover_s: tuple[float, ...]


def outages(seed: int) -> Iterator[Outage]:
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    for loss, count in ((Loss.KILLED, KILLED), (Loss.WIPED, WIPED), (Loss.EMPTIED, EMPTIED)):
        for _ in range(count):
            down_s = 0.0 if loss is Loss.WIPED else chance.uniform(4, 30)
            yield Outage(loss=loss, at_s=chance.uniform(0.0, 4.0), down_s=down_s)


def survive(outage: Outage, folder: Path) -> Survived:
    """Raises AssertionError when a goal does not complete, or anything is lost or done twice."""
    with a_crew(folder) as crew:
        crew.hire_all(*[2] * WORKERS)
        crew.submit_all([None])
        time.sleep(outage.at_s)
        _lose(crew, outage)
        back = time.monotonic()
        claims, finished = _claims(crew), crew.statuses() == ["completed"]
        wait_until(lambda: _claims(crew) > claims or crew.statuses() == ["completed"], seconds=LIMIT_S)
        idle_s = None if finished else time.monotonic() - back
        crew.wait_until_completed()
        crew.dismiss()
        Witness(crew.workspace).check_end(None, alone=False)
        return Survived(loss=outage.loss, idle_s=idle_s)


def _lose(crew: Crew, outage: Outage) -> None:
    if outage.loss is Loss.WIPED:
        crew.server.command("FLUSHALL")
        return
    crew.server.kill()
    if outage.loss is Loss.EMPTIED:
        crew.server.forget_everything()
    time.sleep(outage.down_s)
    crew.server.start()


def _claims(crew: Crew) -> int:
    ((count,),) = crew.rows("SELECT coalesce(sum(claim), 0) FROM work_items") or ((0,),)
    return int(count)


def die(folder: Path, *, goals: int, deaths: int, every_s: float, seed: int, lease_s: float = LEASE_S) -> Deaths:
    """One of the team is killed again and again, and another hired. Raises AssertionError as `survive` does."""
    chance = random.Random(seed)  # noqa: S311 - who dies, no secret
    with a_crew(folder, latency_s=STEP_S, settings={"MARKETEER_LEASE_S": str(lease_s)}) as crew:
        crew.submit_all([PIPELINES[number % len(PIPELINES)] for number in range(goals)])
        team = [crew.spawn("worker", "--concurrency", "1") for _ in range(TEAM)]
        claimed = "SELECT 1 FROM work_items WHERE state = 'claimed'"
        # One goal may be a single chain.
        wait_until(lambda: len(crew.rows(claimed)) >= min(goals, 2), seconds=LIMIT_S)
        watch = _Takeovers(crew)
        for _ in range(deaths):
            watch.look_for(every_s)
            # The dead hold what they held: a look before the kill could miss a claim.
            victim = team.pop(chance.randrange(len(team)))
            victim.kill()
            victim.wait()
            watch.mourn(victim.pid)
            team.append(crew.spawn("worker", "--concurrency", "1"))
        watch.look_until_done()
        # What the dead had reserved is booked when they have been silent for long enough.
        wait_until(lambda: not crew.rows("SELECT 1 FROM reservations"), seconds=LIMIT_S)
        crew.dismiss()
        ledger = Witness(crew.workspace).check_end(None, alone=False)
        return Deaths(tasks=len(ledger.tasks), deaths=deaths, takeover_s=tuple(watch.took_s))


class _Takeovers:
    """How long steps of the dead lie still."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._orphans: dict[tuple[str, int], float] = {}
        self.took_s: list[float] = []

    def mourn(self, pid: int) -> None:
        now = time.monotonic()
        self._orphans |= dict.fromkeys(self._crew.held_by(pid), now)

    def look_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._look()
            time.sleep(0.1)

    def look_until_done(self) -> None:
        def done() -> bool:
            self._look()
            return set(self._crew.statuses()) == {"completed"}

        wait_until(done, seconds=LIMIT_S)
        self._look()

    def _look(self) -> None:
        for (item, claim), since in list(self._orphans.items()):
            ((now_claim, state),) = self._crew.rows("SELECT claim, state FROM work_items WHERE work_item_id = ?", item)
            if now_claim > claim or state not in ("claimed", "ready"):
                self.took_s.append(time.monotonic() - since)
                del self._orphans[item, claim]


def sleep_through(folder: Path, *, lease_s: float) -> int:
    """A worker sleeps for longer than its lease in mid-call. How many late results were refused; raises AssertionError
    unless each is booked and in the journal, and nothing was done twice for it."""
    with a_crew(folder, latency_s=lease_s / 2, settings={"MARKETEER_LEASE_S": str(lease_s)}) as crew:
        sleeper = crew.hire()
        crew.submit_all(["Solo"])
        wait_until(lambda: bool(crew.rows("SELECT 1 FROM reservations")), seconds=LIMIT_S)
        crew.put_to_sleep(sleeper)
        held = crew.held_by(sleeper.pid)
        crew.hire()
        wait_until(lambda: all(_is_taken(crew, *each) for each in held), seconds=LIMIT_S)
        crew.wait_until_completed()
        sleeper.send_signal(signal.SIGCONT)
        late = "SELECT count(*) FROM journal WHERE what = 'late_result_refused'"
        wait_until(lambda: crew.rows(late)[0][0] == len(held), seconds=LIMIT_S)
        crew.dismiss()
        approved = crew.rows("SELECT task_id, count(*) FROM journal WHERE what = 'task_approved' GROUP BY task_id")
        assert approved, "nothing came of it"
        assert all(count == 1 for _, count in approved), "approved twice"
        booked = "SELECT count(DISTINCT call_id) FROM calls WHERE call_id LIKE ?"
        for item, claim in held:
            assert crew.rows(booked, f"{item}.{claim}.%")[0][0] >= 1, "what the late call cost was not booked"
        assert crew.rows("SELECT count(*) FROM reservations") == [(0,)]
        return len(held)


def _is_taken(crew: Crew, item: str, claim: int) -> bool:
    return bool(crew.rows("SELECT 1 FROM work_items WHERE work_item_id = ? AND claim > ?", item, claim))


def run(options: Options) -> Proof:
    with TemporaryDirectory(prefix="deaths-", dir=options.folder) as folder:
        deaths = die(Path(folder), goals=GOALS, deaths=DEATHS, every_s=DEATH_EVERY_S, seed=options.seed)
    check_takeovers(deaths)
    with TemporaryDirectory(prefix="sleep-", dir=options.folder) as folder:
        late = sleep_through(Path(folder), lease_s=LEASE_S)
    return proof(_all(list(outages(options.seed)), options), deaths, late)


def check_takeovers(deaths: Deaths) -> None:
    assert deaths.takeover_s, "the dead held nothing: nothing is proved"
    assert share_of(deaths.takeover_s, 0.95) <= TAKEOVER_P95_S, f"the dead kept their steps: {deaths.takeover_s}"


def _all(todo: Sequence[Outage], options: Options) -> list[Survived]:
    """Side by side: most of the time they wait for Redis to come back."""
    done: list[Survived] = []

    def one(outage: Outage) -> None:
        with TemporaryDirectory(prefix="outage-", dir=options.folder) as folder:
            try:
                done.append(survive(outage, Path(folder)))
            except BaseException as exc:
                exc.add_note(f"{outage}")
                raise
        print(f"\r{len(done)} outages ", end="", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        pending = [pool.submit(one, outage) for outage in todo]
        try:
            for each in pending:
                each.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return done


def proof(survived: Sequence[Survived], deaths: Deaths, late: int) -> Proof:
    idle_s = sorted(each.idle_s for each in survived if each.idle_s is not None)
    check_takeovers(deaths)
    assert late, "no result came late: nothing is proved"
    return Proof(
        name="redis",
        shows="Two workers share a goal of five tasks while Redis is killed and comes back 4 to 30 s later, with what "
        "it had written or empty, or is wiped while it runs, at a random instant: every goal completes, nothing is "
        "lost, and nothing is done or bought twice but what a kill cut off. Four workers share equally urgent goals of "
        "four to six tasks of one second each while one of them is killed every two seconds and another hired: every "
        "task is approved exactly once. A worker that slept for longer than its lease brings its result: it is "
        "refused, booked, and in the journal.",
        figures=(
            *(Figure(f"Redis {loss.value}", str(sum(each.loss is loss for each in survived))) for loss in Loss),
            Figure("from Redis' return to the next claim, p50, p95, longest", _spread(idle_s)),
            Figure("workers killed, tasks approved", f"{deaths.deaths}, {deaths.tasks}"),
            Figure("from a worker's death to its step's next claim, p50, p95, longest", _spread(deaths.takeover_s)),
            Figure("late results refused and booked", str(late)),
        ),
    )


def share_of(seconds: Sequence[float], share: float) -> float:
    """The smallest that so large a share does not exceed; 0 of nothing."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _spread(seconds: Sequence[float]) -> str:
    return " s, ".join(f"{share_of(seconds, share):.1f}" for share in (0.5, 0.95, 1.0)) + " s" if seconds else "-"
