"""What holds for the whole workspace, in words: for `status`, and as it begins and ends for whoever follows a goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from marketeer.cli import text
from marketeer.cli.common import Call
from marketeer.domain.condition import Condition, ConditionName
from marketeer.ports import Store

# Told to those who only look on: why nothing moves, and that it will again.
_OVER = {
    ConditionName.PAUSED: "No longer everything is paused.",
    ConditionName.API_DOWN: "The model API answers again.",
    ConditionName.QUEUE_DOWN: "The queue is back.",
}


def condition_line(call: Call, condition: Condition) -> str:
    since, why = f"{condition.since:%Y-%m-%d %H:%M} UTC", condition.why
    match condition.name:
        case ConditionName.PAUSED:
            said = f": {text.one_line(why)}" if why else ""
            go_on = call.command("unpause --all")
            return f"EVERYTHING IS PAUSED since {since} by {condition.who}{said}. To go on: {go_on}"
        case ConditionName.API_DOWN:
            return f"The model API does not answer since {since}; work waits for it ({text.one_line(why or '')})."
        case ConditionName.API_ON_TRIAL:
            return f"The model API answers again since {since}: one call goes ahead, and the rest follows its answer."
        case ConditionName.API_WEAK:
            return f"The model API answers rarely since {since} ({why}); only P0 and P1 goals go on."
        case ConditionName.QUEUE_DOWN:
            return f"The queue is out of reach since {since}; what is in hand goes on ({text.one_line(why or '')})."
        case ConditionName.PART_DOWN:
            return f"A part of the daemon fails since {since} and is begun anew ({text.one_line(why or '')})."


class Weather:
    """Says what holds, once when it begins and once when it is over."""

    def __init__(self, call: Call, store: Store, say: Callable[[str], None]) -> None:
        self._call = call
        self._store = store
        self._say = say
        self._told: Mapping[ConditionName, Condition] = {}

    async def look(self) -> None:
        now = {each.name: each for each in await self._store.conditions() if each.name in _OVER}
        for name in self._told.keys() - now.keys():
            self._say(_OVER[name])
        for name, condition in now.items():
            if name not in self._told:
                self._say(condition_line(self._call, condition))
        self._told = now
