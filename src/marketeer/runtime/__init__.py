"""The composition root: opens everything a command needs, in order, and closes it in reverse.

Three doors: `open_reader` (store and workspace, nothing heavy), `open_office` (may also submit and decide) and
`Office.work` (holds the working lock and does the work). Modules that cost start-up time are imported where they are
needed.
"""

from marketeer.runtime.doors import Reader, open_office, open_reader
from marketeer.runtime.health import health_of
from marketeer.runtime.link import open_link
from marketeer.runtime.loading import (
    claude_model,
    load_workspace_routing,
    load_workspace_team,
    preview,
    require_idle,
    require_key_and_prices,
    schedule_book,
    zone_of,
)
from marketeer.runtime.office import Office

__all__ = [
    "Office",
    "Reader",
    "claude_model",
    "health_of",
    "load_workspace_routing",
    "load_workspace_team",
    "open_link",
    "open_office",
    "open_reader",
    "preview",
    "require_idle",
    "require_key_and_prices",
    "schedule_book",
    "zone_of",
]
