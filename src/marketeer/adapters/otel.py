"""Traces by OpenTelemetry: spans with the GenAI names, sent to a collector over HTTP. Needs the extra `otel`.

Ids are worked out, not drawn: a trace's from its goal's id, a goal's and a task's span from theirs. So a span can name
its parent before that is told, and what several processes tell of a goal is one trace. The names of attributes are
still in development (https://opentelemetry.io/docs/specs/semconv/gen-ai/), so they are plain strings here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import unquote

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from marketeer.domain.goal import Goal
from marketeer.domain.snapshot import Change
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.work import WorkItem
from marketeer.ports import ChatSpan, ModelRequest, ModelResponse

SERVICE = "marketeer"
REHEARSAL_PROVIDER = "marketeer.rehearsal"
# A collector that does not answer holds up the end of a command by as much.
EXPORT_TIMEOUT_S = 3

Attributes = Mapping[str, str | int | bool | tuple[str, ...] | None]


class OtelTracer:
    """See ports.Tracer. `exporter` takes what is told, in the background, and at last when it is closed."""

    def __init__(self, exporter: SpanExporter, *, version: str) -> None:
        self._ids = _PlannedIds()
        self._provider = TracerProvider(resource=_resource(version), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE, version)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)

    # -- as it happens ---------------------------------------------------------------------------------------

    @contextmanager
    def step(self, item: WorkItem, goal: Goal, *, agent: str) -> Iterator[None]:
        attributes: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": _provider(goal),
            "gen_ai.agent.name": agent,
            "gen_ai.conversation.id": goal.goal_id,
            "marketeer.task.id": item.task_id,
            "marketeer.work_item.id": item.work_item_id,
            "marketeer.work_item.kind": item.kind.value,
            "marketeer.work_item.claim": item.claim,
        }
        span = self._tracer.start_span(
            f"invoke_agent {agent}", context=self._parent(item, goal), attributes=_told(attributes, goal)
        )
        with self._within(span):
            yield

    @contextmanager
    def chat(self, request: ModelRequest, item: WorkItem, goal: Goal) -> Iterator[ChatSpan]:
        attributes: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _provider(goal),
            "gen_ai.request.model": request.model.model_id,
            "gen_ai.request.max_tokens": request.max_output_tokens,
            "gen_ai.request.stream": True,
            "gen_ai.conversation.id": goal.goal_id,
            "marketeer.call.id": request.call_id,
        }
        around = trace.get_current_span().get_span_context()
        span = self._tracer.start_span(
            f"chat {request.model.model_id}",
            # a call belongs to the step it is made in, and to the task when it is made outside of any
            context=None if around.trace_id == _trace_id(goal.goal_id) else self._parent(item, goal),
            kind=SpanKind.CLIENT,
            attributes=_told(attributes, goal),
        )
        with self._within(span):
            yield _Chat(span)

    @contextmanager
    def _within(self, span: Span) -> Iterator[None]:
        """The span is the current one in the block, and ends with it. Errors may quote anything: their type must do."""
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield
            except BaseException as exc:
                _fail(span, type(exc.__cause__ or exc).__name__)
                raise

    # -- when it is over -------------------------------------------------------------------------------------

    def committed(self, change: Change) -> None:
        for task_change in change.tasks:
            before, task = task_change.before, task_change.after
            if task.status.is_final and not (before and before.status.is_final):
                self._task_ended(task, change.goal)
        if change.goal.finished_at is not None and any("goal_status" in entry.data for entry in change.entries):
            self._goal_ended(change.goal, change.goal.finished_at)

    def _task_ended(self, task: Task, goal: Goal) -> None:
        attributes: Attributes = {
            "gen_ai.conversation.id": goal.goal_id,
            "marketeer.task.id": task.task_id,
            "marketeer.task.status": task.status.value,
            "marketeer.task.revision": task.revision,
            "marketeer.task.generation": task.generation,
            "marketeer.task.verdict": task.verdict,
            "marketeer.skill": task.skill,
        }
        self._tell(
            f"task {task.skill}",
            span_id=_span_id(task.task_id),
            parent=self._context(goal, _goal_span_id(goal.goal_id, task.pass_number)),
            attributes=_told(attributes, goal),
            times=(task.created_at, task.finished_at or task.created_at),
            error=task.status.value if task.status is TaskStatus.FAILED else None,
        )

    def _goal_ended(self, goal: Goal, finished_at: datetime) -> None:
        """Each pass of a goal has a span of its own, from the goal's creation on."""
        attributes: Attributes = {
            "gen_ai.conversation.id": goal.goal_id,
            "marketeer.goal.status": goal.status.value,
            "marketeer.goal.category": goal.category.value if goal.category else None,
            "marketeer.goal.pipeline": goal.pipeline,
            "marketeer.goal.priority": goal.priority.value if goal.priority else None,
            "marketeer.goal.pass": goal.pass_number,
        }
        self._tell(
            "goal",
            span_id=_goal_span_id(goal.goal_id, goal.pass_number),
            parent=Context(),
            attributes=_told(attributes, goal),
            times=(goal.created_at, finished_at),
            error=goal.status.value if goal.status.value in _ENDED_BADLY else None,
            trace_id=_trace_id(goal.goal_id),
        )

    def _tell(
        self,
        name: str,
        *,
        span_id: int,
        parent: Context,
        attributes: dict[str, str | int | bool | tuple[str, ...]],
        times: tuple[datetime, datetime],
        error: str | None,
        trace_id: int | None = None,
    ) -> None:
        """A whole span at once, from its first time to its second."""
        with self._ids.planned(span_id, trace_id):
            span = self._tracer.start_span(name, context=parent, attributes=attributes, start_time=_ns(times[0]))
        if error is not None:
            _fail(span, error)
        span.end(_ns(times[1]))

    # -- belonging -------------------------------------------------------------------------------------------

    def _parent(self, item: WorkItem, goal: Goal) -> Context:
        own = _goal_span_id(goal.goal_id, goal.pass_number)
        return self._context(goal, _span_id(item.task_id) if item.task_id is not None else own)

    def _context(self, goal: Goal, span_id: int) -> Context:
        """That of a span which is yet to be told. Whether a goal's trace is kept is asked the sampler each time: it
        decides by the trace's id, so that every process gets the same answer."""
        trace_id = _trace_id(goal.goal_id)
        decision = self._provider.sampler.should_sample(Context(), trace_id, "goal").decision
        flags = TraceFlags(TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
        remote = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(NonRecordingSpan(remote), Context())


_ENDED_BADLY = frozenset({"failed", "budget_exhausted", "max_iterations"})


class _Chat:
    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, response: ModelResponse) -> None:
        attributes: Attributes = {
            "gen_ai.response.model": response.model,
            "gen_ai.response.finish_reasons": (response.stop_reason,) if response.stop_reason else None,
            "anthropic.request.id": response.request_id,
        }
        self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})
        if response.usage is not None:
            usage = response.usage
            self._span.set_attributes(
                {
                    "gen_ai.usage.input_tokens": usage.total_input_tokens,
                    "gen_ai.usage.output_tokens": usage.output_tokens,
                    "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
                    "gen_ai.usage.cache_write.input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
                }
            )


class _PlannedIds(RandomIdGenerator):
    """Random, unless the next span's ids are planned."""

    def __init__(self) -> None:
        self._span_id: int | None = None
        self._trace_id: int | None = None

    @contextmanager
    def planned(self, span_id: int, trace_id: int | None) -> Iterator[None]:
        """For the one span that is started in the block."""
        self._span_id, self._trace_id = span_id, trace_id
        try:
            yield
        finally:
            self._span_id = self._trace_id = None

    def generate_span_id(self) -> int:
        return self._span_id if self._span_id is not None else super().generate_span_id()

    def generate_trace_id(self) -> int:
        return self._trace_id if self._trace_id is not None else super().generate_trace_id()


def http_exporter(endpoint: str, headers: str | None) -> SpanExporter:
    """To a collector's OTLP address over HTTP; `headers` are `name=value` pairs, separated by commas."""
    pairs = (part.partition("=") for part in (headers or "").split(","))
    given = {name.strip().lower(): unquote(value.strip()) for name, found, value in pairs if found}
    return OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", headers=given, timeout=EXPORT_TIMEOUT_S)


def _resource(version: str) -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, which the SDK reads, win."""
    found = Resource.create({SERVICE_VERSION: version})
    named = not str(found.attributes[SERVICE_NAME]).startswith("unknown_service")
    return found if named else found.merge(Resource({SERVICE_NAME: SERVICE}))


def _told(attributes: Attributes, goal: Goal) -> dict[str, str | int | bool | tuple[str, ...]]:
    known = {name: value for name, value in attributes.items() if value is not None}
    return known | {"marketeer.rehearsal": goal.rehearsal}


def _provider(goal: Goal) -> str:
    """Who answers. A rehearsal's tokens are nobody's, and must not be counted with Claude's."""
    return REHEARSAL_PROVIDER if goal.rehearsal else "anthropic"


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


def _trace_id(goal_id: str) -> int:
    return int.from_bytes(_digest(f"goal {goal_id}")[:16])


def _goal_span_id(goal_id: str, pass_number: int) -> int:
    return _span_id(f"{goal_id} pass {pass_number}")


def _span_id(name: str) -> int:
    return int.from_bytes(_digest(f"span {name}")[:8])


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _ns(at: datetime) -> int:
    # by whole microseconds: a float has no room for nanoseconds since 1970
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000
