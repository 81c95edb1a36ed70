"""Traces: what a goal did as spans, one trace whoever works on it, each call counted once, and nothing said in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from marketeer.adapters.claude import ClaudeModel
from marketeer.adapters.otel import REHEARSAL_PROVIDER, OtelTracer
from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.ports import CallLost
from marketeer.runtime import Office
from marketeer.testing.fake_claude import FakeClaude
from tests.integration import desk

CHAT_ALWAYS = {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.request.max_tokens",
    "gen_ai.request.stream",
    "gen_ai.conversation.id",
    "marketeer.call.id",
    "marketeer.rehearsal",
}
ANSWERED = {
    "gen_ai.response.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
}


class Watched:
    """What one process has told."""

    def __init__(self, spans: Sequence[ReadableSpan]) -> None:
        self.spans = spans

    def named(self, start: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(start)]

    def parent_of(self, span: ReadableSpan) -> ReadableSpan | None:
        parent = span.parent.span_id if span.parent else None
        return next((other for other in self.spans if other.context.span_id == parent), None)

    def lineage(self, span: ReadableSpan) -> list[str]:
        names = [span.name]
        while (above := self.parent_of(span)) is not None:
            names.append(above.name)
            span = above
        return names


@asynccontextmanager
async def watched_office(
    folder: Path, model: desk.Clerk | ClaudeModel | None, told: list[ReadableSpan]
) -> AsyncIterator[Office]:
    """An office whose spans are in `told` once it has closed."""
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(exporter, version="1.2.3")
    try:
        async with desk.an_office(folder, model, tracer=tracer) as office:
            yield office
    finally:
        await tracer.aclose()
        told += exporter.get_finished_spans()


async def finished(folder: Path, clerk: desk.Clerk, pipeline: str = desk.FAN) -> tuple[Goal, Watched]:
    told: list[ReadableSpan] = []
    async with watched_office(folder, clerk, told) as office:
        goal = await desk.finish(office, pipeline)
    return goal, Watched(told)


def value(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


async def test_a_goals_calls_lie_within_agents_within_tasks_within_the_goal(tmp_path: Path) -> None:
    goal, seen = await finished(tmp_path, desk.Clerk())
    assert len({span.context.trace_id for span in seen.spans}) == 1
    (root,) = seen.named("goal")
    assert root.parent is None
    assert value(root, "marketeer.goal.status") == "completed"
    assert root.start_time == int(goal.created_at.timestamp() * 1_000_000) * 1_000
    assert {tuple(seen.lineage(chat)[1:]) for chat in seen.named("chat ")} == {
        (f"invoke_agent {skill}", f"task {skill}", "goal")
        for skill in ("analytics-tracking", "copy-editing", "social-content")
    }
    reviews = seen.named("invoke_agent reviewer")
    assert {seen.lineage(review)[1] for review in reviews} == {task.name for task in seen.named("task ")}
    assert len(seen.named("task ")) == 3
    assert {tuple(seen.lineage(step)[1:]) for step in seen.named("invoke_agent director")} == {("goal",)}
    assert {span.status.status_code for span in seen.spans} == {StatusCode.UNSET}
    assert {span.resource.attributes["service.name"] for span in seen.spans} == {"marketeer"}


async def test_a_call_has_the_genai_names_and_its_tokens_stand_nowhere_else(tmp_path: Path) -> None:
    told: list[ReadableSpan] = []
    async with watched_office(tmp_path, desk.Clerk(), told) as office:
        goal = await desk.finish(office)
        (call,) = await office.store.calls(goal.goal_id)
    seen = Watched(told)
    (chat,) = seen.named("chat ")
    assert (chat.name, chat.kind) == (f"chat {call.model}", SpanKind.CLIENT)
    assert set(chat.attributes or {}) == CHAT_ALWAYS | ANSWERED
    assert value(chat, "gen_ai.provider.name") == "anthropic"
    assert value(chat, "gen_ai.conversation.id") == goal.goal_id
    assert value(chat, "marketeer.call.id") == call.call_id
    assert value(chat, "gen_ai.usage.input_tokens") == call.usage.total_input_tokens
    assert value(chat, "gen_ai.usage.output_tokens") == call.usage.output_tokens
    others = [span for span in seen.spans if span is not chat]
    assert [span.name for span in others if any("usage" in name for name in span.attributes or {})] == []


@pytest.mark.parametrize(
    ("trouble", "error_type"),
    [(ApiUnavailable("secret words"), "ApiUnavailable"), (CallLost("secret words"), "CallLost")],
)
async def test_a_failed_call_is_an_error_of_a_type_and_its_retry_another_span(
    tmp_path: Path, trouble: Exception, error_type: str
) -> None:
    clerk = desk.Clerk()
    clerk.says["analytics-tracking"] = [trouble]
    _, seen = await finished(tmp_path, clerk, desk.SOLO)
    failed, answered = seen.named("chat ")
    assert (failed.status.status_code, value(failed, "error.type")) == (StatusCode.ERROR, error_type)
    assert (answered.status.status_code, value(answered, "error.type")) == (StatusCode.UNSET, None)
    assert failed.events == ()
    assert seen.parent_of(failed) is not seen.parent_of(answered)
    assert seen.lineage(failed)[2:] == seen.lineage(answered)[2:] == ["task analytics-tracking", "goal"]


async def test_a_goal_whose_task_failed_and_its_task_are_errors(tmp_path: Path) -> None:
    clerk = desk.Clerk()
    clerk.says["analytics-tracking"] = [desk.refused]
    goal, seen = await finished(tmp_path, clerk, desk.SOLO)
    assert goal.status is GoalStatus.FAILED
    for name in ("goal", "task analytics-tracking", "invoke_agent analytics-tracking"):
        (span,) = seen.named(name)
        assert span.status.status_code is StatusCode.ERROR, name
    (chat,) = seen.named("chat ")
    assert chat.status.status_code is StatusCode.UNSET
    assert value(chat, "gen_ai.response.finish_reasons") == ("refusal",)


async def test_what_one_process_began_and_another_finished_is_one_trace_told_once(tmp_path: Path) -> None:
    clerk, told, first = desk.Clerk(), list[ReadableSpan](), list[ReadableSpan]()
    clerk.hold("copy-editing", "analytics-tracking")
    async with watched_office(tmp_path, clerk, first) as office:
        goal = await desk.submit(office, desk.FAN)
        async with desk.at_work(office, goal) as shift:
            await clerk.busy_with("copy-editing", "analytics-tracking")
            shift.interrupt()
            shift.interrupt()
    assert Watched(first).named("goal") == []
    assert [span.name for span in Watched(first).named("task ")] == ["task social-content"]
    cut = [value(chat, "error.type") for chat in Watched(first).named("chat ")]
    assert cut.count("CancelledError") == 2
    assert set(cut) == {"CancelledError", None}
    clerk.let_go("copy-editing", "analytics-tracking")
    async with watched_office(tmp_path, clerk, told) as office:
        assert (await desk.again(office, goal)).status is GoalStatus.COMPLETED
    seen = Watched([*first, *told])
    assert len({span.context.trace_id for span in seen.spans}) == 1
    assert len({span.context.span_id for span in seen.spans}) == len(seen.spans)
    (root,) = seen.named("goal")
    assert all(seen.lineage(span)[-1] == root.name for span in seen.spans)
    assert len(seen.named("task ")) == 3


async def test_a_second_pass_is_a_span_of_its_own_in_the_same_trace(tmp_path: Path) -> None:
    told: list[ReadableSpan] = []
    async with watched_office(tmp_path, desk.Clerk(), told) as office:
        goal = await desk.finish(office)
        (task,) = await office.store.tasks(goal.goal_id)
        await desk.again(office, await office.redo(task.task_id, note="shorter", by="ada"))
    seen = Watched(told)
    assert [value(span, "marketeer.goal.pass") for span in seen.named("goal")] == [1, 2]
    old, new = seen.named("task ")
    assert seen.parent_of(old) is not seen.parent_of(new)
    assert len({span.context.trace_id for span in seen.spans}) == 1


async def test_a_rehearsals_calls_are_not_claudes(tmp_path: Path) -> None:
    told: list[ReadableSpan] = []
    async with watched_office(tmp_path, None, told) as office:
        await desk.finish(office, rehearsal=True)
    providers = {value(span, "gen_ai.provider.name") for span in Watched(told).named("chat ")}
    assert providers == {REHEARSAL_PROVIDER}
    assert {value(span, "marketeer.rehearsal") for span in told} == {True}


async def test_no_span_holds_a_word_of_goal_prompt_answer_or_key(tmp_path: Path) -> None:
    clerk = desk.Clerk()
    clerk.says["analytics-tracking"] = [RuntimeError(f"unexpected words and {desk.KEY}")]
    _, seen = await finished(tmp_path, clerk)
    said = "\n".join(span.to_json() for span in seen.spans)
    for words in (desk.KEY, "unexpected words", "signups from harbours", "Harbourlog", "Summary", "berth"):
        assert words not in said
    assert not any(span.events for span in seen.spans)


async def test_a_call_is_told_once_even_where_the_program_around_us_traces_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(around))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    told: list[ReadableSpan] = []
    async with FakeClaude(api_key=desk.KEY) as server:
        clock = desk.QuickClock()
        model = ClaudeModel(api_key=desk.KEY, base_url=server.base_url, clock=clock, max_parallel=2)
        async with watched_office(tmp_path, model, told) as office:
            goal = await desk.finish(office, desk.FAN)
            calls = await office.store.calls(goal.goal_id)
        await model.aclose()
    assert goal.status is GoalStatus.COMPLETED
    chats = Watched(told).named("chat ")
    assert sorted(str(value(chat, "marketeer.call.id")) for chat in chats) == sorted(call.call_id for call in calls)
    for name, billed in (("input_tokens", "prompt"), ("output_tokens", "output")):
        counted = sum(int(str(value(chat, f"gen_ai.usage.{name}"))) for chat in chats)
        assert counted == sum(_billed(server, billed)), name
    assert around.get_finished_spans() == ()


def _billed(server: FakeClaude, what: str) -> list[int]:
    if what == "output":
        return [line["output_tokens"] for line in server.bill]
    kinds = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    return [line[kind] for line in server.bill for kind in kinds]  # type: ignore[literal-required]
