"""Fenced blocks: customer-facing texts of the right length, and data that parses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from marketeer.adapters.rehearsal.pool import Pool
from marketeer.adapters.rehearsal.text import shorten, slug
from marketeer.adapters.rehearsal.values import EVENTS, Values
from marketeer.domain.contract import Code
from marketeer.domain.contract_units import CUSTOMER_FACING
from marketeer.domain.markdown import count_words

DEFAULT_WORDS = 45
_SENTENCES_PER_PARAGRAPH = 2
_PLURAL = re.compile(r"^(sources|strengths|weaknesses|features|tags|images|keywords)$")
_DATE = re.compile(r"(_on|_at|date)$", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Fences:
    """Writes one block at a time; `subject` is the heading it stands under."""

    pool: Pool
    values: Values
    subject: str = ""

    def content(self, check: Code, number: int, events: Sequence[str]) -> str:
        info = check.info[0].casefold()
        kind = check.parses_as or info
        if kind == "json":
            text = self._json(check)
        elif kind == "yaml":
            text = self._yaml(check)
        elif info in ("js", "javascript", "ts"):
            text = self._script(check, number, events)
        elif check.one_within is not None and number == 0:
            text = self.pool.phrase("copy", max_chars=check.one_within, customer=True)
        else:
            text = self._prose(check, customer=info in CUSTOMER_FACING)
        options = check.contains_one_of
        if options and not any(option in text for option in options) and kind not in ("json", "yaml"):
            text = f"{text}\n{options[0]}"
        return text

    def _prose(self, check: Code, *, customer: bool) -> str:
        """Sentences until the least number of words is passed, with room left for the last one."""
        least, most = check.min_words or 0, check.max_words or 100_000
        target = min(max(DEFAULT_WORDS, least + 6), most)
        asks = any("?" in option for option in check.contains_one_of)
        ending = self.pool.question() if asks else ""
        sentences: list[str] = []
        while count_words(" ".join([*sentences, ending])) < target:
            sentences.append(self.pool.sentence(customer=customer))
        while len(sentences) > 1 and count_words(" ".join([*sentences, ending])) > most:
            sentences.pop()
        if count_words(" ".join([*sentences, ending])) > most:
            sentences = [shorten(sentences[0], max(20, most * 4))]
        step = _SENTENCES_PER_PARAGRAPH
        paragraphs = [" ".join(sentences[at : at + step]) for at in range(0, len(sentences), step)]
        return "\n\n".join([*paragraphs, ending] if ending else paragraphs)

    def _json(self, check: Code) -> str:
        wanted = " ".join((*check.required_keys, *check.contains_one_of, check.hint))
        data: dict[str, object] = {}
        if "schema" in wanted.casefold() or "@" in wanted:
            data = {
                "@context": "https://schema.org",
                "@type": "Organization",
                "name": self.pool.product,
                "url": "https://example.com/",
                "description": self.pool.phrase("copy", customer=True),
            }
        for name in check.required_keys:
            data.setdefault(name, self._entry(name))
        if not data or (check.contains_one_of and not any(text in json.dumps(data) for text in check.contains_one_of)):
            data.setdefault("name", self.pool.product)
            data.setdefault("note", check.contains_one_of[0] if check.contains_one_of else self.pool.phrase("general"))
        return json.dumps(data, ensure_ascii=False, indent=2)

    def _yaml(self, check: Code) -> str:
        lines: list[str] = []
        for name in check.required_keys or ("name", "note"):
            entry = self._entry(name)
            if isinstance(entry, list):
                lines.append(f"{name}:")
                lines.extend(f"  - {_quoted(item)}" for item in entry)
            else:
                lines.append(f"{name}: {_quoted(str(entry))}")
        return "\n".join(lines)

    def _entry(self, name: str) -> object:
        """A value for a key, by what the key is called."""
        low = name.casefold()
        if low == "name":
            return self.subject or self.pool.product
        if low in ("url", "website", "link"):
            return f"https://example.com/{slug(self.subject or self.pool.product)}"
        if _DATE.search(low):
            return self.values.today.isoformat()
        if _PLURAL.match(low):
            return [self.pool.phrase("evidence"), self.pool.phrase("evidence")]
        return self.pool.phrase(self.pool.kind_of(low.replace("_", " ")))

    def _script(self, check: Code, number: int, events: Sequence[str]) -> str:
        names = list(dict.fromkeys(events)) or list(EVENTS)
        event = names[number % len(names)]
        call = "dataLayer.push" if check.contains_one_of == ("dataLayer.push",) else "gtag"
        if call == "gtag":
            return f"gtag('event', '{event}', {{ method: 'email' }});"
        return f"dataLayer.push({{ event: '{event}', method: 'email' }});"


def _quoted(text: str) -> str:
    """A JSON string is a YAML string too."""
    return json.dumps(text, ensure_ascii=False)
