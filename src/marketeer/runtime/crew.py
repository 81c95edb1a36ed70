"""The crew: everyone who works in a session, introduced to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketeer.adapters.rehearsal import RehearsalModel
from marketeer.domain.pace import Pace
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.work import Scope
from marketeer.engine.agreement import Agreement
from marketeer.engine.api_state import ApiState
from marketeer.engine.best_of import Chooser
from marketeer.engine.director import Director
from marketeer.engine.drawing_board import DrawingBoard
from marketeer.engine.executor import Executor
from marketeer.engine.gate import Gate
from marketeer.engine.handlers import Handlers
from marketeer.engine.ledger import Ledger, Models
from marketeer.engine.memory import Memory
from marketeer.engine.outbox import SWEEP_EVERY_S, Outbox
from marketeer.engine.patience import PATIENCE_S
from marketeer.engine.planner import Planner
from marketeer.engine.readings import Readings
from marketeer.engine.reports import Reports
from marketeer.engine.reviewer import Reviewer
from marketeer.engine.session import Session
from marketeer.engine.structured import Structured
from marketeer.engine.worker import Worker, WorkerOptions
from marketeer.masking import Masking
from marketeer.runtime.hands import SWEEP_IN_COMPANY_S, lease_s, new_company, new_owner, new_queue
from marketeer.runtime.loading import zone_of

if TYPE_CHECKING:  # the office makes the crew
    from marketeer.runtime.office import Office


def new_session(office: Office, scope: Scope, *, patience_s: float | None = PATIENCE_S) -> Session:
    """Everyone, and the session that they work in. `patience_s` is for a store out of reach (None: for ever)."""
    settings, store, clock = office.settings, office.store, office.clock
    owner = new_owner()
    rehearsal = RehearsalModel(clock, settings.marketeer_rehearsal_latency_s)
    real, warm_up = (None, None) if scope.rehearsals_only else office.real_model()
    api = ApiState(clock)
    library = office.library
    memory = Memory(store, library, clock)
    queue, company = new_queue(office, rehearsals_only=scope.rehearsals_only), new_company(office, owner)
    gate = Gate(
        store=store,
        clock=clock,
        doorbell=office.doorbell,
        api=api,
        ask_api=real.answers if real is not None else None,
        disk=office.workspace.disk,
        budget_level=office.budget_level,
        shared=company is not None,
    )
    ledger = Ledger(
        store,
        Models(real=real, rehearsal=rehearsal),
        clock,
        office.doorbell,
        api=api,
        owner=owner,
        tracer=office.tracer,
        patience_s=patience_s,
        pace=Pace(
            at_once=settings.marketeer_calls_at_once,
            a_minute=settings.marketeer_calls_per_minute,
        ),
        at_once=lambda: gate.calls_at_once,
    )
    executor = Executor(
        store=store,
        library=library,
        ledger=ledger,
        team=office.team,
        memory=memory,
        clock=clock,
        zone=zone_of(settings),
        progress_of=office.live.note,
    )
    drawing_board = DrawingBoard(
        store=store,
        library=library,
        team=office.team,
        routing=office.routing,
        memory=memory,
        clock=clock,
    )
    planner = Planner(
        structured=Structured(store=store, ledger=ledger, team=office.team, clock=clock),
        store=store,
        team=office.team,
        clock=clock,
        zone=zone_of(settings),
        parallel=settings.max_parallel_agents,
        enabled=settings.marketeer_planner == "model",
    )
    director = Director(
        store=store,
        library=library,
        team=office.team,
        drawing_board=drawing_board,
        planner=planner,
        memory=memory,
        reports=Reports(store, clock),
        clock=clock,
        parallel=settings.max_parallel_agents,
        depth=settings.marketeer_review,
        readings=Readings(store=store, ledger=ledger, team=office.team, clock=clock, zone=zone_of(settings)),
        agreement=Agreement(
            store=store,
            library=library,
            ledger=ledger,
            team=office.team,
            examiner=office.examiner,
            clock=clock,
            # Who wants no model to judge wants none to compare.
            asks=settings.marketeer_review is not ReviewDepth.QUICK,
        ),
    )
    reviewer = Reviewer(
        store=store,
        library=library,
        ledger=ledger,
        team=office.team,
        examiner=office.examiner,
        clock=clock,
        api_is_down=lambda: api.is_down,
        depth=settings.marketeer_review,
    )
    handlers = Handlers(
        progress=office.progress,
        director=director,
        chooser=Chooser(
            store=store, ledger=ledger, executor=executor, reviewer=reviewer, team=office.team, clock=clock
        ),
        reviewer=reviewer,
        tracer=office.tracer,
    )
    outbox = Outbox(
        store=store,
        queue=queue,
        progress=office.progress,
        doorbell=office.doorbell,
        clock=clock,
        scope=scope,
        gate=gate,
        sweep_every_s=SWEEP_IN_COMPANY_S if company is not None else SWEEP_EVERY_S,
    )
    worker = Worker(
        store=store,
        queue=queue,
        progress=office.progress,
        handlers=handlers,
        clock=clock,
        api=api,
        gate=gate,
        covers=outbox.covers_goal,
        options=WorkerOptions(
            owner=owner,
            max_parallel=settings.max_parallel_agents,
            lease_s=lease_s(office),
            masked=Masking(settings.secrets()),
            patience_s=patience_s,
            rehearsals_only=company is not None and scope.rehearsals_only,
        ),
    )
    return Session(
        store=store,
        progress=office.progress,
        library=library,
        queue=queue,
        outbox=outbox,
        worker=worker,
        gate=gate,
        doorbell=office.doorbell,
        clock=clock,
        owner=owner,
        grace_s=settings.shutdown_grace_s,
        warm_up=warm_up,
        company=company,
    )
