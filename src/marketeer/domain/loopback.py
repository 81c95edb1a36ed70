"""Loopback: whether an address stays on this machine, so that nobody else can be behind it."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Of a name only `localhost` is known to stay here."""
    if host.casefold().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
