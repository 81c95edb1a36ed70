"""Notices: what people are told, kept until it is, and the way out to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from marketeer.domain.errors import TransientError

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.goal import Goal
    from marketeer.domain.journal import JournalEntry
    from marketeer.domain.notice import Delivery, Message, Notice


class NotSent(TransientError):
    """The channel did not take the message, this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Entries of the journal behind the place up to which notices have been made, with the goals they are of.

    `after` is that place and `upto` the last entry looked at, whether it is among them or not.
    """

    after: int
    upto: int
    entries: Sequence[tuple[JournalEntry, Goal | None]]


class NoticeStore(Protocol):
    """The outbox of notices."""

    async def untold(self, what: frozenset[str], *, limit: int) -> Untold:
        """Entries of these kinds among the next `limit` of the journal."""
        ...

    async def make_notices(self, untold: Untold, notices: Sequence[Notice], *, channels: Sequence[str]) -> bool:
        """Keep the notices, each to be sent through every channel, and go on behind `upto`: one transaction. False when
        somebody else has made them first."""
        ...

    async def owed_notices(self, channel: str) -> Sequence[tuple[Notice, Delivery]]:
        """Neither sent through the channel nor given up, oldest first."""
        ...

    async def note_deliveries(self, deliveries: Sequence[Delivery]) -> None: ...

    async def answered(self, approval_ids: Sequence[str]) -> frozenset[str]:
        """Those of these approvals that wait for nobody any more."""
        ...

    async def last_sent(self) -> Mapping[str, datetime]:
        """When the last message went out through each channel."""
        ...

    async def notices(self, *, limit: int) -> Sequence[tuple[Notice, Sequence[Delivery]]]:
        """Newest first."""
        ...


class Notifier(Protocol):
    """The way out: to Slack, e-mail and the like."""

    @property
    def channels(self) -> Sequence[str]:
        """Names that say of what kind each is, and nothing secret. The same address has the same name."""
        ...

    async def send(self, channel: str, message: Message) -> None:
        """Raises NotSent when it is not known to have arrived. It never retries, and returns within a minute."""
        ...
