"""How platforms count text, and how much of it they take. Limits change: this is the one place to change them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marketeer.domain.markdown import key

_URL = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
_URL_WEIGHT = 23
_HASHTAG = re.compile(r"(?<![\w&/])#(?=[^\W_]*[^\W\d_])\w+")
# Ranges that X weighs as one character each; everything else weighs two.
_X_LIGHT = ((0, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
_JOINED = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_GSM = re.compile(
    r"[A-Za-z0-9 \n\r@$_!\"#%&'()*+,\-./:;<=>?^{}\\\[~\]|"
    "\u00a3\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\u00d8\u00f8\u00c5\u00e5\u00c6\u00e6\u00df\u00c9\u00a1\u00bf"
    "\u00c4\u00d6\u00d1\u00dc\u00a7\u00e4\u00f6\u00f1\u00fc\u00e0\u20ac]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """`names` are how a title may call it; `chars` the hard limit, `hashtags` the most that count."""

    names: tuple[str, ...]
    chars: int
    hashtags: int | None = None
    length: Callable[[str], int] = len


def x_length(text: str) -> int:
    """Characters as X weighs them: a link 23, most scripts 1, wide characters 2, an emoji 2 whatever it is made of."""
    body = _URL.sub("", text.strip())
    links = len(_URL.findall(text)) * _URL_WEIGHT
    clusters = _emoji_once(unicodedata.normalize("NFC", body))
    return links + sum(1 if any(low <= ord(char) <= high for low, high in _X_LIGHT) else 2 for char in clusters)


def _emoji_once(text: str) -> str:
    """Emoji joined to one picture, and skin tones, count once."""
    joined = re.sub("\u200d.", "", text)
    flags = re.sub("([\U0001f1e6-\U0001f1ff])[\U0001f1e6-\U0001f1ff]", r"\1", joined)
    return _JOINED.sub("", flags)


def google_width(text: str) -> int:
    """Characters as Google Ads counts them: those of double-width scripts twice."""
    return sum(2 if unicodedata.east_asian_width(char) in ("W", "F") else 1 for char in text.strip())


def sms_limit(text: str) -> int:
    """How long one text message may be with these characters."""
    return 160 if _GSM.fullmatch(text) else 70


PLATFORMS = (
    Platform(names=("x", "twitter", "x/twitter", "x (twitter)"), chars=280, hashtags=3, length=x_length),
    Platform(names=("linkedin",), chars=3000, hashtags=3),
    Platform(names=("instagram",), chars=2200, hashtags=5),
    Platform(names=("facebook",), chars=63_206, hashtags=3),
    Platform(names=("tiktok",), chars=4000, hashtags=5),
    Platform(names=("threads",), chars=500, hashtags=1),
    Platform(names=("bluesky",), chars=300, hashtags=3),
    Platform(names=("youtube",), chars=5000, hashtags=15),
    Platform(names=("pinterest",), chars=500),
    Platform(names=("sms", "text message"), chars=160),
)


def platform_named(text: str) -> Platform | None:
    """The platform that a title such as `P01 \u00b7 LinkedIn \u00b7 2026-03-02` names."""
    words = key(text)
    parts = [part.strip() for part in re.split(r"[\u00b7|,/:()-]", words)]
    for platform in PLATFORMS:
        for name in platform.names:
            if name in parts or (len(name) > 2 and re.search(rf"\b{re.escape(name)}\b", words)):
                return platform
    return None


def post_problems(text: str, title: str) -> Iterator[tuple[str, str]]:
    """What a post has too much of for the platform its title names: (found, wanted)."""
    platform = platform_named(title)
    if platform is None:
        return
    name = platform.names[0].capitalize()
    longest = sms_limit(text) if "sms" in platform.names else platform.chars
    length = platform.length(text.strip())
    if length > longest:
        yield f"is {length} characters long as {name} counts", f"at most {longest}"
    tags = len(_HASHTAG.findall(_URL.sub("", text)))
    if platform.hashtags is not None and tags > platform.hashtags:
        yield f"has {tags} hashtags", f"at most {platform.hashtags} on {name}"
