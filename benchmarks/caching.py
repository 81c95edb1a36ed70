"""What the prompt cache spares: a goal of seven tasks on the fake server's bill, against the same goal uncached."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks.figures import Figure, Place, Result
from benchmarks.workspaces import CONTEXT, GOAL, KEY, SEVEN, answer, make_workspace, settings_for
from marketeer.adapters.claude import ClaudeModel
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.goal import GoalStatus
from marketeer.domain.submission import Submission
from marketeer.runtime import open_office
from marketeer.settings import Settings
from marketeer.testing.answers import RehearsedAnswers
from marketeer.testing.fake_claude import BillLine, FakeClaude, cost_usd
from marketeer.testing.fake_reply import Tokens

LIMIT = 0.6
CONTEXT_WORDS = 2_000
HANDBOOK_WORDS = 10_000
FILLER = "- Say what the crew saves, never what the software does, and back it with a figure of our own.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`teams`: also with the skills that ship, whose answers are long."""

    latency_s: float = 0.05
    teams: bool = True


FULL = Size()
TINY = Size(latency_s=0.0, teams=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """US dollars for the same calls, and their tokens."""

    cached_usd: Decimal
    uncached_usd: Decimal
    calls: int
    prompt_tokens: int
    output_tokens: int


def run(place: Place, size: Size = FULL) -> Result:
    figures = [_figure("7 short tasks", place, size, SEVEN, CONTEXT_WORDS, LIMIT)]
    if size.teams:
        figures += [
            _figure("a Conversion Sprint, example context", place, size, "Conversion Sprint", 0, None),
            _figure("a Conversion Sprint, with a handbook", place, size, "Conversion Sprint", HANDBOOK_WORDS, None),
        ]
    return Result(
        name="caching",
        method="The same calls by the fake server's prices, with its cache and without. The short tasks write some 100 "
        f"words each, with a product context of {CONTEXT_WORDS:,} words; those of the sprint are the skills that ship, "
        f"which write ten times as much, with the example's context, alone and with {HANDBOOK_WORDS:,} words of a "
        "company's own rules. What is written out is never cached, so long answers leave less to save.",
        figures=tuple(figures),
    )


def _figure(what: str, place: Place, size: Size, pipeline: str, words: int, limit: float | None) -> Figure:
    folder = place.sub(f"caching-{pipeline.split()[-1].lower()}-{words}")
    bills = asyncio.run(_bills(folder, size, pipeline, words))
    note = (
        f"${bills.cached_usd} against ${bills.uncached_usd}: {bills.calls} calls, {bills.prompt_tokens:,} tokens in, "
        f"{bills.output_tokens:,} out"
    )
    ratio = float(bills.cached_usd / bills.uncached_usd)
    return Figure(what=what, value=ratio, unit="of the uncached bill", limit=limit, note=note)


async def _bills(folder: Path, size: Size, pipeline: str, words: int) -> Bills:
    workspace = make_workspace(folder)
    _lengthen(workspace / CONTEXT, words)
    own = pipeline == SEVEN
    text = answer()
    async with FakeClaude(answer=(lambda _: text) if own else RehearsedAnswers(), latency_s=size.latency_s) as server:
        settings = settings_for(workspace, parallel=3, base_url=server.base_url)
        model = ClaudeModel(api_key=KEY, base_url=server.base_url, clock=SystemClock(), max_parallel=3)
        try:
            await _finish(settings, model, pipeline)
        finally:
            await model.aclose()
        return Bills(
            cached_usd=server.total_usd,
            uncached_usd=sum((_uncached_usd(line) for line in server.bill), Decimal(0)),
            calls=len(server.bill),
            prompt_tokens=sum(map(_prompt_tokens, server.bill)),
            output_tokens=sum(line["output_tokens"] for line in server.bill),
        )


async def _finish(settings: Settings, model: ClaudeModel, pipeline: str) -> None:
    async with open_office(settings, model=model) as office:
        goal = await office.submit(Submission(description=GOAL, rehearsal=False, pipeline=pipeline))
        await office.work(goal.goal_id)
        done = await office.store.goal(goal.goal_id)
        assert done.status is GoalStatus.COMPLETED, done.error


def _lengthen(context: Path, words: int) -> None:
    text = context.read_text(encoding="utf-8")
    missing = max(0, words - len(text.split()))
    lines = FILLER * -(-missing // len(FILLER.split())) if words else ""
    context.write_text(f"{text}\n## Handbook\n\n{lines}" if lines else text, encoding="utf-8")


def _prompt_tokens(line: BillLine) -> int:
    return (
        line["input_tokens"] + line["cache_read_tokens"] + line["cache_write_5m_tokens"] + line["cache_write_1h_tokens"]
    )


def _uncached_usd(line: BillLine) -> Decimal:
    return cost_usd(line["model"], Tokens(input=_prompt_tokens(line), output=line["output_tokens"]))
