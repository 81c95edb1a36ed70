"""Counts the example goals of wording.yaml into the table that routing reads, so that no command has to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from marketeer.domain.errors import ConfigurationError
from marketeer.domain.folding import fold_letters
from marketeer.domain.goal import Category
from marketeer.domain.wording import MIN_PREFIX_CHARS, Lexicon, counted

EXAMPLES = Path(__file__).parent.parent / "team" / "wording.yaml"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    category: Category
    skills: tuple[str, ...]
    pipeline: str | None = None
    goals: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: tuple[_Group, ...]
    concepts: dict[str, str]


def wording_table(path: Path = EXAMPLES) -> str:
    """The text of wording.json for these examples: the same examples, the same text. Raises ConfigurationError."""
    parsed = _read(path)
    lexicon = _lexicon(parsed.concepts)
    examples = [(n, goal) for n, group in enumerate(parsed.examples) for goal in group.goals.splitlines()]
    signs, totals = counted(examples, lexicon)
    groups = [
        {**group.model_dump(mode="json", exclude={"goals"}), "count": totals[n]}
        for n, group in enumerate(parsed.examples)
    ]
    table = {"groups": groups, "words": lexicon.words, "beginnings": lexicon.beginnings, "signs": signs}
    return json.dumps(table, ensure_ascii=False, indent=0) + "\n"


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as exc:
        msg = f"{path}: cannot be read ({exc}); correct the file"
        raise ConfigurationError(msg) from exc


def _lexicon(concepts: Mapping[str, str]) -> Lexicon:
    words: dict[str, list[str]] = {}
    beginnings: dict[str, list[str]] = {}
    for concept, listed in concepts.items():
        for entry in listed.split():
            plain = "".join(char for char in fold_letters(entry) if char.isalnum())
            known = beginnings if entry.endswith("*") and len(plain) >= MIN_PREFIX_CHARS else words
            if concept not in known.setdefault(plain, []):
                known[plain].append(concept)
    return Lexicon(words=_joined(words.items()), beginnings=_joined(beginnings.items()))


def _joined(items: Iterable[tuple[str, list[str]]]) -> dict[str, str]:
    return {word: " ".join(concepts) for word, concepts in sorted(items)}
