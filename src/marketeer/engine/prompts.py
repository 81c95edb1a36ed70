"""Prompts: what a specialist reads, in the order that lets a goal's calls share their prefix.

House rules and product context | breakpoint | skill and its references | breakpoint | past learnings; then, in the user
message, date, upstream outputs and inputs fenced as data, the brief, and what a revision must change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from marketeer.domain.by_identity import by_identity
from marketeer.domain.contract_template import render_template
from marketeer.domain.skill import Skill
from marketeer.domain.usage import CacheTime, token_bound
from marketeer.ports import PromptBlock

# A workspace has one product context, and perhaps one of rehearsals beside it.
REMEMBERED_BLOCKS = 8
CORRECT = "Keep what was good. Correct exactly these findings and answer with the whole document again:"
BEGIN_ANEW = "A first attempt was rejected and is not shown. Begin anew, so that none of this can be said of yours:"

_TAG = re.compile(r"<(?=\s*/?\s*external-content)", re.IGNORECASE)
_H2 = re.compile(r"^(?=## )", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptParts:
    """Everything a prompt is made of. `upstream` and `inputs` map a path to its text, `previous` is the output that
    was sent back with `feedback`; `from_scratch`: it was rejected, and is not shown. `cache` is how long all calls
    share their beginning, `skill_cache` how long those of the skill share more; None: none is expected soon."""

    house_rules: str
    context: str
    skill: Skill
    references: tuple[tuple[str, str], ...]
    learnings: str
    today: str
    brief: str
    upstream: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, str] = field(default_factory=dict)
    previous: str | None = None
    feedback: str | None = None
    from_scratch: bool = False
    cache: CacheTime = "5m"
    skill_cache: CacheTime | None = "5m"


def fence(source: str, text: str) -> str:
    """Text from outside, as data: the fence cannot be closed from within, nor another one opened."""
    safe_source = " ".join(source.replace('"', "'").replace("<", "(").replace(">", ")").split())
    return f'<external-content source="{safe_source}">\n{_TAG.sub("&lt;", text)}\n</external-content>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """As it is sent."""

    system: tuple[PromptBlock, ...]
    user: str

    @property
    def bound(self) -> int:
        """No tokenizer makes more tokens of it."""
        return token_bound(*(block.text for block in self.system), self.user)


def prompt_of(parts: PromptParts) -> Prompt:
    return Prompt(system=system_blocks(parts), user=user_message(parts))


@lru_cache(maxsize=REMEMBERED_BLOCKS)
def _shared_block(house_rules: str, context: str) -> str:
    fenced = fence("product context", context) if context else "There is no product context yet."
    return f"{house_rules.strip()}\n\n# Product context\n\n{fenced}"


def _specialist_block(skill: Skill, references: tuple[tuple[str, str], ...]) -> str:
    told = "".join(f"\n\n## Reference: {name}\n\n{text.strip()}" for name, text in references)
    return (
        f"# Skill: {skill.info.name}\n\n{skill.body.strip()}{told}\n\n"
        f"# Output template\n\nAnswer with one Markdown document of exactly this shape.\n\n"
        f"{render_template(skill.contract)}"
    )


@by_identity
def _whole_specialist_block(skill: Skill) -> str:
    return _specialist_block(skill, references_of(skill))


@by_identity
def references_of(skill: Skill) -> tuple[tuple[str, str], ...]:
    """Name and text of each."""
    return tuple((reference.name, reference.text) for reference in skill.references)


def system_blocks(parts: PromptParts) -> tuple[PromptBlock, ...]:
    """The first two blocks are byte-identical for every call of the skill in a goal."""
    shared = _shared_block(parts.house_rules, parts.context)
    skill, references = parts.skill, parts.references
    is_whole = references is references_of(skill)
    specialist = _whole_specialist_block(skill) if is_whole else _specialist_block(skill, references)
    blocks = [PromptBlock(text=shared, cache=parts.cache), PromptBlock(text=specialist, cache=parts.skill_cache)]
    if parts.learnings:
        blocks.append(PromptBlock(text=f"## Past Learnings\n\n{parts.learnings}"))
    return tuple(blocks)


def user_message(parts: PromptParts) -> str:
    chunks = [f"Date: {parts.today}"]
    if parts.upstream:
        chunks.append("# What colleagues made for this goal")
        chunks += [fence(path, text) for path, text in parts.upstream.items()]
    if parts.earlier:
        chunks.append("# What earlier runs made")
        chunks += [fence(path, text) for path, text in parts.earlier.items()]
    if parts.inputs:
        chunks.append("# Material from the user")
        chunks += [fence(path, text) for path, text in parts.inputs.items()]
    chunks.append(f"# Your brief\n\n{parts.brief}")
    if parts.previous is not None:
        chunks.append(f"# Your previous output\n\n{fence('your previous output', parts.previous)}")
    if parts.feedback:
        how = BEGIN_ANEW if parts.from_scratch else CORRECT
        chunks.append(f"# What must change\n\n{how}\n\n{parts.feedback}")
    return "\n\n".join(chunks)


def fit(parts: PromptParts, *, token_limit: int) -> tuple[PromptParts, Prompt, tuple[str, ...]]:
    """Make the prompt fit: drop references from the last, then cut upstream outputs, earlier ones and inputs by
    section, longest first. Returns what is left, the prompt made of it, and each loss as a warning."""
    whole = prompt_of(parts)
    if whole.bound <= token_limit:
        return parts, whole, ()
    warnings: list[str] = []
    while _bound(parts) > token_limit and parts.references:
        warnings.append(f"reference {parts.references[-1][0]!r} was left out: the prompt would not fit")
        parts = replace(parts, references=parts.references[:-1])
    for name in ("upstream", "earlier", "inputs"):
        parts, cut = _cut_mapping(parts, name, token_limit)
        warnings += cut
    return parts, prompt_of(parts), tuple(warnings)


def _bound(parts: PromptParts) -> int:
    return prompt_of(parts).bound


def _cut_mapping(parts: PromptParts, name: str, token_limit: int) -> tuple[PromptParts, list[str]]:
    texts: dict[str, str] = dict(getattr(parts, name))
    warnings: list[str] = []
    excess = _bound(parts) - token_limit
    while excess > 0 and any(texts.values()):
        longest = max(texts, key=lambda path: len(texts[path]))
        kept, dropped = _drop_last_section(texts[longest])
        texts[longest] = kept
        warnings.append(f"{longest} was cut ({dropped}): the prompt would not fit")
        parts = replace(parts, **{name: dict(texts)})  # type: ignore[arg-type]
        excess = _bound(parts) - token_limit
    return parts, warnings


def _drop_last_section(text: str) -> tuple[str, str]:
    """Without its last H2 section, or, when there is none to drop, without its second half."""
    sections = _H2.split(text)
    if len(sections) > 1:
        title = sections[-1].splitlines()[0].removeprefix("## ").strip()
        return "".join(sections[:-1]).rstrip(), f"section {title!r}"
    if len(text) < 2_000:
        return "", "all of it"
    return text[: len(text) // 2], "its second half"
