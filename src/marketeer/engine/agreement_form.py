"""What a model is asked about outputs that agree by the rules: the form of its answer, and the question."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from marketeer.domain.contract_units import units
from marketeer.domain.contradiction import CONTEXT, GOAL, Contradiction, Topic
from marketeer.domain.usage import Tier
from marketeer.engine.prompts import fence
from marketeer.engine.structured import Question
from marketeer.ports import PromptBlock

MAX_OUTPUT_TOKENS = 2_000
TIMEOUT_S = 180.0
MAX_ANSWERS = 10
# Of one document, and of all together: what customers read and what has a figure in it comes first.
MAX_DOCUMENT_CHARS = 8_000
MAX_CHARS = 120_000

TASK = Path(__file__).parent / "templates" / "agreement.md"


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)  # many goals never see one

    topic: str = Field(max_length=40)
    about: str = Field(min_length=3, max_length=120)
    earlier: str = Field(max_length=200)
    earlier_says: str = Field(min_length=1, max_length=120)
    earlier_quote: str = Field(min_length=3, max_length=400)
    later: str = Field(max_length=200)
    later_says: str = Field(min_length=1, max_length=120)
    later_quote: str = Field(min_length=3, max_length=400)


class AgreementForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    contradictions: list[_Pair] = Field(max_length=MAX_ANSWERS)

    def said(self) -> list[Contradiction]:
        """As contradictions, still to be held against the documents."""
        return [
            Contradiction(
                topic=next((topic for topic in Topic if topic.value == one.topic.strip().lower()), Topic.PROMISE),
                **one.model_dump(exclude={"topic"}),
            )
            for one in self.contradictions
        ]


def question(documents: Mapping[str, str], *, house_rules: str) -> Question[AgreementForm]:
    """`documents` by their ids, the goal and the product context among them."""
    share = min(MAX_DOCUMENT_CHARS, MAX_CHARS // max(1, len(documents)))
    told = "\n\n".join(f"## {name}\n\n{fence(name, excerpt(text, share))}" for name, text in documents.items())
    topics = ", ".join(topic.value for topic in Topic)
    ids = ", ".join(name for name in documents if name not in (GOAL, CONTEXT))
    return Question(
        form=AgreementForm,
        system=(PromptBlock(text=house_rules.strip()), PromptBlock(text=TASK.read_text("utf-8").strip())),
        user=f"{told}\n\nTopics: {topics}. Ids of the outputs: {ids}; besides, {GOAL!r} and {CONTEXT!r}.",
        tier=Tier.SONNET,
        max_output_tokens=MAX_OUTPUT_TOKENS,
        timeout_s=TIMEOUT_S,
        # Rules have found nothing by now: not worth a second call.
        max_calls=1,
    )


def excerpt(text: str, limit: int) -> str:
    """The text, or as much of it as fits: what customers read, then what holds a figure, then the rest."""
    if len(text) <= limit:
        return text
    pieces = list(enumerate(unit.text for unit in units(text)))
    public = {at for at, unit in enumerate(units(text)) if unit.is_customer_block}
    wanted = sorted(pieces, key=lambda piece: (piece[0] not in public, not any(map(str.isdigit, piece[1]))))
    kept: list[tuple[int, str]] = []
    room = limit
    for at, piece in wanted:
        if len(piece) + 2 <= room:
            kept.append((at, piece))
            room -= len(piece) + 2
    return "\n\n".join(piece for _, piece in sorted(kept))
