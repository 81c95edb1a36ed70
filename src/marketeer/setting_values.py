"""What the value of a setting may be, kind by kind. All of it raises a bare ValueError: what a user reads is the
setting's own `allowed`.
"""

from __future__ import annotations

import base64
import re
from datetime import time
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# An address may have commas in itself.
BETWEEN_ADDRESSES = r"[,\s]+(?=[\w+.-]+://)"

_HTTP = ("http", "https")
_REDIS = ("redis", "rediss", "unix")
_POSTGRES = ("postgresql", "postgres")
_SOURCE_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_LEAST_KEY_BYTES = 16


# -- texts -------------------------------------------------------------------------------------------------------


def content_of(path: str) -> str:
    """Of a file that holds something."""
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, RuntimeError) as exc:
        raise ValueError from exc
    if not content:
        raise ValueError
    return content


def lines_of(content: str) -> list[str]:
    """Those that say something."""
    lines = [line.strip() for line in content.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def parts(value: object, separator: str) -> object:
    """Of a text; anything else is left for pydantic to judge."""
    if not isinstance(value, str):
        return value
    found = [part.strip(", \t\n") for part in re.split(separator, value)]
    return [part for part in found if part]


def check_printable(secret: str) -> None:
    if not re.fullmatch(r"[!-~]+", secret):
        raise ValueError


# -- addresses ---------------------------------------------------------------------------------------------------


def http_address(value: str) -> str:
    _check_scheme(value, _HTTP)
    found = urlsplit(value)
    # `port` is worked out on access, and that is what complains about a bad one
    if not found.hostname or found.port == 0:
        raise ValueError
    return value.rstrip("/")


def check_redis_address(value: str) -> None:
    _check_scheme(value, _REDIS)
    found = urlsplit(value)
    # a port is checked when it is asked for, and redis-py takes any path but a number for database 0
    if found.scheme != "unix" and (found.port == 0 or not re.fullmatch(r"(/[0-9]*)?", found.path)):
        raise ValueError


def check_postgres_address(value: str) -> None:
    _check_scheme(value, _POSTGRES)


def check_notify_address(value: str) -> None:
    if not re.fullmatch(r"[\w+.-]+://\S+", value):
        raise ValueError


def with_password(address: str, password: str) -> str:
    """The address, with this password where it names none itself."""
    found = urlsplit(address)
    if not password or found.password is not None or "password=" in found.query:
        return address
    user, at, place = found.netloc.rpartition("@")
    return found._replace(netloc=f"{user if at else ''}:{password}@{place}").geturl()


def _check_scheme(value: str, schemes: tuple[str, ...]) -> None:
    """`scheme://something` in one piece, with one of the schemes."""
    scheme, _, rest = value.partition("://")
    if scheme.lower() not in schemes or not rest or re.search(r"\s", value):
        raise ValueError


# -- others ------------------------------------------------------------------------------------------------------


def check_source(pair: str) -> None:
    """`name=secret` of somebody who may sign webhooks; the secret as Standard Webhooks writes them."""
    name, _, secret = pair.partition("=")
    key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    if not _SOURCE_NAME.fullmatch(name.strip()) or len(key) < _LEAST_KEY_BYTES:
        raise ValueError


def quiet_hours(value: str) -> str:
    """`22:00-07:00`, without spaces."""
    begin, _, end = value.replace(" ", "").partition("-")
    if "-" in end or "+" in value:
        raise ValueError
    if time.fromisoformat(begin) == time.fromisoformat(end):
        raise ValueError
    return f"{begin}-{end}"


def known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError from exc
    return value
