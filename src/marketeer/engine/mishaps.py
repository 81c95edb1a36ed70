"""What an error of a step comes to: the outcome that the goal hears of, none when the step is no longer ours."""

from __future__ import annotations

from marketeer.domain.errors import (
    ApiUnavailable,
    MarketeerError,
    PermanentError,
    StaleClaim,
    StoreUnavailable,
    TransientError,
    UsageError,
)
from marketeer.domain.outcome import Failed, FailureKind, HandedBack, ItemRef, Outcome, OverBudget
from marketeer.engine.ledger import CapReached
from marketeer.logs import get_logger

log = get_logger(__name__)


def outcome_of(ref: ItemRef, exc: Exception, *, said: str, api_is_down: bool) -> Outcome | None:
    """`said` is what the error says, without secrets: its words are kept, in the journal, in questions and reports."""
    match exc:
        case StaleClaim():
            log.warning("claim_stale", error=str(exc))
            return None
        case CapReached():
            return OverBudget(
                item=ref,
                scope=exc.scope,
                reason=said,
                until=exc.until,
                ask_usd=exc.ask_usd,
                cap_usd=exc.refused.cap_usd,
            )
        case UsageError():
            log.warning("stopped_by_configuration", error=str(exc))
            return HandedBack(item=ref, reason=said)
        case StoreUnavailable():
            return HandedBack(item=ref, reason=said)
        case TransientError():
            return _transient(ref, exc, said, api_is_down=api_is_down)
        case PermanentError() | MarketeerError():
            log.warning("item_failed", error=str(exc), error_type=type(exc).__name__)
            return Failed(item=ref, kind=FailureKind.PERMANENT, error=said)
        case _:
            log.error("item_failed_unexpectedly", exc_info=exc)
            return Failed(item=ref, kind=FailureKind.PERMANENT, error=f"unexpected {type(exc).__name__}: {said}")


def _transient(ref: ItemRef, exc: TransientError, said: str, *, api_is_down: bool) -> Failed:
    down = isinstance(exc, ApiUnavailable) and api_is_down
    log.warning("item_failed", error=said, retry_after_s=exc.retry_after_s, api_down=down)
    return Failed(
        item=ref,
        kind=FailureKind.OUTAGE if down else FailureKind.TRANSIENT,
        error=said,
        retry_after_s=exc.retry_after_s,
    )
