"""`flowrun explain`: what each tunnel would do with a deal, and why."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine.explain import Explanation
from flowrun.engine.explain import explain as explained
from flowrun.store import revisions
from flowrun.store.connection import open_store


def explain(store: str, clock: Clock, deal: str, tunnel: str | None = None, *, read_only: bool = False) -> Explanation:
    """The tunnels from the deal's stage, or that one. Raises WorkFailed for names that aren't there.

    `read_only` refuses an older store, whose tables are brought up to date otherwise.
    """
    with open_store(store, clock, read_only=read_only) as opened, opened.read() as connection:
        return explained(connection, revisions.applied(connection), deal, opened.clock.now(), tunnel)
