"""Folding: one spelling for every way to write the same words, so that `Sign-up` and `sign up` compare equal."""

from __future__ import annotations

import re
import unicodedata

# Letters whose stroke or missing dot is not an accent to Unicode.
_PLAIN_LETTERS = str.maketrans({"\u2019": "'", "\u0142": "l", "\u0131": "i", "\u00f8": "o", "\u0111": "d"})


def fold(text: str) -> str:
    """Lower case, no accents, plain quotes, hyphens and slashes as spaces, runs of blanks as one."""
    plain = re.sub(r"[-_/\u2010-\u2015]", " ", fold_letters(text))
    return re.sub(r"[ \t\r\f\v]+", " ", plain)


def fold_letters(text: str) -> str:
    """Lower case, no accents, plain quotes; everything else as it stands."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char))
