"""Learnings: taken in without piling up, found by their words with SQLite's own BM25, and judged by finished tasks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from marketeer.adapters.sqlite.codec import Codec
from marketeer.domain.errors import UsageError
from marketeer.domain.evidence import Evidence, Scores, Stratum
from marketeer.domain.journal import JournalEntry
from marketeer.domain.learning import TEAM, Learning, LearningStatus
from marketeer.domain.likeness import Sense, sense_of, taken_in
from marketeer.domain.probation import tried, turn_entry
from marketeer.domain.recall import Found
from marketeer.domain.skill import DIRECTOR
from marketeer.domain.snapshot import Change

# So many of an agent's newest are held against a new one; what says exactly the same is found among all.
COMPARED = 50
# More than ever fit into a prompt.
CANDIDATES = 40
# The search goes through so many of the newest: it must not grow with history.
SEARCHED = 20_000

_CODEC = Codec(Learning, skip=("evidence",))
_COLUMNS = (*_CODEC.columns, "evidence", "sense")
_PUT = (
    f"INSERT INTO learnings ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    f" ON CONFLICT (learning_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_LIVE = "status != 'retired'"
_BY_SENSE = "SELECT * FROM learnings WHERE sense = ? AND agent = ?"
_COMPARABLE = (
    f"SELECT {', '.join(_COLUMNS)} FROM learnings WHERE agent = ? AND rehearsal = ? ORDER BY created_at DESC LIMIT ?"
)
_SEARCH = (
    "SELECT l.*, -f.score AS relevance FROM (SELECT rowid, rank AS score FROM learnings_text"
    " WHERE learnings_text MATCH :words AND rank MATCH 'bm25(0, 1, 1, 1)'"
    " AND rowid > (SELECT coalesce(max(number), 0) FROM learnings) - :searched ORDER BY rank LIMIT :limit) f"
    f" JOIN learnings l ON l.number = f.rowid WHERE l.rehearsal = :rehearsal AND l.{_LIVE}"
)
_NEWEST = (
    f"SELECT *, 0.0 AS relevance FROM learnings WHERE agent = :agent AND rehearsal = :rehearsal AND {_LIVE}"
    " AND (:category IS NULL OR category IS NULL OR category = :category) ORDER BY confirmed_at DESC LIMIT :limit"
)


# -- in ------------------------------------------------------------------------------------------------------


def take_in(connection: sqlite3.Connection, learnings: Sequence[Learning]) -> list[Learning]:
    """Store what was learned: a near-duplicate raises the one it repeats. Returns what is stored now in its place."""
    stored = []
    for learning in learnings:
        changed = taken_in(learning, _comparable(connection, learning))
        put(connection, changed)
        stored += changed[:1]
    return stored


def _comparable(connection: sqlite3.Connection, learning: Learning) -> list[Learning]:
    """Exactly the same, retired or not, is all there is to know; else the newest that may say nearly the same."""
    same = connection.execute(_BY_SENSE, (_sense_text(sense_of(learning)), learning.agent)).fetchall()
    known = [record(row) for row in same]
    if taken := [old for old in known if taken_in(learning, [old])[:1] != [learning]]:
        return taken
    rows = connection.execute(_COMPARABLE, (learning.agent, int(learning.rehearsal), COMPARED))
    return [record(row) for row in rows]


def put(connection: sqlite3.Connection, learnings: Iterable[Learning]) -> None:
    """Store them as they are, whatever was there under their ids."""
    for learning in learnings:
        connection.execute(
            _PUT, (*_CODEC.values(learning), _packed(learning.evidence), _sense_text(sense_of(learning)))
        )
        (number,) = connection.execute(
            "SELECT number FROM learnings WHERE learning_id = ?", (learning.learning_id,)
        ).fetchone()
        connection.execute("DELETE FROM learnings_text WHERE rowid = ?", (number,))
        if learning.status is not LearningStatus.RETIRED:
            words = (number, _told(learning), learning.learning, learning.action, " ".join(learning.tags))
            connection.execute(
                "INSERT INTO learnings_text (rowid, told, learning, action, tags) VALUES (?, ?, ?, ?, ?)", words
            )


def index_old_ones(connection: sqlite3.Connection) -> None:
    """Those from before there was a search."""
    connection.row_factory = sqlite3.Row
    put(connection, [record(row) for row in connection.execute("SELECT * FROM learnings").fetchall()])


def judge(connection: sqlite3.Connection, change: Change) -> list[JournalEntry]:
    """Add the scores of the change's finished tasks to their learnings; returns what the journal has to say of it."""
    entries: list[JournalEntry] = []
    for trial in change.trials:
        before = _known(connection, (*trial.used, *trial.withheld))
        after = tried(trial, list(before.values()))
        turned = [learning for learning in after if learning.status is not before[learning.learning_id].status]
        put(connection, turned)
        connection.executemany(
            "UPDATE learnings SET evidence = ? WHERE learning_id = ?",
            [(_packed(learning.evidence), learning.learning_id) for learning in after],
        )
        entries += [turn_entry(learning, change.goal.goal_id, trial, change.entries[-1].at) for learning in turned]
    return entries


def _known(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Learning]:
    rows = connection.execute(f"SELECT * FROM learnings WHERE learning_id IN ({', '.join('?' * len(ids))})", ids)
    return {learning.learning_id: learning for learning in map(record, rows)}


# -- out -----------------------------------------------------------------------------------------------------


def anybody_knows(connection: sqlite3.Connection, rehearsal: bool) -> bool:
    """Whether there is anything to tell a specialist."""
    (found,) = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM learnings WHERE agent < :director AND rehearsal = :rehearsal AND {_LIVE})"
        f" OR EXISTS (SELECT 1 FROM learnings WHERE agent > :director AND rehearsal = :rehearsal AND {_LIVE})",
        {"director": DIRECTOR, "rehearsal": int(rehearsal)},
    ).fetchone()
    return bool(found)


def fitting(
    connection: sqlite3.Connection, agent: str, category: str | None, words: Sequence[str], rehearsal: bool
) -> list[Found]:
    """Those of the agent that fit the words best and its newest; of others in the category those that fit."""
    values = {"rehearsal": int(rehearsal), "limit": CANDIDATES, "searched": SEARCHED}
    rows: list[Any] = []
    if words:
        match = f"{{told}} : ({_asked(agent, category, rehearsal)}) AND {{learning action tags}} : ({_any(words)})"
        rows += connection.execute(_SEARCH, {**values, "words": match})
    # What the agent itself learned counts in any category; the Director's is about goals of one.
    newest_of = [(DIRECTOR, category)] if agent == DIRECTOR else [(agent, None), (TEAM, category or "")]
    for name, within in newest_of:
        rows += connection.execute(_NEWEST, {**values, "agent": name, "category": within})
    found = {row["learning_id"]: row for row in reversed(rows)}
    return [Found(learning=record(row), relevance=row["relevance"]) for row in found.values()]


def find(connection: sqlite3.Connection, text: str) -> Learning:
    """By id or its beginning. Raises UsageError when there is none or more than one."""
    rows = connection.execute(
        "SELECT * FROM learnings WHERE learning_id >= :text AND learning_id < :text || char(1114111)"
        " ORDER BY learning_id = :text DESC LIMIT 3",
        {"text": text},
    ).fetchall()
    if not text or not rows:
        msg = f"no learning {text!r} in this workspace: see `marketeer learnings`"
        raise UsageError(msg)
    if len(rows) > 1 and rows[0]["learning_id"] != text:
        msg = f"{text!r} fits more than one learning: {', '.join(row['learning_id'] for row in rows)}"
        raise UsageError(msg)
    return record(rows[0])


def newest(
    connection: sqlite3.Connection,
    *,
    rehearsal: bool,
    agent: str | None,
    category: str | None,
    retired: bool | None,
    limit: int,
) -> list[Learning]:
    wanted = {"agent": agent, "category": category}
    clauses = [f" AND {name} = :{name}" for name, value in wanted.items() if value is not None]
    if retired is not None:
        clauses.append(f" AND status {'=' if retired else '!='} 'retired'")
    rows = connection.execute(
        f"SELECT * FROM learnings WHERE rehearsal = :rehearsal{''.join(clauses)}"
        " ORDER BY created_at DESC, number DESC LIMIT :limit",
        {**wanted, "rehearsal": int(rehearsal), "limit": limit},
    )
    return [record(row) for row in rows]


# -- rows ----------------------------------------------------------------------------------------------------


def record(row: sqlite3.Row) -> Learning:
    return _CODEC.record(row, evidence=_unpacked(row["evidence"]))


def _packed(evidence: Evidence) -> str:
    parts = [
        [one.share, *chain.from_iterable((s.count, s.total, s.squares) for s in (one.used, one.withheld))]
        for one in evidence
    ]
    return json.dumps(parts, separators=(",", ":")) if parts else "[]"


def _unpacked(text: str) -> Evidence:
    if text == "[]":
        return ()
    return tuple(
        Stratum(
            share=share,
            used=Scores(count=used[0], total=used[1], squares=used[2]),
            withheld=Scores(count=withheld[0], total=withheld[1], squares=withheld[2]),
        )
        for share, used, withheld in ((part[0], part[1:4], part[4:7]) for part in json.loads(text))
    )


def _sense_text(sense: Sense) -> str:
    return f"{' '.join(sorted(sense.lesson))}|{' '.join(sorted(sense.action))}"


# Whom a learning is told, as words that no text contains by chance: r0aseoaudit is the skill's own, r0ccontent is for
# whoever works on such a goal, r0call for every skill, r0dcontent and r0dall are for the Director. r1 is a rehearsal's.


def _told(learning: Learning) -> str:
    tree, category = f"r{int(learning.rehearsal)}", learning.category or "all"
    if learning.agent == DIRECTOR:
        return f"{tree}d{category}"
    if learning.agent == TEAM:
        return f"{tree}c{category}"
    own = f"{tree}a{_plain(learning.agent)}"
    return f"{own} {tree}c{learning.category}" if learning.category else own


def _asked(agent: str, category: str | None, rehearsal: bool) -> str:
    tree, categories = f"r{int(rehearsal)}", ["all", *([category] if category else [])]
    if agent == DIRECTOR:
        return _any(f"{tree}d{one}" for one in categories)
    return _any([f"{tree}a{_plain(agent)}", *(f"{tree}c{one}" for one in categories)])


def _plain(agent: str) -> str:
    return "".join(character for character in agent if character.isalnum())


def _any(words: Iterable[str]) -> str:
    """FTS5's own syntax: within quotes nothing has a meaning but a quote."""
    return " OR ".join(f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words)
