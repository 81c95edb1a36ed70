"""How the product's name is written: a document that spells it in another way names another product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from marketeer.domain.contract_units import Form, units
from marketeer.domain.contract_voice import short_name
from marketeer.domain.contradiction import Topic
from marketeer.domain.markdown import same
from marketeer.domain.product_context import ProductContext
from marketeer.domain.statement import Found, Statement, shortened

_LEAST_CHARS = 5
THING = "the product's name"


def spellings(text: str, context: ProductContext) -> Iterator[Statement]:
    """Where the text writes the product's name in another way. Addresses, tags and names all in one case are no way."""
    name = short_name(context.product or "").strip()
    pattern = _pattern(name)
    if pattern is None:
        return
    others = {rival.casefold() for rival in context.rivals}
    for unit in units(text):
        if unit.form is Form.BLOCK and not unit.is_customer_block:
            continue
        for match in pattern.finditer(same(unit.text)):
            written = match[0]
            if written != name and _is_name(written) and written.casefold() not in others:
                found = Found(topic=Topic.NAME, thing=THING, value=written, shown=repr(written))
                yield Statement(found=found, quote=shortened(_line(unit.text, match.start())), section=unit.section)


@lru_cache(maxsize=16)
def _pattern(name: str) -> re.Pattern[str] | None:
    squeezed = re.sub(r"[\s-]", "", name)
    if len(squeezed) < _LEAST_CHARS or not squeezed.isalnum() or not name[:1].isupper():
        return None
    letters = r"[ -]?".join(map(re.escape, squeezed))
    return re.compile(rf"(?<![\w#@/.:`-]){letters}(?![\w/@`]|\.\w|-\w)", re.I)


def _is_name(written: str) -> bool:
    """With a capital letter at each part, and not in capitals as a whole."""
    parts = re.split(r"[ -]", written)
    return not written.isupper() and all(part[:1].isupper() or part[:1].isdigit() for part in parts)


def _line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[start : end if end >= 0 else len(text)]
