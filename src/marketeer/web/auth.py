"""Who is calling: the holder of the token, or a source whose secret signed the body (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta

from starlette.datastructures import Headers

from marketeer.ports import Clock
from marketeer.web.refusal import Refusal

TOLERANCE = timedelta(minutes=5)
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
MOST_SIGNATURES = 16
NO_TOKEN = "set WEBHOOK_TOKEN (or WEBHOOK_TOKEN_FILE) where the daemon runs: without it nobody is let in"  # noqa: S105 - advice
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)


class Keys:
    """`sources` are (name, secret); a source may have several secrets. Comparing takes as long whatever is wrong."""

    def __init__(self, token: str | None, sources: Sequence[tuple[str, str]], clock: Clock) -> None:
        self._token = _digest(token.encode()) if token is not None else None
        self._sources = [(name, base64.b64decode(secret.removeprefix("whsec_"))) for name, secret in sources]
        self._clock = clock

    @property
    def exist(self) -> bool:
        """Whether anybody could be let in."""
        return self._token is not None or bool(self._sources)

    def require_token(self, headers: Headers) -> None:
        """Raises Refusal, 503 without a token to compare with and 401 for a wrong one."""
        if self._token is None:
            raise Refusal(503, NO_TOKEN)
        if not self.has_token(headers):
            raise unknown_caller()

    def has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(self._token, _digest(given.strip().encode("latin-1", "replace")))

    def is_signed(self, headers: Headers) -> bool:
        """Whether it claims to be; the signature itself can be looked at when the body is there."""
        return bool(self._sources) and all(headers.get(name) for name in SIGNATURE_HEADERS)

    def signer(self, headers: Headers, body: bytes) -> str:
        """The source that signed it within the last minutes. Raises Refusal."""
        message_id, sent, signatures = (headers.get(name, "") for name in SIGNATURE_HEADERS)
        content = b".".join((message_id.encode("latin-1"), sent.encode("latin-1"), body))
        given = [found for text in signatures.split()[:MOST_SIGNATURES] if (found := _signature(text))]
        signer = None
        for name, key in self._sources:
            expected = hmac.digest(key, content, "sha256")
            for signature in given:
                if hmac.compare_digest(expected, signature):
                    signer = name
        if signer is None:
            raise unknown_caller()
        if not self._is_fresh(sent):
            error = f"webhook-timestamp {sent[:20]!r} is more than {TOLERANCE.seconds // 60} minutes off; sign it anew"
            raise Refusal(401, error, headers={"WWW-Authenticate": "Bearer"})
        return signer

    def _is_fresh(self, sent: str) -> bool:
        now_s = self._clock.now().timestamp()
        return bool(_SECONDS.fullmatch(sent)) and abs(now_s - int(sent)) <= TOLERANCE.total_seconds()


def unknown_caller() -> Refusal:
    error = "not authorized: send Authorization: Bearer and the WEBHOOK_TOKEN, or sign with a source's secret"
    return Refusal(401, error, headers={"WWW-Authenticate": "Bearer"})


def _digest(text: bytes) -> bytes:
    """Of one length, so that comparing tells nothing of the token's."""
    return hashlib.sha256(text).digest()


def _signature(text: str) -> bytes | None:
    """Of version 1; others are for whoever knows them."""
    version, _, encoded = text.partition(",")
    try:
        return base64.b64decode(encoded, validate=True) if version == "v1" else None
    except (binascii.Error, ValueError):
        return None
