"""A thousand kill -9: at every commit, in the middle of files, and at any instant."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from marketeer.testing.doomed import Point
from proofs.figures import Figure, Options, Proof
from proofs.lives import AT_RANDOM, Kind, Life, Outcome, live

KILLS = 1_000
KILLS_A_LIFE = 10
# A first goal commits about as often.
BOUNDARIES = 40
# In turn; one of them has a second process, and one goals that a model plans, reviews and compares.
KINDS = (Kind.REHEARSED, Kind.SERVED, Kind.JUDGED, Kind.REHEARSED, Kind.PAIRED)


def lives(seed: int, kills: int = KILLS, each: int = KILLS_A_LIFE) -> Iterator[Life]:
    """Enough for so many kills. The first process of the n-th dies at a commit of its own: each one, before and
    behind it."""
    for number in range(-(-kills // each)):
        point = (Point.BEFORE_COMMIT, Point.AFTER_COMMIT)[number % 2]
        boundary = number // 2 % BOUNDARIES + 1
        kind = KINDS[number % len(KINDS)]
        yield Life(number=number, seed=f"{seed}-{number}", kind=kind, kills=each, first=(point, boundary))


def run(options: Options) -> Proof:
    return proof(_all(list(lives(options.seed)), options))


def _all(todo: Sequence[Life], options: Options) -> list[Outcome]:
    said = threading.Lock()
    killed = 0

    def one(life: Life) -> Outcome:
        nonlocal killed
        with TemporaryDirectory(prefix="marketeer-kills-", dir=options.folder) as folder:
            try:
                outcome = live(life, Path(folder))
            except BaseException as exc:
                exc.add_note(f"{life}")
                raise
        with said:
            killed += outcome.kills
            print(f"\r{killed} kills ", end="", file=sys.stderr, flush=True)
        return outcome

    with ThreadPoolExecutor(options.jobs) as pool:
        pending = [pool.submit(one, life) for life in todo]
        try:
            return [each.result() for each in pending]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def proof(done: Sequence[Outcome]) -> Proof:
    at = sum((each.killed_at for each in done), Counter[str]())
    served = [each for each in done if each.kind is not Kind.REHEARSED]
    missed = [point for point in (*Point, AT_RANDOM) if not at[point]]
    assert not missed, f"nobody was killed at {missed}: nothing is proved of it"
    return Proof(
        name="kills",
        shows="Processes of the command line are killed with SIGKILL: just before and just behind every commit of a "
        "goal, with half a file written, before and behind the rename that puts it in place, and at random instants; "
        "alone, and where `start` and `resume GOAL` submit to and follow a bare `resume` that works on everything, so "
        "that the follower takes over. Whatever was begun is gone on with until every goal is done. After each kill "
        "the database is sound and no approved output or recorded call is gone or changed. At the end all goals are "
        "completed; each step's output, review and report exist once, and their files are what the store holds; no "
        "recorded call was made again; the server was asked no more than what was needed and what was in flight at a "
        "kill; settled rows are the server's own figures, and estimates cover, call for call, whatever else it "
        "billed.",
        figures=(
            Figure("kills", f"{at.total():,}"),
            *(Figure(f"of them {point.replace('-', ' ')}", f"{at[point]:,}") for point in (*Point, AT_RANDOM)),
            *(Figure(f"of them in {kind}", _kills(done, kind)) for kind in Kind),
            Figure("processes started", f"{sum(each.processes for each in done):,}"),
            Figure("goals completed, tasks approved", f"{_sum(done, 'goals')}, {_sum(done, 'tasks')}"),
            Figure(
                "calls the server saw, needed, cut off",
                f"{_sum(served, 'asked')}, {_sum(served, 'needed')}, at most {_sum(served, 'in_flight')}",
            ),
        ),
    )


def _kills(done: Sequence[Outcome], kind: Kind) -> str:
    return f"{sum(each.kills for each in done if each.kind is kind):,}"


def _sum(done: Sequence[Outcome], name: str) -> str:
    return f"{sum(getattr(each, name) for each in done):,}"
