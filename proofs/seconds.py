"""A slot every second in real time, while the daemon is killed again and again: each is answered once, and in time."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from proofs.figures import Figure, Options, Proof
from tests.e2e import harness
from tests.e2e.harness import command, environment, wait_until

SLOTS = 500
LATEST_P99_S = 1.0
LIFE_S = (0.5, 14.0)
# Some die before they are ready.
BEGIN_LIMIT_S = 60
ID = "often"
WORDS = ("--cron", "* * * * * *", "--pipeline", "Social Content", "--overlap", "allow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    slot: datetime
    decided_at: datetime
    goal_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """`late_s` are the delays of the slots that came while a daemon was up, rising."""

    slots: int
    kills: int
    killed_early: int
    late_s: tuple[float, ...]

    @property
    def p99_s(self) -> float:
        return self.late_s[int(len(self.late_s) * 0.99)]


def run(options: Options) -> Proof:
    lived = live(options.seed, options.folder, SLOTS)
    assert lived.p99_s <= LATEST_P99_S, f"one slot in a hundred was more than {lived.p99_s:.2f} s late"
    return Proof(
        name="seconds",
        shows="`start --daemon` with a schedule that has a slot every second, killed with SIGKILL at random moments, "
        "also while it starts, and started again. Every second from the moment it first knew the schedule has one "
        "answer, each goal belongs to one of them and there is no other, and the slots that came while it was up were "
        "answered in time.",
        figures=(
            Figure("slots", f"{lived.slots}"),
            Figure("kills, of them during the start", f"{lived.kills}, {lived.killed_early}"),
            Figure("late while up: median, p99, most", _spread(lived)),
        ),
    )


def _spread(lived: Lived) -> str:
    median, most = lived.late_s[len(lived.late_s) // 2], lived.late_s[-1]
    return f"{median * 1000:.0f} ms, {lived.p99_s * 1000:.0f} ms, {most * 1000:.0f} ms of {len(lived.late_s)}"


def live(seed: int, folder: Path, slots: int, *, life_s: tuple[float, float] = LIFE_S) -> Lived:
    """`life_s` is how long a process lives, at least and at most. Raises AssertionError when a slot has no answer or
    two, or a goal too many was begun."""
    chance = Random(seed)  # noqa: S311 - moments to die at
    harness.run("init", cwd=folder)
    added = harness.run("schedules", "add", ID, *WORDS, cwd=folder)
    assert added.returncode == 0, added.stderr
    ups: list[tuple[datetime, datetime]] = []
    kills = early = 0
    while len(answers(folder)) < slots:
        up = _one_life(folder, chance.uniform(*life_s))
        kills, early = kills + 1, early + (up is None)
        ups += [up] if up is not None else []
    ups.append(_last_life(folder))
    found = answers(folder)
    check(folder, found, known_since(folder))
    return Lived(slots=len(found), kills=kills, killed_early=early, late_s=lateness(found, ups))


def _one_life(folder: Path, seconds: float) -> tuple[datetime, datetime] | None:
    """From when to when it was up, None when it died before."""
    with _daemon(folder, f"{time.monotonic_ns()}.log") as (process, log):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        assert process.poll() is None, log.read_text()[-2_000:]
        since = _ready_at(log)
        killed_at = datetime.now(UTC)
        process.kill()
        process.wait()
    return (since, killed_at) if since is not None else None


def _last_life(folder: Path) -> tuple[datetime, datetime]:
    """It answers what is still owed, and is stopped in order."""
    with _daemon(folder, "last.log") as (process, log):
        wait_until(lambda: _ready_at(log) is not None, seconds=BEGIN_LIMIT_S)
        since = _ready_at(log)
        assert since is not None
        wait_until(lambda: answers(folder)[-1].slot > since, seconds=BEGIN_LIMIT_S)
        stopped_at = datetime.now(UTC)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=BEGIN_LIMIT_S) == 0, log.read_text()[-2_000:]
    return since, stopped_at


@contextlib.contextmanager
def _daemon(folder: Path, log_name: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = folder / log_name
    with log.open("w") as file:
        process = subprocess.Popen(
            command("start", "--daemon"),
            cwd=folder,
            env=environment(WEBHOOK_PORT="0", LOG_LEVEL="info", LOG_FORMAT="json"),
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
        try:
            yield process, log
        finally:
            process.kill()
            process.wait()


def _ready_at(log: Path) -> datetime | None:
    """When it had looked at the schedules, by its own word."""
    for line in log.read_text().splitlines():
        if line.startswith("{") and line.endswith("}"):
            said = json.loads(line)
            if said.get("event") == "recovered" and said.get("step") == "firings":
                return datetime.fromisoformat(said["timestamp"])
    return None


def answers(folder: Path) -> Sequence[Answer]:
    """In the order of the slots, read without the product."""
    return [
        Answer(
            slot=datetime.fromisoformat(row["slot"]),
            decided_at=datetime.fromisoformat(row["decided_at"]),
            goal_id=row["goal_id"],
        )
        for row in _rows(folder, "SELECT * FROM firings WHERE schedule_id = ? ORDER BY slot", ID)
    ]


def _rows(folder: Path, sql: str, *values: str) -> list[sqlite3.Row]:
    connection = sqlite3.connect(folder / "workspace" / "marketeer.db")
    connection.row_factory = sqlite3.Row
    with contextlib.closing(connection):
        return connection.execute(sql, values).fetchall()


def known_since(folder: Path) -> datetime:
    """From when on the schedule owes answers."""
    (state,) = _rows(folder, "SELECT known_since FROM schedules WHERE schedule_id = ?", ID)
    return datetime.fromisoformat(state["known_since"])


def check(folder: Path, found: Sequence[Answer], since: datetime) -> None:
    """Raises AssertionError. Goals that events have started are not looked at."""
    first = since.replace(microsecond=0) + timedelta(seconds=1)
    seconds = int((found[-1].slot - first).total_seconds()) + 1
    assert [answer.slot for answer in found] == [first + timedelta(seconds=n) for n in range(seconds)]
    goals = _of_schedules(folder, "SELECT goal_id FROM goals")
    begun = [answer.goal_id for answer in found]
    assert Counter(row["goal_id"] for row in goals) == Counter(begun), "a goal too many, or too few"
    created = _of_schedules(folder, "SELECT goal_id, who FROM journal WHERE what = 'goal_created'")
    told = Counter(row["who"] for row in created)
    assert set(told.values()) == {1}, "a slot has begun two goals"
    steps = _of_schedules(folder, "SELECT goal_id FROM work_items WHERE kind = 'plan'")
    assert Counter(row["goal_id"] for row in steps) == Counter(begun), "a goal's work is not owed once"


def _of_schedules(folder: Path, sql: str) -> list[sqlite3.Row]:
    others = {row["goal_id"] for row in _rows(folder, "SELECT goal_id FROM event_goals")}
    return [row for row in _rows(folder, sql) if row["goal_id"] not in others]


def lateness(found: Sequence[Answer], ups: Sequence[tuple[datetime, datetime]]) -> tuple[float, ...]:
    """Of the slots that came while a daemon was up and had a second to answer before it died."""
    second = timedelta(seconds=LATEST_P99_S)
    late = [
        (answer.decided_at - answer.slot).total_seconds()
        for answer in found
        if any(since <= answer.slot and answer.slot + second <= until for since, until in ups)
    ]
    return tuple(sorted(late))
