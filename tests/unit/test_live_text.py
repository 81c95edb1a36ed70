"""How many characters have come of answers that are streaming in: told to whoever shows it, and not kept for ever."""

from __future__ import annotations

from marketeer.runtime.office import MOST_STREAMS, LiveText


def test_tasks_that_began_long_ago_are_forgotten_before_the_new_ones() -> None:
    live = LiveText()
    for number in range(MOST_STREAMS + 500):
        live.note(f"task-{number}", 0)
        live.note(f"task-{number}", number)
    assert len(live.characters) == MOST_STREAMS
    assert "task-499" not in live.characters
    assert (live.characters["task-500"], live.characters[f"task-{MOST_STREAMS + 499}"]) == (500, MOST_STREAMS + 499)
