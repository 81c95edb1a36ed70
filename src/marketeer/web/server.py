"""The server as one part of the daemon: `listen` before saying ready, `run` in a task, `stop` to end it.

It handles no signals, and imports the web stack in a thread when it begins to listen, beside other start-up work.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from marketeer.logs import get_logger
from marketeer.runtime import Office
from marketeer.web.address import cannot_listen, check_address, url_of
from marketeer.web.bounds import Bounds

if TYPE_CHECKING:  # the web stack takes most of a second
    from marketeer.web.connections import Connection, Connections

BACKLOG = 2048
GRACE_S = 5.0

log = get_logger(__name__)


class WebServer:
    """Webhooks, goals, health and metrics of one office. May run again after it has stopped."""

    def __init__(self, office: Office, *, bounds: Bounds | None = None, grace_s: float = GRACE_S) -> None:
        self._office = office
        self._bounds = bounds or Bounds()
        self._grace_s = grace_s
        self._listener: asyncio.Server | None = None
        self._connections: Connections | None = None
        self._asked_to_stop = asyncio.Event()
        self.url = ""

    @property
    def lets_in_anybody(self) -> bool:
        """Whether somebody can show who they are: by the token or by a signature."""
        settings = self._office.settings
        return settings.webhook_token is not None or bool(settings.webhook_sources)

    async def listen(self) -> str:
        """Take the address and begin to answer; returns the URL. Raises ConfigurationError when it cannot be had, or
        must not be."""
        settings = self._office.settings
        check_address(settings)
        if self._listener is not None:
            return self.url
        factory, self._connections = await asyncio.to_thread(_load, self._office, self._bounds)
        host, port = settings.webhook_host.strip("[]"), settings.webhook_port
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(factory, host, port, backlog=BACKLOG)
        except OSError as exc:
            raise cannot_listen(host, port, exc) from exc
        self.url = url_of(host, self._listener.sockets[0].getsockname()[1])
        log.info("web_listening", url=self.url)
        return self.url

    async def run(self) -> None:
        """Answer until `stop`, then let what is being answered finish."""
        try:
            await self.listen()
            await self._asked_to_stop.wait()
            await self._drain()
        finally:
            self._close()

    def stop(self) -> None:
        """No new connections from now on; `run` ends when the requests in hand are answered."""
        self._asked_to_stop.set()
        if self._listener is not None:
            self._listener.close()

    async def _drain(self) -> None:
        if self._connections is None:
            return
        for connection in list(self._connections.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                await self._connections.none_left.wait()

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections.connections) if self._connections else ():
            connection.transport.abort()
        self._listener = self._connections = None
        self._asked_to_stop.clear()


def _load(office: Office, bounds: Bounds) -> tuple[Callable[[], Connection], Connections]:
    from uvicorn.config import Config

    from marketeer.web.app import make_app
    from marketeer.web.connections import Connection, Connections

    config = Config(
        make_app(office, bounds),
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        # our own log says what happened; uvicorn's would repeat every stranger's nonsense as a warning
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    connections = Connections(replace(bounds, connections=min(bounds.connections, _open_files() // 2)))
    return lambda: Connection(config, connections), connections


def _open_files() -> int:
    """How many this process may have. Half are for connections: database and workspace need some, too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2**31
