"""The doors: each opens what a command needs, in order, and closes it in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from marketeer import __version__
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FilesBeside, FileWorkspace
from marketeer.domain.errors import UsageError
from marketeer.ports import Clock, ModelClient, Tracer
from marketeer.runtime.office import Office

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.adapters.bullmq_queue import RedisLink
    from marketeer.adapters.examiner.beside import ExaminerBeside
    from marketeer.settings import Settings


@dataclass(slots=True, kw_only=True)
class Reader:
    """What reading needs."""

    settings: Settings
    workspace: FileWorkspace
    store: SqliteStore
    clock: Clock


@asynccontextmanager
async def open_reader(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Reader]:
    """Raises UsageError when there is no workspace to read."""
    workspace = FileWorkspace(settings.workspace_dir)
    workspace.check()
    if not workspace.exists:
        msg = f"nothing here yet: {str(workspace.root)!r} is no workspace; run `marketeer init` or `marketeer start`"
        raise UsageError(msg)
    async with _open_store(workspace) as store:
        yield Reader(settings=settings, workspace=workspace, store=store, clock=clock or SystemClock())


@asynccontextmanager
async def open_office(
    settings: Settings,
    *,
    clock: Clock | None = None,
    model: ModelClient | None = None,
    tracer: Tracer | None = None,
    link: RedisLink | None = None,
) -> AsyncIterator[Office]:
    """Makes the workspace when there is none. `model` stands in for Claude, `tracer` for OpenTelemetry (tests). Whoever
    works here gives the `link` to the Redis that is configured (`open_link`)."""
    files = FilesBeside(partial(_tell_of_loss, "files are written"))
    workspace = FileWorkspace(settings.workspace_dir, beside=files)
    workspace.make()
    async with aclosing(files), _open_store(workspace) as store, _open_tracer(settings) as found:
        if link is not None:
            await link.enter(settings.marketeer_redis_prefix, await store.workspace_id())
        office = Office(
            settings=settings,
            workspace=workspace,
            store=store,
            clock=clock or SystemClock(),
            model=model,
            tracer=tracer or found,
            link=link,
            examiner=_examiner(),
        )
        try:
            yield office
        finally:
            await office.aclose()


def _examiner() -> ExaminerBeside:
    from marketeer.adapters.examiner.beside import ExaminerBeside

    return ExaminerBeside(partial(_tell_of_loss, "outputs are examined"))


def _tell_of_loss(what: str, why: str) -> None:
    from marketeer.logs import get_logger

    get_logger(__name__).warning("helper_lost", why=why, effect=f"{what} in this process from now on")


@asynccontextmanager
async def _open_tracer(settings: Settings) -> AsyncIterator[Tracer | None]:
    """None when nobody asked for traces, or when what they need is not installed."""
    if settings.otel_exporter_otlp_endpoint is None:
        yield None
        return
    try:
        from marketeer.adapters.otel import OtelTracer, http_exporter
    except ImportError as exc:
        from marketeer.logs import get_logger

        remedy = "install marketeer[otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        get_logger(__name__).warning("traces_are_off", error=str(exc), remedy=remedy)
        yield None
        return
    headers = settings.otel_exporter_otlp_headers
    exporter = http_exporter(settings.otel_exporter_otlp_endpoint, headers.get_secret_value() if headers else None)
    tracer = OtelTracer(exporter, version=__version__)
    try:
        yield tracer
    finally:
        await tracer.aclose()


@asynccontextmanager
async def _open_store(workspace: FileWorkspace) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(workspace.database_path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
