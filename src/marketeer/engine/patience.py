"""Patience: a full disk or a locked database is waited out, but not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from marketeer.domain.errors import StoreUnavailable
from marketeer.logs import get_logger
from marketeer.ports import Clock

T = TypeVar("T")
PATIENCE_S = 60.0
RETRY_EVERY_S = 1.0

log = get_logger(__name__)


class Patience:
    """How long the store has been out of reach. It is told of every failure and of every success. `limit_s` None: for
    ever."""

    def __init__(self, clock: Clock, limit_s: float | None = PATIENCE_S) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._since: float | None = None
        self._trouble: StoreUnavailable | None = None

    def met(self, trouble: StoreUnavailable) -> None:
        if self._since is None:
            # Said once: the same line each second would only hide the others.
            log.warning("waiting_for_the_store", error=str(trouble), patience_s=self._limit_s)
            self._since = self._clock.monotonic()
        self._trouble = trouble

    def over(self) -> None:
        if self._since is not None:
            log.info("store_is_back", after_s=round(self._clock.monotonic() - self._since, 3))
        self._since = self._trouble = None

    @property
    def lost(self) -> StoreUnavailable | None:
        """The trouble, once it has lasted too long."""
        if self._since is None or self._limit_s is None:
            return None
        return self._trouble if self._clock.monotonic() - self._since >= self._limit_s else None


async def keep_trying(clock: Clock, attempt: Callable[[], Awaitable[T]], limit_s: float | None = PATIENCE_S) -> T:
    """The attempt's result, made again and again while the store is out of reach.

    For what is paid for and held in memory only. Raises the last StoreUnavailable when patience ends (None: never).
    """
    patience = Patience(clock, limit_s)
    while True:
        try:
            return await attempt()
        except StoreUnavailable as exc:
            patience.met(exc)
            if patience.lost is not None:
                raise
        await clock.sleep(RETRY_EVERY_S)
