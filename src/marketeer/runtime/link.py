"""The connection to the Redis that is configured. Whatever costs start-up time is imported only where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from marketeer.domain.errors import ConfigurationError
from marketeer.ports import Clock

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.adapters.bullmq_queue import RedisLink
    from marketeer.settings import Settings


@asynccontextmanager
async def open_link(settings: Settings, clock: Clock) -> AsyncIterator[RedisLink | None]:
    """The connection to the Redis that is configured, None where none is. Raises ConfigurationError within three
    seconds when it cannot be used."""
    address = settings.redis_address()
    if address is None:
        yield None
        return
    try:
        from marketeer.adapters.bullmq_queue import RedisLink
    except ImportError as exc:
        msg = (
            "REDIS_HOST or REDIS_URL is set, but what talks to Redis is not installed: pip install 'marketeer[redis]', "
            "or unset them for the embedded queue"
        )
        raise ConfigurationError(msg) from exc
    link = RedisLink(address, clock)
    await link.open()
    try:
        yield link
    finally:
        await link.close()
