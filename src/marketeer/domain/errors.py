"""One tree of errors, grouped by who must act.

MarketeerError
|-- UsageError                the user: a bad argument, a name that does not exist
|   |-- ConfigurationError    the user: a setting, key, model or team file is wrong; work is handed back, not failed
|   `-- WorkspaceBusy         the user: another process works this workspace
|-- TransientError            nobody: try again later
|   |-- EmptyOutput           the model answered with nothing, this time
|   |-- CutShort              the answer broke off without having filled its limit
|   |-- StoreUnavailable      the disk is full, the database locked or read-only
|   `-- ApiUnavailable        the model API refuses or does not answer (connection, 429, 529, 5xx)
|-- PermanentError            the task fails, the goal goes on without it
|   |-- ModelRefused          the model declined to answer
|   |-- Truncated             the answer did not fit, even with the larger limit
|   `-- MissingInput          what the task needs does not exist
|-- BudgetExceeded            the budget: waits for money or for a human
|-- Conflict                  the store changed since it was read: load again and retry
`-- StaleClaim                the lease was lost: another worker owns the item now
"""

from __future__ import annotations


class MarketeerError(Exception):
    """Base of every error this package raises on purpose. `str(error)` is one line: what, and what to do next."""


class UsageError(MarketeerError):
    """What the user asked for cannot be done as asked. Exit code 2."""


class ConfigurationError(UsageError):
    """A setting, key, model or team file is wrong. Work in hand is handed back untouched. Exit code 2."""


class WorkspaceBusy(UsageError):
    """Another process already works on this workspace's embedded queue."""


class TransientError(MarketeerError):
    """May succeed when tried again. `retry_after_s` is the server's own wish, None when it gave none."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailable(TransientError):
    """The database could not be read or written just now. Nothing was changed."""


class ApiUnavailable(TransientError):
    """The model API did not answer, or asked to be left alone. `rate_limited` is True for a 429."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, rate_limited: bool = False) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.rate_limited = rate_limited


class EmptyOutput(TransientError):
    """The model answered without any text. What never answers otherwise fails with its attempts."""


class CutShort(TransientError):
    """The answer was cut twice, at last well below the larger limit: not its length was too much."""


class PermanentError(MarketeerError):
    """Trying the same thing again cannot help: the task fails, the rest of the goal goes on."""


class ModelRefused(PermanentError):
    """The model declined (stop reason `refusal`)."""


class Truncated(PermanentError):
    """The answer filled the output limit, and again the larger limit."""


class MissingInput(PermanentError):
    """A document the task cannot do without is not there."""


class BudgetExceeded(MarketeerError):
    """A cap would be passed. `scope` is month, goal or task; money is US dollars as text."""

    def __init__(self, message: str, *, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class Conflict(MarketeerError):
    """The goal changed between reading and writing. Nothing was written; load the snapshot again."""


class StaleClaim(MarketeerError):
    """The work item's lease was lost. What was paid for is recorded; nothing else may change."""
