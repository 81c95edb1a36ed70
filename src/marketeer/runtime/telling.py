"""What tells people: notices by apprise, made of the settings as they are now."""

from __future__ import annotations

import asyncio
from datetime import time
from typing import TYPE_CHECKING

from marketeer.adapters.apprise_notifier import AppriseNotifier
from marketeer.domain.notice import QuietHours
from marketeer.engine.notify import Notify, NotifyOptions
from marketeer.masking import Masking
from marketeer.runtime.loading import zone_of

if TYPE_CHECKING:  # the office is what this is made in
    from marketeer.runtime.office import Office
    from marketeer.settings import Settings


def notifier_of(settings: Settings) -> AppriseNotifier:
    return AppriseNotifier([address.get_secret_value() for address in settings.notify_urls])


def quiet_hours(settings: Settings) -> QuietHours | None:
    if settings.notify_quiet_hours is None:
        return None
    begin, _, end = settings.notify_quiet_hours.partition("-")
    return QuietHours(begin=time.fromisoformat(begin), end=time.fromisoformat(end))


async def announce(office: Office) -> None:
    """Until cancelled. Raises ConfigurationError for an address that nobody understands."""
    settings = office.settings
    notifier = notifier_of(settings)
    if notifier.channels:
        await asyncio.to_thread(notifier.check)
    notify = Notify(
        store=office.store,
        clock=office.clock,
        doorbell=office.doorbell,
        notifier=notifier,
        options=NotifyOptions(quiet=quiet_hours(settings), zone=zone_of(settings), masked=Masking(settings.secrets())),
    )
    await notify.run()
