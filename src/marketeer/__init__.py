"""Marketeer: an always-on AI marketing team. The library's door is `await marketeer.run_goal("...")`.

Nothing is imported until it is asked for, because every command pays for what this file imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # for type checkers only: at run time `__getattr__` below loads what is asked for
    from marketeer.door import GoalResult as GoalResult
    from marketeer.door import run_goal as run_goal

__version__ = "0.1.0"
__all__ = ("GoalResult", "__version__", "run_goal")

_IN_THE_DOOR = frozenset({"GoalResult", "run_goal"})


def __getattr__(name: str) -> object:
    if name not in _IN_THE_DOOR:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from marketeer import door

    return getattr(door, name)
