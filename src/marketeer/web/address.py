"""Where the server listens, and what must be so before it may. Imports nothing of the web stack."""

from __future__ import annotations

import errno

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.loopback import is_loopback
from marketeer.settings import Settings


def check_address(settings: Settings) -> None:
    """Raises ConfigurationError when others could reach a server that asks nobody who they are."""
    if settings.webhook_token is None and not is_loopback(settings.webhook_host):
        msg = (
            f"WEBHOOK_HOST={settings.webhook_host!r} can be reached from elsewhere, and there is no WEBHOOK_TOKEN; "
            "set WEBHOOK_TOKEN (or WEBHOOK_TOKEN_FILE), or listen on 127.0.0.1"
        )
        raise ConfigurationError(msg)


def url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    """What to do about an address that cannot be had."""
    if error.errno == errno.EADDRINUSE:
        msg = f"WEBHOOK_PORT={port} on {host!r} is taken by another process; stop that, or set another WEBHOOK_PORT"
    elif error.errno in (errno.EACCES, errno.EPERM):
        msg = f"WEBHOOK_PORT={port} may not be listened on by this user; set one above 1023"
    else:
        why = error.strerror or error
        msg = f"cannot listen on WEBHOOK_HOST={host!r}, WEBHOOK_PORT={port} ({why}); set an address of this machine"
    return ConfigurationError(msg)
