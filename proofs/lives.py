"""A workspace whose processes are killed again and again, and always started anew until its goals are done."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from marketeer.adapters.workspace import FileWorkspace
from marketeer.testing.doomed import Point
from proofs.witness import Witness
from tests.e2e.harness import Server, environment, fake_claude, run, wait_until

LIMIT_S = 120
LATENCY_S = 0.06
PARALLEL = 3
MOST_UNFINISHED = 3
AT_RANDOM = "random-instant"
KILLED = -signal.SIGKILL
BUSY = "already works"
# What is asked for, in turn; the first also brings about the product context.
ASKED = (
    ("Increase signup conversion by 20%",),
    ("--pipeline", "Social Content"),
    ("--pipeline", "Page Launch"),
    ("--pipeline", "Director Morning Review"),
)


# Goals that name no pipeline, so that each is planned.
IN_WORDS = (("Increase signup conversion by 20%",), ("Write a blog post about mooring fees",))


class Kind(StrEnum):
    REHEARSED = "rehearsals"
    SERVED = "goals against the server"
    PAIRED = "`start` beside `resume`, against the server"
    JUDGED = "goals that a model plans, reviews and compares, against the server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """`first` is where its first process is killed; what follows is drawn from `seed`."""

    number: int
    seed: str
    kind: Kind
    kills: int
    first: tuple[Point, int] | None = None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a life. `needed` are the calls whose answers were recorded."""

    kind: Kind
    killed_at: Counter[str] = field(default_factory=Counter)
    processes: int = 0
    goals: int = 0
    tasks: int = 0
    needed: int = 0
    estimated: int = 0
    asked: int = 0
    in_flight: int = 0

    @property
    def kills(self) -> int:
        return self.killed_at.total()


@dataclass(slots=True)
class Doomed:
    """A process of the command line, with the point it is to die at."""

    process: subprocess.Popen[str]
    what: str
    after_s: float | None

    def end(self) -> tuple[bool, str]:
        """Whether it was killed, and what it complained of."""
        if self.after_s is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=self.after_s)
            self.process.kill()
        _, err = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode == KILLED, err


def live(life: Life, folder: Path) -> Outcome:
    """Raises AssertionError when a promise is broken."""
    with _server(life, folder) as server:
        return _Story(life, folder, server).tell()


@contextmanager
def _server(life: Life, folder: Path) -> Iterator[Server | None]:
    if life.kind is Kind.REHEARSED:
        yield None
        return
    plans = ("--plans",) if life.kind is Kind.JUDGED else ()
    with fake_claude(folder, "--latency-s", str(LATENCY_S), *plans) as server:
        yield server


def _environment(life: Life, server: Server | None) -> dict[str, str]:
    """What a model judges is of its own kind of life: the others make one call for each output."""
    if server is None:
        return environment(MARKETEER_REHEARSAL_LATENCY_S=str(LATENCY_S))
    if life.kind is Kind.JUDGED:
        return server.environment(MARKETEER_PLANNER="model", MARKETEER_REVIEW="standard")
    return server.environment(MARKETEER_PLANNER="template", MARKETEER_REVIEW="quick")


class _Story:
    def __init__(self, life: Life, folder: Path, server: Server | None) -> None:
        self._life = life
        self._folder = folder
        self._server = server
        self._chance = random.Random(life.seed)  # noqa: S311 - moments to die at, no secrets
        self._witness = Witness(folder / "workspace")
        self._outcome = Outcome(kind=life.kind)
        self._env = _environment(life, server)

    def tell(self) -> Outcome:
        while self._outcome.kills < self._life.kills:
            self._round()
            self._witness.look()
        self._finish()
        return self._outcome

    # -- a round ---------------------------------------------------------------------------------------------

    def _round(self) -> None:
        if self._life.kind is Kind.PAIRED and self._witness.unfinished:
            worker = self._doomed("resume")
            if self._chance.random() < 0.7:  # else both begin at once
                wait_until(lambda: self._has_begun(worker), seconds=LIMIT_S)
            self._end(worker, self._doomed(*self._beside()))
        else:
            self._end(self._doomed(*self._next()))

    def _has_begun(self, worker: Doomed) -> bool:
        return worker.process.poll() is not None or FileWorkspace(self._folder / "workspace").worker() is not None

    def _beside(self) -> Sequence[str]:
        """A goal of one's own beside the process that works on all, or one that is there already."""
        unfinished = self._unfinished()
        return self._start() if len(unfinished) < MOST_UNFINISHED else ("resume", self._chance.choice(unfinished))

    def _unfinished(self) -> list[str]:
        return [goal_id for goal_id, status in self._witness.goals.items() if status != "completed"]

    def _next(self) -> Sequence[str]:
        """Go on with what is unfinished, or ask for more."""
        if not self._witness.unfinished:
            return self._start()
        return ("resume", self._chance.choice(self._unfinished())) if self._chance.random() < 0.3 else ("resume",)

    def _start(self) -> Sequence[str]:
        choice = IN_WORDS if self._life.kind is Kind.JUDGED else ASKED
        asked = choice[len(self._witness.goals) % len(choice)]
        return ("start", *asked, *(() if self._server else ("--rehearse",)))

    def _end(self, *doomed: Doomed) -> None:
        ends = [each.end() for each in doomed]
        for each, (killed, complaint) in zip(doomed, ends, strict=True):
            if killed:
                self._outcome.killed_at[each.what] += 1
            refused = len(doomed) > 1 and BUSY in complaint
            assert killed or refused or each.process.returncode == 0, complaint

    def _doomed(self, *arguments: str) -> Doomed:
        self._outcome.processes += 1
        point, number = self._fate()
        after_s = None
        module = ["marketeer"]
        if point is None:
            after_s = self._chance.uniform(0.05, 1.3 if self._server is None else 2.6)
        else:
            module = ["marketeer.testing.doomed", point.value, str(number)]
        process = subprocess.Popen(
            [sys.executable, "-m", *module, *arguments],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Doomed(process, point.value if point else AT_RANDOM, after_s)

    def _fate(self) -> tuple[Point | None, int]:
        if self._life.first is not None and self._outcome.processes == 1:
            return self._life.first
        draw = self._chance.random()
        if draw < 0.2:
            return None, 0
        if draw < 0.7:
            return self._chance.choice((Point.BEFORE_COMMIT, Point.AFTER_COMMIT)), self._chance.randint(1, 12)
        return self._chance.choice((Point.HALF_A_FILE, Point.BEFORE_RENAME, Point.AFTER_RENAME)), (
            self._chance.randint(1, 4)
        )

    # -- the end ---------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if not self._witness.goals:
            assert run(*self._start(), cwd=self._folder, env=self._env).returncode == 0
        last = run("resume", cwd=self._folder, env=self._env)
        assert last.returncode == 0, last.stderr
        ledger = self._witness.check_end(self._server, alone=self._life.kind is not Kind.PAIRED)
        outcome = self._outcome
        outcome.goals, outcome.tasks = len(ledger.goals), len(ledger.tasks)
        outcome.needed, outcome.estimated = len(ledger.settled), len(ledger.estimated)
        outcome.in_flight = len(self._witness.in_flight)
        outcome.asked = len(self._server.requests) if self._server else outcome.needed + outcome.estimated
        assert outcome.estimated <= PARALLEL * outcome.kills
        assert outcome.asked <= outcome.needed + outcome.in_flight, "more was asked than needed and cut off"
