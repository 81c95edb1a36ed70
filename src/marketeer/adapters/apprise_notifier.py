"""Notices by apprise: Slack, e-mail and a hundred more. It blocks, so each message has a thread and a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.notice import Message
from marketeer.ports import NotSent

TIMEOUT_S = 30.0
_LOGGER = "apprise"


class AppriseNotifier:
    """See ports.Notifier. apprise is imported with the first message: it takes a quarter of a second."""

    def __init__(self, addresses: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> None:
        self._addresses = {channel_name(address): address for address in addresses}
        self._timeout_s = timeout_s

    @property
    def channels(self) -> Sequence[str]:
        return tuple(self._addresses)

    async def send(self, channel: str, message: Message) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                complaint = await _in_thread(self._addresses[channel], message)
        except TimeoutError as exc:
            msg = f"no answer within {self._timeout_s:g} s"
            raise NotSent(msg) from exc
        if complaint is not None:
            raise NotSent(complaint)

    def check(self) -> None:
        """Raises ConfigurationError for an address that apprise does not know, naming its place and kind alone."""
        apprise = _apprise()
        for number, (channel, address) in enumerate(self._addresses.items(), start=1):
            with _heard():
                known = apprise.Apprise.instantiate(address, suppress_exceptions=True) is not None
            if not known:
                msg = (
                    f"NOTIFY_URLS: address {number} ({channel.partition(':')[0]}://...) is none that apprise "
                    "understands; see https://github.com/caronc/apprise/wiki for how yours is written"
                )
                raise ConfigurationError(msg)


def channel_name(address: str) -> str:
    """Its kind and a few letters to tell it from others: everything behind `://` may be secret."""
    kind = address.partition("://")[0].lower()
    return f"{kind}:{hashlib.sha256(address.encode()).hexdigest()[:6]}"


async def _in_thread(address: str, message: Message) -> str | None:
    """On a thread that nobody waits for at the end: a server that never answers must not keep the process alive."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str | None] = loop.create_future()

    def tell(complaint: str | None) -> None:
        if not done.done():
            done.set_result(complaint)

    def work() -> None:
        complaint = _send(address, message)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(partial(tell, complaint))

    threading.Thread(target=work, name="marketeer-notify", daemon=True).start()
    return await done


def _send(address: str, message: Message) -> str | None:
    """None, or why it is not known to have arrived."""
    try:
        apprise = _apprise()
        with _heard() as heard:
            # By itself it would send on a thread of its own, and be heard by nobody.
            way = apprise.Apprise.instantiate(address, suppress_exceptions=True)
            if way is None:
                return "apprise does not understand this address"
            sent = way.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
    except Exception as exc:  # noqa: BLE001 - a plugin may raise anything: it becomes a message that was not sent
        return f"{type(exc).__name__}: {exc}"
    return None if sent else "; ".join(heard) or "apprise could not send it"


def _apprise() -> Any:
    import apprise

    return apprise


class _Ear(logging.Handler):
    """Hears what apprise says on this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """What apprise complains of within the block, instead of on stderr."""
    logger, ear = logging.getLogger(_LOGGER), _Ear()
    logger.propagate = False
    logger.addHandler(ear)
    try:
        yield ear.lines
    finally:
        logger.removeHandler(ear)
