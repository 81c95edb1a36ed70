"""Telling people: once each, through every channel, in their own time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.approval import Decision
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.notice import APART, GATHER, Delivery, Message, QuietHours
from marketeer.engine.notify import Notify, NotifyOptions
from marketeer.ports import NotSent, Untold
from marketeer.testing.clock import FakeClock
from marketeer.testing.office import in_memory_office
from tests.integration import desk
from tests.support.waiting import wait_until

EVENING = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
QUIET = QuietHours(begin=time(22), end=time(7))


@dataclass(slots=True)
class Post:
    """Takes messages, or refuses them as long as told."""

    channels: Sequence[str] = ("chat:1",)
    refuses: set[str] = field(default_factory=set)
    sent: list[tuple[str, Message]] = field(default_factory=list)
    attempts: int = 0

    async def send(self, channel: str, message: Message) -> None:
        self.attempts += 1
        if channel in self.refuses:
            msg = "server says hunter2 is wrong"
            raise NotSent(msg)
        self.sent.append((channel, message))


@dataclass(frozen=True, slots=True)
class Scene:
    store: SqliteStore
    clock: FakeClock
    notify: Notify
    post: Post

    async def happens(self, why: str, *, urgent: bool = False) -> None:
        """Something is written that people are told of."""
        name = ConditionName.PART_DOWN if urgent else ConditionName.API_DOWN
        now = self.clock.now()
        await self.store.begin_condition(Condition(name=name, since=now, who="test", why=why))
        if urgent:
            await self.store.end_condition(name, who="test", now=now)
            return
        # Its end is told of, too: one notice each is enough here.
        await self._quietly_end(name)

    async def _quietly_end(self, name: ConditionName) -> None:
        await self.notify.make()
        await self.store.end_condition(name, who="test", now=self.clock.now())
        untold = await self.store.untold(frozenset(), limit=100)
        await self.store.make_notices(Untold(after=untold.after, upto=untold.upto, entries=()), [], channels=())

    async def passes(self, span: timedelta) -> None:
        self.clock.advance(span.total_seconds())
        await self.notify.make()
        await self.notify.send()

    async def deliveries(self) -> list[Delivery]:
        return [each for _, deliveries in await self.store.notices(limit=1000) for each in deliveries]


@asynccontextmanager
async def scene(post: Post, *, quiet: QuietHours | None = None, start: datetime = EVENING) -> AsyncIterator[Scene]:
    clock = FakeClock(start)
    async with in_memory_office(clock=clock) as office:
        notify = Notify(
            store=office.store,
            clock=clock,
            doorbell=office.doorbell,
            notifier=post,
            options=NotifyOptions(quiet=quiet, zone=UTC, masked=lambda text: text.replace("hunter2", "***")),
        )
        yield Scene(office.store, clock, notify, post)


async def test_a_hundred_failures_make_few_messages_and_each_is_told_once() -> None:
    async with scene(Post()) as at:
        for number in range(100):
            await at.happens(f"failure {number}")
        await at.passes(GATHER)
        assert len(at.post.sent) == 1
        for _ in range(5):
            await at.passes(timedelta(seconds=60))
        assert len(at.post.sent) == 1
        assert all(each.sent_at for each in await at.deliveries())
        assert len(await at.deliveries()) == 100


async def test_what_comes_after_a_message_waits_for_the_next_but_an_urgent_one_does_not() -> None:
    async with scene(Post()) as at:
        await at.happens("first")
        await at.passes(GATHER)
        await at.happens("second")
        await at.passes(timedelta(minutes=2))
        assert len(at.post.sent) == 1
        await at.happens("third", urgent=True)
        await at.passes(timedelta(seconds=10))
        assert len(at.post.sent) == 2
        assert "second" in at.post.sent[1][1].body, "what waits goes along"
        await at.passes(APART)
        assert len(at.post.sent) == 2


async def test_quiet_hours_hold_all_but_the_urgent_until_they_end() -> None:
    async with scene(Post(), quiet=QUIET, start=EVENING.replace(hour=23)) as at:
        await at.happens("slow")
        await at.passes(timedelta(hours=1))
        assert at.post.sent == []
        await at.happens("fire", urgent=True)
        await at.passes(timedelta(minutes=1))
        assert [message.body for _, message in at.post.sent] == [
            "- URGENT: a part of the daemon fails and is begun anew: fire"
        ]
        await at.passes(timedelta(hours=7))
        assert len(at.post.sent) == 2
        assert "slow" in at.post.sent[1][1].body


async def test_a_channel_that_refuses_is_tried_again_with_pauses_while_the_other_has_its_receipt() -> None:
    post = Post(channels=("chat:1", "mail:2"), refuses={"mail:2"})
    async with scene(post) as at:
        await at.happens("something")
        await at.passes(GATHER)
        by_channel = {each.channel: each for each in await at.deliveries()}
        assert by_channel["chat:1"].sent_at is not None
        assert (by_channel["mail:2"].attempts, by_channel["mail:2"].error) == (1, "server says *** is wrong")
        await at.passes(timedelta(seconds=1))
        assert post.attempts == 2, "not before its pause is over"
        post.refuses.clear()
        await at.passes(timedelta(minutes=1))
        assert [channel for channel, _ in post.sent] == ["chat:1", "mail:2"]


async def test_a_channel_that_never_takes_it_is_given_up_after_days() -> None:
    post = Post(refuses={"chat:1"})
    async with scene(post) as at:
        await at.happens("something")
        for _ in range(80):
            await at.passes(timedelta(hours=1))
        (delivery,) = await at.deliveries()
        assert delivery.given_up_at is not None
        attempts = post.attempts
        await at.passes(timedelta(hours=5))
        assert post.attempts == attempts


async def test_without_a_channel_it_is_kept_and_a_channel_set_later_is_not_flooded() -> None:
    post = Post(channels=())
    async with scene(post) as at:
        await at.happens("early")
        await at.passes(GATHER)
        assert len(await at.store.notices(limit=10)) == 1
        post.channels = ("chat:1",)
        await at.happens("late")
        await at.passes(APART)
        ((_, message),) = post.sent
        assert "late" in message.body
        assert "early" not in message.body


async def test_two_that_make_notices_at_once_make_each_one_once() -> None:
    async with scene(Post()) as at:
        await at.store.begin_condition(
            Condition(name=ConditionName.API_DOWN, since=at.clock.now(), who="test", why="one")
        )
        await asyncio.gather(at.notify.make(), at.notify.make(), at.notify.make())
        assert len(await at.store.notices(limit=10)) == 1


async def test_it_runs_by_itself_and_rests_when_there_is_nothing_to_tell() -> None:
    clock = FakeClock(EVENING, auto=True)
    post = Post()
    async with in_memory_office(clock=clock) as office:
        options = NotifyOptions(quiet=None, zone=UTC, masked=str)
        notify = Notify(store=office.store, clock=clock, doorbell=office.doorbell, notifier=post, options=options)
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(notify.run())
            now = clock.now()
            await office.store.begin_condition(Condition(name=ConditionName.API_DOWN, since=now, who="test"))
            office.doorbell.ring()
            await wait_until(lambda: len(post.sent) == 1)
            assert clock.now() - now < timedelta(minutes=2)
            loop.cancel()


async def test_a_question_that_was_answered_before_it_was_sent_is_not_told(tmp_path: Path) -> None:
    post = Post()
    async with desk.an_office(tmp_path, desk.Clerk()) as office:
        options = NotifyOptions(quiet=None, zone=UTC, masked=str)
        clock = FakeClock(office.clock.now())
        notify = Notify(store=office.store, clock=clock, doorbell=office.doorbell, notifier=post, options=options)
        goal = await desk.finish(office, desk.GATED)
        (asked,) = await office.store.approvals(goal_id=goal.goal_id)
        await notify.make()
        await office.decide(asked.approval_id, Decision.REJECT, note=None, by="me")
        clock.advance(GATHER.total_seconds() + 60)
        await notify.send()
        ((notice, (delivery,)),) = [
            pair for pair in await office.store.notices(limit=9) if pair[0].approval_id == asked.approval_id
        ]
    assert post.sent == []
    assert "marketeer approve" in notice.text
    assert delivery.error == "answered before it was sent"
