"""The workspace a benchmark works in: a team of its own, a product context, and an answer that passes the contracts.

The pipelines have fixed shapes, so that a goal's chain of calls is known beforehand:

    Bench Chain    4 tasks in a row; the first also reads what earlier runs approved
    Bench Grid     3 phases of 3 tasks, each of which reads the whole phase before
    Bench Twenty   20 tasks: 4 chains of 5
    Bench Wide     20 tasks that wait for nothing
    Bench One      one task
    Bench Seven    one task, then two times three that read what is above them
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import marketeer
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.usage import Usage
from marketeer.ports import ModelRequest, ModelResponse
from marketeer.settings import Settings, load_settings

CHAIN, GRID, TWENTY, WIDE = "Bench Chain", "Bench Grid", "Bench Twenty", "Bench Wide"
SEVEN, ONE = "Bench Seven", "Bench One"
GOAL = "Write down what this benchmark is for"
SKILLS = tuple(f"bench-{number:02d}" for number in range(1, 21))
# The answer names the product of this example, as every contract asks.
CONTEXT = "context/product-marketing-context.md"
KEY = "benchmark-key"
BUDGET_USD = Decimal(1_000_000)

_BODY_LINES = 40
_CONTRACT: dict[str, Any] = {
    "squad": "creative",
    "tier": "sonnet",
    "timeout_s": 120,
    "max_output_tokens": 8_000,
    "review_depth": "quick",
    "upstream": [],
    "downstream": [],
    "brief": {"objective": "Do this: {goal}", "boundaries": ["Add no fact."], "acceptance": ["The plan is complete."]},
    "envelope": True,
    "words": {"min": 80, "max": 100_000},
    "sections": [
        {
            "heading": "Plan",
            "checks": [
                {"field": {"label": "Owner", "max_chars": 40}},
                {"field": {"label": "Level", "one_of": ["light", "standard", "heavy"]}},
                {
                    "table": {
                        "columns": ["Step", {"name": "Effort", "one_of": ["S", "M", "L"]}, "Effect"],
                        "min_rows": 3,
                    }
                },
            ],
        },
        {"heading": "Text", "checks": [{"list": {"min_items": 2, "max_items": 500}}]},
    ],
}
_VARIES = "again and again"
_TOP = """# The benchmark's deliverable

## Summary
This answer about Fieldnod belongs to no real goal. It exists so that a benchmark can send it again and again,
check it against a contract with fields, a table and a list, store it, review it and mirror it, exactly as
happens to real work.

## Plan
**Owner:** Fieldnod
**Level:** standard

| Step | Effort | Effect |
|---|---|---|
| Read it | S | known |
| Check it | M | safe |
| Keep it | L | lasting |

## Text

- Fieldnod for Dana
- Luis, not JobAnvil
"""
_BOTTOM = """
## Assumptions
None

## Handoff
| To | Uses | Section |
|---|---|---|
| director | all of it | Text |
"""
_FILLER = (
    "The team looks at what visitors do before they sign up and writes the next page for them.\n",
    "- **Point:** a short claim, with `evidence` beside it\n",
    "Nobody reads a page that talks about itself, so this one talks about the work it saves.\n",
)


def answer(*, words: int = 0, chars: int = 0) -> str:
    """A deliverable of at least this many words and characters (about 100 words without either)."""
    middle: list[str] = []
    for number in count():
        text = "".join((_TOP, *middle, _BOTTOM))
        if len(text.split()) >= words and len(text) >= chars:
            return text
        middle += ["\n", _FILLER[number % len(_FILLER)]]
    raise AssertionError


def make_workspace(folder: Path) -> Path:
    """A workspace with the benchmark's team and the example product context."""
    for number, name in enumerate(SKILLS, start=1):
        skill = folder / "team" / "skills" / name
        skill.mkdir(parents=True)
        body = "".join(f"{line}. {_FILLER[line % len(_FILLER)]}" for line in range(1, _BODY_LINES + 1))
        head = f"---\nname: {name}\ndescription: Number {number} of the benchmark's team\n---\n"
        (skill / "SKILL.md").write_text(head + body, encoding="utf-8")
        (skill / "contract.yaml").write_text(json.dumps(_CONTRACT), encoding="utf-8")  # JSON is YAML
    (folder / "team" / "pipelines.yaml").write_text(json.dumps({"pipelines": _pipelines()}), encoding="utf-8")
    (folder / "context").mkdir()
    example = Path(marketeer.__file__).parent / "team" / "example" / "product-marketing-context.md"
    shutil.copyfile(example, folder / CONTEXT)
    return folder


def settings_for(workspace: Path, *, parallel: int, base_url: str | None = None, redis: str | None = None) -> Settings:
    return load_settings(
        workspace_dir=workspace,
        max_parallel_agents=parallel,
        budget_monthly=BUDGET_USD,
        anthropic_api_key=KEY,
        anthropic_base_url=base_url,
        redis_url=redis,
        log_level="warning",
        marketeer_review=ReviewDepth.QUICK,
    )


class InstantModel:
    """A model that answers at once, and never twice the same: nothing that is remembered of one answer helps with the
    next."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._number = count(1)

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        text = self._text.replace(_VARIES, f"for the {next(self._number)}th time")
        if on_text is not None:
            on_text(len(text))
        return ModelResponse(
            text=text,
            stop_reason="end_turn",
            usage=Usage(input_tokens=2_000, output_tokens=len(text) // 4),
            model=request.model.model_id,
            request_id=None,
            latency_s=0.0,
        )

    async def answers(self) -> bool:
        return True

    async def aclose(self) -> None:
        return None


def _pipelines() -> list[dict[str, Any]]:
    chain = [[_step(0, latest=[SKILLS[0]])], *([_step(number, uses=[number - 1])] for number in range(1, 4))]
    grid = [[_step(3 * row + column, uses=_row(row - 1)) for column in range(3)] for row in range(3)]
    twenty = [[_step(4 * row + column, uses=_above(row, column)) for column in range(4)] for row in range(5)]
    wide = [[_step(number) for number in range(20)]]
    seven = [[_step(0)], *([_step(column, uses=[above]) for column, above in row] for row in _THREES)]
    shapes = {ONE: [[_step(0)]], SEVEN: seven, CHAIN: chain, GRID: grid, TWENTY: twenty, WIDE: wide}
    return [
        {
            "name": name,
            "category": "content",
            "priority": "P1",
            "phases": [{"name": f"Phase {row}", "steps": steps} for row, steps in enumerate(rows, start=1)],
        }
        for name, rows in shapes.items()
    ]


_THREES = (((1, 0), (2, 0), (3, 0)), ((4, 1), (5, 2), (6, 3)))


def _row(row: int) -> list[int]:
    return [] if row < 0 else list(range(3 * row, 3 * row + 3))


def _above(row: int, column: int) -> list[int]:
    return [4 * (row - 1) + column] if row else []


def _step(number: int, *, uses: Sequence[int] = (), latest: Sequence[str] = ()) -> dict[str, Any]:
    return {"skill": SKILLS[number], "uses": [SKILLS[other] for other in uses], "latest": list(latest)}
