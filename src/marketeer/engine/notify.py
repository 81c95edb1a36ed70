"""Telling people: notices are made of what the journal gains, and sent until each channel has taken them.

A place in the journal moves with the notices made behind it, so each entry is told once whatever dies in between. A
message that went out just before its receipt was written goes out again: twice is better than never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from marketeer.domain.notice import (
    GIVE_UP_AFTER,
    TOLD_OF,
    Delivery,
    Notice,
    QuietHours,
    message_of,
    notice_of,
    pause_after,
    sends_at,
)
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, Notifier, NotSent, Store

LOOK_EVERY_S = 60.0
# A burst of commits is looked at once.
BUNDLE_S = 1.0
BATCH = 500

Owed = Sequence[tuple[Notice, Delivery]]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyOptions:
    """`zone` is that of the quiet hours; `masked` takes secrets out of what a channel complains."""

    quiet: QuietHours | None
    zone: tzinfo
    masked: Callable[[str], str]


class Notify:
    def __init__(
        self, *, store: Store, clock: Clock, doorbell: Doorbell, notifier: Notifier, options: NotifyOptions
    ) -> None:
        self._store = store
        self._clock = clock
        self._doorbell = doorbell
        self._notifier = notifier
        self._options = options

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            seen = self._doorbell.rings
            await self.make()
            due_at = await self.send()
            now = self._clock.now()
            wait_s = LOOK_EVERY_S if due_at is None else min(LOOK_EVERY_S, (due_at - now).total_seconds())
            await self._doorbell.wait(seen, max(0.0, wait_s))
            await self._clock.sleep(BUNDLE_S)

    async def make(self) -> None:
        """Notices of all that has been written since the last time."""
        while True:
            untold = await self._store.untold(TOLD_OF, limit=BATCH)
            if untold.upto == untold.after:
                return
            made = [notice for entry, goal in untold.entries if (notice := notice_of(entry, goal)) is not None]
            kept = await self._store.make_notices(untold, made, channels=self._notifier.channels)
            if kept and made:
                log.info("notices_made", notices=len(made))

    async def send(self) -> datetime | None:
        """What is due, one message for each channel. Returns when there will be something again, None: not known."""
        last_sent = await self._store.last_sent()
        async with asyncio.TaskGroup() as group:
            channels = [
                group.create_task(self._send(channel, last_sent.get(channel)), name=f"notify {channel}")
                for channel in self._notifier.channels
            ]
        return min((due_at for channel in channels if (due_at := channel.result()) is not None), default=None)

    async def _send(self, channel: str, last_sent_at: datetime | None) -> datetime | None:
        owed = await self._but_for_answered(await self._store.owed_notices(channel))
        now = self._clock.now()
        hold = self._options.quiet is not None and self._options.quiet.hold_at(now, self._options.zone)
        may_go = [pair for pair in owed if pair[0].urgent or not hold]
        due_at = min((sends_at(notice, delivery, last_sent_at) for notice, delivery in may_go), default=None)
        if due_at is None or due_at > now:
            return due_at
        # Whatever may go at all goes with what is due, but for what pauses after a failure of its own.
        together = [pair for pair in may_go if pair[1].next_at <= now]
        return await self._send_together(channel, together, now)

    async def _but_for_answered(self, owed: Owed) -> Owed:
        asked = {notice.approval_id for notice, _ in owed if notice.approval_id is not None}
        answered = await self._store.answered(sorted(asked)) if asked else frozenset()
        if not answered:
            return owed
        now = self._clock.now()
        over = [
            replace(delivery, given_up_at=now, error="answered before it was sent")
            for notice, delivery in owed
            if notice.approval_id in answered
        ]
        await self._store.note_deliveries(over)
        return [pair for pair in owed if pair[0].approval_id not in answered]

    async def _send_together(self, channel: str, owed: Owed, now: datetime) -> datetime | None:
        try:
            await self._notifier.send(channel, message_of([notice for notice, _ in owed]))
        except NotSent as exc:
            said = self._options.masked(str(exc))
            after = [_failed(notice, delivery, said, now) for notice, delivery in owed]
            log.warning("notices_not_sent", channel=channel, notices=len(owed), error=said)
            await self._store.note_deliveries(after)
            return min((delivery.next_at for delivery in after if delivery.given_up_at is None), default=None)
        sent_at = self._clock.now()
        sent = [replace(delivery, attempts=delivery.attempts + 1, sent_at=sent_at, error=None) for _, delivery in owed]
        await self._store.note_deliveries(sent)
        log.info("notices_sent", channel=channel, notices=len(sent))
        return None


def _failed(notice: Notice, delivery: Delivery, error: str, now: datetime) -> Delivery:
    attempts = delivery.attempts + 1
    given_up_at = now if now - notice.made_at > GIVE_UP_AFTER else None
    next_at = now + pause_after(attempts)
    return replace(delivery, attempts=attempts, error=error, next_at=next_at, given_up_at=given_up_at)
