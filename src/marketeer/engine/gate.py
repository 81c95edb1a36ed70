"""The gate: what this process may take up now, from the kill switch, the model API, the disk, the store and the budget.

It looks at the store's conditions whenever anybody commits (a quarter of a second at most), at the rest every few
seconds, and tells the store what this process finds out about the API, so that every process knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Disk, Facts, Level, agents_at, degradation, may_claim, what_it_does
from marketeer.domain.errors import StoreUnavailable
from marketeer.domain.goal import Priority
from marketeer.engine.api_state import WEAK_WINDOW_S, ApiState
from marketeer.engine.racing import race
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, Store

LOOK_EVERY_S = 1.0
# What changes slowly and costs a system call or a query.
SLOW_LOOK_EVERY_S = 5.0
SLOW_LOOK_LIMIT_S = 5.0
QUESTION_LIMIT_S = 10.0
BUNDLE_S = 0.05

log = get_logger(__name__)


class Gate:
    """Open until it has looked. `ask_api` puts a free question to the model API (None: there is nobody to ask).

    `shared`: others work here too, and what they have found out is not ours to end.

    `on_turn` hears when more or less may be taken up; `on_api_back` when an outage is over.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        doorbell: Doorbell,
        api: ApiState,
        ask_api: Callable[[], Awaitable[bool]] | None,
        disk: Callable[[], Awaitable[Disk | None]],
        budget_level: Callable[[], Awaitable[BudgetLevel]],
        shared: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._doorbell = doorbell
        self._api = api
        self._ask_api = ask_api
        self._disk = disk
        self._budget_level = budget_level
        self._facts = Facts()
        # The level that the facts leave but for money, worked out once for many askings.
        self._level = degradation(self._facts.but_for_money())
        self._paused: Condition | None = None
        self._stored: dict[ConditionName, Condition] = {}
        self._looked_slowly_at: float | None = None
        self._turned = asyncio.Event()
        self.on_turn: Callable[[], None] | None = None
        self.on_api_back: Callable[[], Awaitable[None]] | None = None
        self._api_turned = asyncio.Event()
        api.on_turn = self._hear_api
        self._queue_trouble: str | None = None
        # A condition that a dead process has left is none: our queue was just opened.
        self._queue_told = False
        self._shared = shared
        self._found_weak = False

    # -- what it says ----------------------------------------------------------------------------------------

    @property
    def level(self) -> Level:
        return degradation(self._facts)

    @property
    def is_open(self) -> bool:
        """Everything may be taken up."""
        return self._paused is None and self._level is Level.FULL

    @property
    def lets_finish(self) -> bool:
        """Whether a worker goes on from a task to its review at once."""
        return self._paused is None and self._level is not Level.OFFLINE

    def allows(self, priority: Priority, *, rehearsal: bool) -> bool:
        """Whether a step of such a goal may be taken up now."""
        level = degradation(self._facts.for_rehearsals()) if rehearsal else self._level
        return self._paused is None and may_claim(level, priority)

    def agents(self, maximum: int) -> int:
        """How many may be at work."""
        return 1 if self._api.on_trial else agents_at(self.level, maximum)

    @property
    def calls_at_once(self) -> int | None:
        """How many real calls may run at once in all processes together; None: no fewer than otherwise. `agents` can
        only speak for this one."""
        return 1 if self._shared and self.agents(2) == 1 else None

    @property
    def waits_for_somebody(self) -> bool:
        """What is held now goes on only when a human does something. An outage ends by itself, and see `no_room`."""
        passing = replace(self._facts, api_down=False, api_weak=False, store_down=False, queue_down=False)
        lasting = passing.but_for_money()
        return self._paused is not None or degradation(lasting) is Level.LIMITED

    @property
    def no_room(self) -> StoreUnavailable | None:
        """The disk is full: waited out like a store that is out of reach, and no longer than that."""
        disk = self._facts.disk
        if disk is None or not disk.is_full:
            return None
        msg = f"the disk of the workspace is full ({disk.in_words}), so nothing is begun: free some space"
        return StoreUnavailable(msg)

    # -- what it sees ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            seen = self._doorbell.rings
            await self.look()
            # What others change rings, and what the API does turns it.
            await race(self._doorbell.wait(seen, SLOW_LOOK_EVERY_S), self._turned.wait())
            self._turned.clear()
            await self._clock.sleep(BUNDLE_S)

    def _hear_api(self) -> None:
        self._turned.set()
        self._api_turned.set()

    async def look(self) -> None:
        """See how things stand, and tell what has changed."""
        before = (self._facts, self._paused)
        try:
            stored = {condition.name: condition for condition in await self._store.conditions()}
            back = await self._agree_on_api(stored)
            await self._tell_of_queue(stored)
            self._paused = stored.get(ConditionName.PAUSED)
            facts = replace(await self._look_slowly(), store_down=False)
        except StoreUnavailable as exc:
            log.warning("store_out_of_reach", error=str(exc))
            facts, back = replace(self._facts, store_down=True), False
        self._facts = replace(
            facts,
            api_down=self._api.is_down,
            api_weak=self._api.is_weak,
            queue_down=self._queue_trouble is not None,
        )
        self._level = degradation(self._facts.but_for_money())
        if back and self.on_api_back is not None:
            await self.on_api_back()
        if (self._facts, self._paused) != before:
            self._tell(before[0])

    def _tell(self, before: Facts) -> None:
        level = self.level
        if level is not degradation(before):
            says = log.warning if level.rank > degradation(before).rank else log.info
            says("degradation_level_changed", degradation=level.value, effect=what_it_does(level))
        self._doorbell.ring()
        if self.on_turn is not None:
            self.on_turn()

    async def _look_slowly(self) -> Facts:
        now = self._clock.monotonic()
        if self._looked_slowly_at is not None and now - self._looked_slowly_at < SLOW_LOOK_EVERY_S:
            return self._facts
        try:
            async with asyncio.timeout(SLOW_LOOK_LIMIT_S):
                facts = replace(
                    self._facts,
                    disk=await self._disk(),
                    budget=await self._budget_level(),
                    blocked_pipelines=tuple(await self._store.blocked_pipelines()),
                )
        except TimeoutError:
            log.warning("health_look_took_too_long", limit_s=SLOW_LOOK_LIMIT_S)
            return self._facts
        self._looked_slowly_at = now
        return facts

    # -- the queue -------------------------------------------------------------------------------------------

    def queue_turned(self, trouble: str | None) -> None:
        """Why the queue is out of reach; None when it is back, or has lost what was put."""
        self._queue_told = self._queue_told and trouble == self._queue_trouble
        self._queue_trouble = trouble
        self._turned.set()
        # Whoever sweeps offers everything anew.
        self._doorbell.ring()

    async def _tell_of_queue(self, stored: dict[ConditionName, Condition]) -> None:
        """Once for each turn, so that processes which see it at different moments do not contradict each other."""
        if self._queue_told:
            return
        trouble = self._queue_trouble
        await self._bring_about(ConditionName.QUEUE_DOWN, stored, holds=trouble is not None, why=trouble)
        self._queue_told = trouble == self._queue_trouble

    # -- the model API ---------------------------------------------------------------------------------------

    async def ask_api(self) -> None:
        """Until cancelled: while it is down, ask it now and then, at no cost."""
        while self._ask_api is not None:
            self._api_turned.clear()
            if not self._api.is_down:
                await self._api_turned.wait()
                continue
            if self._api.next_question_s:
                await self._clock.sleep(min(LOOK_EVERY_S, self._api.next_question_s))
                continue
            answered = await self._answers(self._ask_api)
            log.info("api_asked", answered=answered)
            self._api.was_asked(answered=answered)

    async def _answers(self, ask: Callable[[], Awaitable[bool]]) -> bool:
        try:
            async with asyncio.timeout(QUESTION_LIMIT_S):
                return await ask()
        except TimeoutError:
            return False

    async def _agree_on_api(self, stored: dict[ConditionName, Condition]) -> bool:
        """What we found out goes into the store; what others have, we take over. True when an outage is over."""
        if self._ask_api is None:
            return False
        known, now_down = ConditionName.API_DOWN in self._stored, ConditionName.API_DOWN in stored
        if now_down and not known:
            self._api.heard_down(stored[ConditionName.API_DOWN].why)
        elif known and not now_down:
            self._api.heard_up(on_trial=ConditionName.API_ON_TRIAL in stored)
        self._hear_of_trial(stored)
        if self._api.on_trial:
            # Before the outage ends: somebody who saw neither would send all at once.
            await self._tell_of_trial(stored)
        await self._bring_about(ConditionName.API_DOWN, stored, holds=self._api.is_down, why=self._api.why)
        await self._tell_of_trial(stored)
        answered, calls = self._api.ends
        why = f"answered {answered} of the last {calls} calls"
        if self._api.is_weak or self._may_end_weakness(stored):
            await self._bring_about(ConditionName.API_WEAK, stored, holds=self._api.is_weak, why=why)
            self._found_weak = self._api.is_weak
        self._stored = stored
        return known and ConditionName.API_DOWN not in stored

    def _hear_of_trial(self, stored: dict[ConditionName, Condition]) -> None:
        before, now = (ConditionName.API_ON_TRIAL in known for known in (self._stored, stored))
        if before is not now:
            self._api.heard_of_trial(over=before)

    async def _tell_of_trial(self, stored: dict[ConditionName, Condition]) -> None:
        """Who works alone need not be told."""
        if self._shared:
            why = "it answers questions; one call goes ahead of all"
            await self._bring_about(ConditionName.API_ON_TRIAL, stored, holds=self._api.on_trial, why=why)

    def _may_end_weakness(self, stored: dict[ConditionName, Condition]) -> bool:
        """Whoever found it, whoever knows better, and anybody when it is long ago: its finder may have died."""
        weak = stored.get(ConditionName.API_WEAK)
        if weak is None or not self._shared or self._found_weak or self._api.is_known_steady:
            return True
        return (self._clock.now() - weak.since).total_seconds() > WEAK_WINDOW_S

    async def _bring_about(
        self, name: ConditionName, stored: dict[ConditionName, Condition], *, holds: bool, why: str | None
    ) -> None:
        if holds and name not in stored:
            condition = Condition(name=name, since=self._clock.now(), who="marketeer", why=why)
            await self._store.begin_condition(condition)
            stored[name] = condition
            log.warning("condition_began", condition=name.value, why=why)
        elif not holds and name in stored:
            await self._store.end_condition(name, who="marketeer", now=self._clock.now())
            del stored[name]
            log.warning("condition_ended", condition=name.value)
