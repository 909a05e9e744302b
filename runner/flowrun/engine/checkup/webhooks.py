"""The check of webhooks: can each be told, and of what could it not be? The receivers themselves are not asked."""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.diagnostics import excerpt
from flowrun.engine.checkup.finding import Finding, counted, fine, span, warning
from flowrun.engine.checkup.patient import Patient
from flowrun.engine.deliveries import MOST, oldest_waiting, webhook_status
from flowrun.store import revisions

_LATE = 60 * 60_000


def webhooks(patient: Patient) -> Iterable[Finding]:
    """The secrets, dead messages, and how long the oldest one has waited."""
    with patient.read() as connection:
        applied = revisions.current(connection)
        if applied is None:
            return
        every = webhook_status(connection, applied.flow)
        waiting = {one.id: oldest_waiting(connection, one.id) for one in every if one.waiting}
    now = patient.clock.now()
    for one in every:
        found = applied.flow.webhooks.get(one.id)
        said = "" if one.said is None else f" ({excerpt(one.said, 100)})"
        since = None if (at := waiting.get(one.id)) is None else max(0, now - at)
        lacks = None if found is None else patient.lacks(found)
        if lacks is not None:
            yield warning(
                "webhooks", f"{one.id}: {lacks}", "its messages wait until it is there, where the runner runs"
            )
        if one.disabled_at is not None:
            again = "apply another `url`, or once the receiver is back: flowrun retry"
            yield warning("webhooks", f"{one.id}: it is told nothing, since its receiver is gone{said}", again)
        elif one.dead:
            much = f"{'at least ' if one.dead >= MOST else ''}{counted(one.dead, 'message')} given up"
            yield warning("webhooks", f"{one.id}: {much}{said}", "see to the receiver, then: flowrun retry")
        elif since is not None and since > _LATE:
            much = f"{counted(one.waiting, 'message')} waiting, the oldest for {span(since)}"
            yield warning("webhooks", f"{one.id}: {much}{said}", "see that a runner runs, and the receiver answers")
        elif lacks is None:
            yield fine("webhooks", f"{one.id}: {counted(one.waiting, 'message')} waiting")
