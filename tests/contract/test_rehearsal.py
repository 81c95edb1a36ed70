"""The rehearsal model: every skill's document holds against its contract, whatever the goal and the context."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketeer.adapters.rehearsal import RehearsalModel
from marketeer.adapters.rehearsal.model import rehearse
from marketeer.adapters.team_files import load_team
from marketeer.domain.contract import (
    GOAL_SOURCE,
    Code,
    Column,
    Contract,
    Field,
    ListOf,
    Quotes,
    Section,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_check import check
from marketeer.domain.errors import PermanentError
from marketeer.domain.markdown import parse
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.skill import FOUNDATION_SKILL, Brief, Skill, SkillInfo
from marketeer.domain.usage import ModelSpec, Price, Tier
from marketeer.ports import Material, ModelRequest, PromptBlock
from marketeer.testing.clock import FakeClock

TEAM = load_team(None)
NAMES = tuple(TEAM.skill_names())
REGISTRY = frozenset(NAMES)
GOAL = "Increase signup conversion by 20%"
HARD_GOAL = (
    "春の新規登録を20%増やす 🚢🎉\r\n## Not a heading | TODO [insert name] `code` <b>\x07\n"
    "sk-live0123456789abcdef second line"
)
CONTEXT = """# Product Marketing Context: Harbourlog

## Product Overview

**One-liner:** Harbourlog keeps every berth of a small harbour booked and billed.
**What it does:** A guest books by text. The plan of the pontoons shows who lies where; the bill is paid on arrival.
**Category:** Berth management for small harbours
**Business model:** Subscription. Quay: €39 a month. Basin: €119 a month.

## Target Audience

**Company profile:** Harbours with 20 to 200 berths on the Baltic coast
**Buyer:** The harbour master; the club's board signs
**Jobs to be done:**
- Know tonight's free berths without walking the pontoons
- Get paid before guests cast off

**Not for:** Marinas that belong to a chain

## Personas

| Persona | Role in purchase | Goal | Frustration | Promise |
|---|---|---|---|---|
| Mira, harbour master | decision maker | No empty berth in July | Drawing the plan all day | One plan that is right |
| Jonas, club treasurer | budget owner | Accounts closed by October | Cash in envelopes | Every night on one list |

## Problems and Pain Points

- Guests leave at dawn without paying
- The paper plan is wrong by noon
- Nobody knows which berths are free tonight

## Competitive Landscape

| Alternative | Type | Why people pick it | Where it falls short |
|---|---|---|---|
| PierPal | direct | Known from the boat show | Needs an app on every guest's phone |
| DockDesk | secondary | Part of the accounting suite | No plan of the pontoons |
| Paper plan and cash box | indirect | Always been there | Wrong by noon |

## Differentiation

- Works offline: the plan stays right when the signal does not reach the pontoon
- Booking by text: guests need no app

## Objections

| Objection | Answer | Evidence |
|---|---|---|
| Our guests are over seventy | A text message is enough | 31 harbours in use |
| The season is short | Pay only for open months | Price list |
| Jonas likes his ledger | The list prints as a ledger | Treasurer's letter |

## Switching Dynamics

**Push:** A Saturday with two boats for one berth
**Pull:** The evening round takes ten minutes
**Habit:** The pencil hangs by the door
**Anxiety:** What if it fails in July

## Customer Language

**Problem:** "Half my guests are gone before I wake up." (Mira, call, May 2025)
**Problem:** "I draw the plan three times a day." (harbour visit, June 2025)
**Solution:** "It is my pencil, only it does not break." (Ole, review)
**Words to use:** berth, guest, pontoon, evening round
**Words to avoid:** seamless, solution, yacht management suite, step

## Brand Voice

**Tone:** Calm and salty
**Traits:** plain, calm, dry
**Do:** name the berth and the hour
**Don't:** talk like a boat show

## Proof Points

| Claim | Value | Source | Date |
|---|---|---|---|
| Harbours in use | 31 | Billing | Sep 2025 |

**Known gaps:** Nobody has measured the evening round

## Goals

| Goal | Metric | Baseline | Target | By |
|---|---|---|---|---|
| More trials | Visit to trial | 2.1% | 2.6% | 2026-05-01 |
| Keep harbours | Yearly renewals | 88% | 93% | 2026-11-01 |

**Primary conversion:** Free trial, then first paid night
"""
LONG_CONTEXT = (
    CONTEXT + "\n## Notes from the season\n\n" + "The wind was from the west and berth nine stayed empty. " * 520
)
# What people write who know of no template.
FREE_CONTEXT = """# Padaria Três Marias

We bake in 7 shops in Lisbon. Sourdough at €4,20, pastéis de nata at €1,35 or €7,50 for six | "caixa de seis".

## What we want

Subscriptions to Pão à Porta (€29 a month): from 240 to 600 by June 2027.
"""
PRICE = Price(
    input=Decimal(3),
    output=Decimal(15),
    cache_write_5m=Decimal("3.75"),
    cache_write_1h=Decimal(6),
    cache_read=Decimal("0.3"),
)
SPEC = ModelSpec(model_id="model-x", price=PRICE, context_tokens=200_000, max_output_tokens=64_000, min_cache_tokens=10)


def material(
    skill: Skill, *, context: str = CONTEXT, goal: str = GOAL, inputs: dict[str, str] | None = None
) -> Material:
    return Material(
        skill=skill,
        goal=goal,
        brief="Do it well.",
        context=context,
        upstream={"content-strategy": "# Topics\n\n## Summary\n\nTen topics."},
        inputs=inputs or {},
        registry=REGISTRY,
        task_id="t-1",
        feedback=None,
        today="2026-03-02, Monday, Europe/Berlin",
    )


def problems(made: Material, text: str) -> list[str]:
    context = parse_context(made.context)
    facts = facts_of(context, registry=made.registry, sources={**made.upstream, **made.inputs, GOAL_SOURCE: made.goal})
    return [finding.line() for finding in check(made.skill.contract, text, facts).findings]


def own_skill(*sections: Section, envelope: bool = True) -> Skill:
    """A skill that a user might add."""
    info = SkillInfo(
        name="harbour-radio",
        description="Radio",
        squad="creative",
        tier=Tier.SONNET,
        timeout_s=60,
        max_output_tokens=4000,
        upstream=(),
        downstream=(),
        review_depth=ReviewDepth.QUICK,
        brief=Brief(objective="Say {goal}"),
    )
    contract = Contract(skill="harbour-radio", sections=sections, envelope=envelope, min_words=150, max_words=900)
    return Skill(info=info, body="", references=(), contract=contract)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("context", "goal"),
    [(CONTEXT, GOAL), ("", GOAL), (CONTEXT, HARD_GOAL), ("", HARD_GOAL), (LONG_CONTEXT, GOAL), (FREE_CONTEXT, GOAL)],
    ids=["known", "nothing known", "hard goal", "hard goal and nothing known", "30 KB of context", "no template"],
)
def test_every_skills_document_holds_against_its_contract(name: str, context: str, goal: str) -> None:
    made = material(TEAM.skill(name), context=context, goal=goal)
    assert problems(made, rehearse(made)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_same_material_gives_the_same_document(name: str) -> None:
    made = material(TEAM.skill(name))
    assert rehearse(made) == rehearse(replace(made, task_id="t-2"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != FOUNDATION_SKILL])
def test_the_document_is_about_this_company_and_says_that_it_is_a_rehearsal(name: str) -> None:
    text = rehearse(material(TEAM.skill(name)))
    assert text.splitlines()[2].startswith("> Rehearsal: written offline")
    assert text.count("Harbourlog") >= 3
    known = (
        "Mira",
        "Jonas",
        "PierPal",
        "DockDesk",
        "Works offline",
        "Booking by text",
        "Guests leave at dawn",
        "paid night",
    )
    assert sum(anchor in text for anchor in known) >= 3
    assert GOAL in text


@pytest.mark.parametrize("name", NAMES)
def test_free_text_is_not_repeated_down_a_column(name: str) -> None:
    contract = TEAM.skill(name).contract
    free = {
        (section.heading, column.name)
        for section in contract.sections
        for rule in section.checks
        if isinstance(rule, Table)
        for column in rule.columns
        if not (column.one_of or column.ref or column.integer or column.pattern or column.maximum)
    }
    for section in parse(rehearse(material(TEAM.skill(name)))).sections:
        for table in section.tables:
            for at, column in enumerate(table.header):
                cells = [row[at] for row in table.rows if len(row[at]) > 25]
                assert (section.title, column) not in free or len(cells) == len(set(cells)), (section.title, column)


def test_a_context_from_nothing_is_unknown_except_for_what_was_given() -> None:
    made = material(
        TEAM.skill(FOUNDATION_SKILL), context="", inputs={"inputs/notes.md": "Harbourlog books berths by text."}
    )
    text = rehearse(made)
    assert "**What it does:** Harbourlog books berths by text. [in:inputs/notes.md]" in text
    assert f"| {GOAL} [target] | Unknown:" in text
    assert problems(made, text) == []
    assert parse_context(text).personas == ()


def test_a_context_that_holds_is_kept_as_it_is() -> None:
    made = material(TEAM.skill(FOUNDATION_SKILL))
    assert parse_context(rehearse(made)).personas == parse_context(CONTEXT).personas
    assert "Half my guests are gone before I wake up." in rehearse(made)


def test_a_skill_nobody_foresaw_is_written_from_its_contract_alone() -> None:
    skill = own_skill(
        Section(
            heading="Spots",
            must_contain=("channel sixteen",),
            checks=(
                Field(label="Code word", pattern=r"^[A-Z]{3}-\d{4}$"),
                Field(label="Length", integer=True, minimum=15, maximum=60),
                Field(label="Opening", min_chars=60, max_chars=90),
                Table(
                    columns=(
                        Column(name="Spot", unique=True, pattern=r"^S\d{2}$"),
                        Column(name="Mood", one_of=("calm", "dry"), distinct_min=2),
                        Column(name="For", ref="context.personas"),
                        Column(name="Weight", integer=True, minimum=1, maximum=5),
                    ),
                    min_rows=4,
                    sorted_desc="Weight",
                ),
                ListOf(min_items=2, max_items=3, after="Sounds", pattern=r"^(gull|bell|fog horn): \w+"),
                Quotes(min_quotes=4),
                Subsections(
                    each=Subsection(
                        title_pattern=r"^Spot [A-Z]: .+$",
                        checks=(
                            Code(info=("copy",), min_words=30, max_words=45),
                            Field(label="Spot", ref="table:Spots.Spot"),
                        ),
                    ),
                    min_count=2,
                ),
            ),
        ),
    )
    made = material(skill)
    assert problems(made, rehearse(made)) == []


@settings(max_examples=25, deadline=None)
@given(goal=st.text(max_size=200), product=st.text(max_size=40), persona=st.text(max_size=40))
def test_no_goal_and_no_name_breaks_a_document(goal: str, product: str, persona: str) -> None:
    context = CONTEXT.replace("Harbourlog", product).replace("Mira, harbour master", persona)
    made = material(TEAM.skill("marketing-ideas"), goal=goal, context=context)
    assert "## Handoff" in rehearse(made)


def request(made: Material | None, *, user: str = "Write it.", model: ModelSpec = SPEC) -> ModelRequest:
    system = (
        PromptBlock(text="House rules. " * 50, cache="1h"),
        PromptBlock(text="The skill. " * 50, cache="5m"),
        PromptBlock(text="Past learnings."),
    )
    return ModelRequest(
        call_id="c-1", model=model, system=system, user=user, max_output_tokens=8000, timeout_s=60, material=made
    )


async def test_usage_is_realistic_and_the_second_call_reads_the_cache() -> None:
    model = RehearsalModel(FakeClock())
    made = material(TEAM.skill("copywriting"))
    first, second = await model.complete(request(made)), await model.complete(request(made, user="Again."))
    assert first.usage is not None
    assert second.usage is not None
    assert (first.usage.cache_write_1h_tokens, first.usage.cache_write_5m_tokens) == (162, 138)
    assert first.usage.cache_read_tokens == 0
    assert second.usage.cache_read_tokens == 300
    assert second.usage.cache_write_1h_tokens == second.usage.cache_write_5m_tokens == 0
    assert first.usage.output_tokens == round(len(first.text) / 4)
    assert (first.stop_reason, first.model, first.request_id) == ("end_turn", "model-x", None)
    await model.aclose()


async def test_a_prefix_too_short_for_the_cache_is_plain_input() -> None:
    model = RehearsalModel(FakeClock())
    spec = replace(SPEC, min_cache_tokens=100_000)
    answer = await model.complete(request(material(TEAM.skill("copywriting")), model=spec))
    assert answer.usage is not None
    assert answer.usage.cache_write_5m_tokens == answer.usage.cache_write_1h_tokens == 0
    assert answer.usage.input_tokens > 300


async def test_progress_rises_to_the_whole_text_and_takes_the_given_time() -> None:
    clock = FakeClock(auto=True)
    seen: list[int] = []
    answer = await RehearsalModel(clock, latency_s=2.0).complete(
        request(material(TEAM.skill("copywriting"))), seen.append
    )
    assert seen == sorted(seen)
    assert seen[-1] == len(answer.text)
    assert answer.latency_s == pytest.approx(2.0)


async def test_without_material_nothing_can_be_rehearsed() -> None:
    with pytest.raises(PermanentError, match="none"):
        await RehearsalModel(FakeClock()).complete(request(None))
