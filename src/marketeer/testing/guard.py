"""Keeps a test run off the network: only this machine itself may be reached."""

from __future__ import annotations

import ipaddress
import socket
from types import TracebackType
from typing import Any, Self

_PATCHED = ("connect", "connect_ex", "sendto")
_UNIX = getattr(socket, "AF_UNIX", None)  # Windows has none


class NetworkForbidden(RuntimeError):
    """Code under test tried to leave this machine.

    No OSError, so that nothing which retries network errors can swallow it quietly.
    """


class NetworkGuard:
    """The guard in force. `lift` restores what was there; as a context manager it lifts on exit."""

    def __init__(self) -> None:
        self._originals: dict[str, Any] = {name: getattr(socket.socket, name) for name in _PATCHED}
        self._getaddrinfo = socket.getaddrinfo
        self._lifted = False
        for name, original in self._originals.items():
            setattr(socket.socket, name, _checking(original))
        socket.getaddrinfo = _checking_names(self._getaddrinfo)

    def lift(self) -> None:
        if self._lifted:
            return
        self._lifted = True
        for name, original in self._originals.items():
            setattr(socket.socket, name, original)
        socket.getaddrinfo = self._getaddrinfo

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()


def forbid_network() -> NetworkGuard:
    """From now on, connecting, sending or resolving names beyond loopback and unix sockets raises NetworkForbidden."""
    return NetworkGuard()


def _checking(original: Any) -> Any:
    def guarded(self: socket.socket, *args: Any) -> Any:
        # `sendto(data, address)` and `sendto(data, flags, address)` end with it too
        if self.family != _UNIX and isinstance(args[-1], tuple):
            _check(args[-1][0])
        return original(self, *args)

    return guarded


def _checking_names(original: Any) -> Any:
    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check(host)
        return original(host, *args, **kwargs)

    return guarded


def _check(host: Any) -> None:
    if not _is_here(host):
        msg = f"a test may not reach {host!r}: only loopback addresses and unix sockets are allowed"
        raise NetworkForbidden(msg)


def _is_here(host: Any) -> bool:
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    if name in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
