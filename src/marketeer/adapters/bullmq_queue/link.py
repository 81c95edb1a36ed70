"""The connection to Redis: refused in plain words at the start, watched afterwards, never waited for without a limit.

redis-py's own settings hide an outage for minutes, and its read timeout equals the time that an idle worker waits for
work. So there are two clients with limits of their own: a brisk one for everything that answers at once, and a patient
one for the waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from marketeer.domain.errors import ConfigurationError
from marketeer.ports import Clock

# All of the first look, name resolution included.
OPEN_WITHIN_S = 2.0
BRISK_S = 1.5
PATIENT_S = 15.0
LOOK_EVERY_S = 2.0
LOOK_WHILE_DOWN_S = 0.25
# A wait on the patient client, well within its limit.
LONGEST_WAIT_S = 5

# What a lost, hung or refusing Redis comes to.
TROUBLE = (RedisError, OSError, TimeoutError)

# Some answer what they refuse with words of a general kind.
_UNKNOWN_USER = "must be called with the client already authenticated"
_UNKNOWN_DATABASE = "DB index is out of range"
_LOST = "connection lost"
_CAUSES = {
    "Connect call failed": "connection refused",
    "Multiple exceptions": "connection refused",
    "Error -": "no such host",
    "closed by server": _LOST,
    "Connection reset": _LOST,
    "Error while reading": _LOST,
    _UNKNOWN_USER: "it wants a password",
    "no permissions": "it lets this user do too little",
}
_REFUSALS: Mapping[type[BaseException], str] = {
    AuthenticationError: "it refuses the user or the password",
    AuthorizationError: "it refuses the user or the password",
    NoPermissionError: "it lets this user do too little",
    OutOfMemoryError: "its memory is full",
    ReadOnlyError: "it is a read-only replica",
    TimeoutError: "no answer in time",
    RedisTimeoutError: "no answer in time",
}

_NO_SENSE = "REDIS_URL for {address} says what no Redis client knows ({why}): mend what stands behind the `?`"
# A script, as all that puts and takes jobs are: a user who may not run one is of no use.
_LEAVE_MARK = "return redis.call('SET', KEYS[1], 'here', 'GET')"


class RedisLink:
    """Open with `await open()`, enter a workspace's space with `enter()`, watch with `run()`, end with `await close()`.

    `on_turn` is told why Redis is out of reach, and None when it is back or was found empty. An address that nobody
    can make sense of is a ConfigurationError.
    """

    def __init__(self, address: str, clock: Clock) -> None:
        self.prefix = self.name = ""
        self.where = _where(address)
        self.brisk = _client(address, BRISK_S)
        self.patient = _client(address, PATIENT_S)
        self.on_turn: Callable[[str | None], None] | None = None
        self._clock = clock
        self._up = asyncio.Event()
        self._up.set()
        self._told = False
        self._to_look = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    async def wait_until_up(self) -> None:
        await self._up.wait()

    async def open(self) -> None:
        """Raises ConfigurationError, within three seconds, that names host and port and says what to do."""
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                await self.brisk.ping()
        except TROUBLE as exc:
            await self.close()
            raise ConfigurationError(self._complaint(exc)) from exc
        except TypeError as exc:
            # What stands behind a `?` goes to redis-py as it is, and is looked at by the first connection.
            await self.close()
            raise ConfigurationError(_NO_SENSE.format(address=self.where, why=exc)) from exc

    async def enter(self, prefix: str, name: str) -> None:
        """Keys and channels begin with the prefix, which a Redis user can be limited to, and the name. Raises
        ConfigurationError when this user may not write there."""
        self.prefix, self.name = prefix, name
        try:
            await self._try_out()
        except TROUBLE as exc:
            raise ConfigurationError(self._complaint(exc)) from exc

    async def _try_out(self) -> None:
        """What a user may be kept from, so that nobody begins who could never work."""
        await self.brisk.set(self.key("mark"), "here")
        await self.brisk.script_exists("of-nothing")
        await self._leave_mark()
        await self.brisk.zrange(self.key("nothing"), 0, 0)
        await self.brisk.publish(self.bell, "")

    def key(self, what: str) -> str:
        return f"{self.prefix}:{self.name}:{what}"

    @property
    def bell(self) -> str:
        """The channel of the doorbell."""
        return self.key("bell")

    async def close(self) -> None:
        for client in (self.brisk, self.patient):
            try:
                await client.aclose()
            except TROUBLE:
                continue

    def failed(self, trouble: BaseException) -> None:
        """Whoever met an error says so: it is out of reach until it answers again. A connection may be lost though
        Redis is well, so of that nothing is told before the next look, which comes at once."""
        if self.is_up:
            self._up.clear()
            self._to_look.set()
            if _cause(trouble) != _LOST:
                self._tell_trouble(trouble)

    def _tell_trouble(self, trouble: BaseException) -> None:
        if not self._told:
            self._told = True
            self._tell(f"Redis at {self.where}: {_cause(trouble)}")

    async def run(self) -> None:
        """Look whether it answers, and whether it still knows us, until cancelled."""
        while not_cancelled():
            await self._until_next_look()
            try:
                if not self.is_up:
                    await self._drop_connections()
                await self._look()
            except TROUBLE as exc:
                was_up = self.is_up
                self.failed(exc)
                if not was_up:
                    self._tell_trouble(exc)

    async def _until_next_look(self) -> None:
        if self.is_up:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._to_look.wait()
        elif self._told:
            await self._clock.sleep(LOOK_WHILE_DOWN_S)
        self._to_look.clear()

    async def _drop_connections(self) -> None:
        """Each that was open when Redis went would fail once more when it is back, and look like another outage."""
        for client in (self.brisk, self.patient):
            await client.connection_pool.disconnect(inuse_connections=False)

    async def _look(self) -> None:
        known = await self._leave_mark()
        if not (known and self.is_up):
            # Back, or emptied: what was on the queue may be gone.
            self._told = False
            self._up.set()
            self._tell(None)

    async def _leave_mark(self) -> bool:
        """A key of ours: it is missing when Redis was emptied, and a Redis that does not take it is of no use. Returns
        whether it was there."""
        return await self.brisk.eval(_LEAVE_MARK, 1, self.key("mark")) is not None

    def _tell(self, trouble: str | None) -> None:
        if self.on_turn is not None:
            self.on_turn(trouble)

    def _complaint(self, exc: BaseException) -> str:
        embedded = "unset REDIS_HOST and REDIS_URL for the embedded queue"
        match exc:
            case AuthenticationError() | AuthorizationError():
                return f"Redis at {self.where} refuses the user or the password: mend REDIS_PASSWORD, or {embedded}"
            case _ if _UNKNOWN_USER in str(exc):
                return f"Redis at {self.where} wants a password: set REDIS_PASSWORD, or {embedded}"
            case _ if _UNKNOWN_DATABASE in str(exc):
                return f"Redis at {self.where} has no database of that number: mend REDIS_URL, or {embedded}"
            case NoPermissionError():
                return f"Redis at {self.where} lets this user do too little ({exc}): see docs/many-hands.md"
            case OutOfMemoryError():
                return f"Redis at {self.where} has its memory full: give it more (maxmemory), or {embedded}"
            case ReadOnlyError():
                return f"Redis at {self.where} is a read-only replica: name its master, or {embedded}"
            case BusyLoadingError():
                return f"Redis at {self.where} is still loading its data: try again in a moment, or {embedded}"
            case InvalidResponse():
                return f"what answers at {self.where} is no Redis: mend REDIS_HOST and REDIS_PORT, or {embedded}"
            case _:
                return f"Redis at {self.where} does not answer ({_cause(exc)}): start it, or {embedded}"


def not_cancelled() -> bool:
    """True, or CancelledError: a cancellation that meets one of redis-py's own time limits comes out as the latter, and
    a loop would go on for ever."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True


def _client(address: str, timeout_s: float) -> Redis:
    try:
        return Redis.from_url(
            address,
            decode_responses=True,
            socket_timeout=timeout_s,
            socket_connect_timeout=BRISK_S,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
        )
    except ValueError as exc:
        raise ConfigurationError(_NO_SENSE.format(address=_where(address), why=exc)) from exc


def _where(address: str) -> str:
    """Host and port, without user and password."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return parts.path
    host = parts.hostname or "localhost"
    over = " (over TLS)" if parts.scheme == "rediss" else ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}{over}"


def _cause(exc: BaseException) -> str:
    """In few words: redis-py's own message names host and port once more, and asyncio's lists every address."""
    for kind, words in _REFUSALS.items():
        if isinstance(exc, kind):
            return words
    text = str(exc)
    return next((words for part, words in _CAUSES.items() if part in text), text or type(exc).__name__)
