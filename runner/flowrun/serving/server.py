"""The server: a thread that answers HTTP beside the runner, and never keeps the process from ending.

uvicorn is told nothing of signals (the runner has them) and logs nothing of requests; what goes wrong in it becomes an
event of the run. A connection lives for ten seconds at most, however slowly somebody writes or reads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from flowrun.clock import Clock
from flowrun.engine.events import Ended, Event, Listening, Warned
from flowrun.serving.address import Address
from flowrun.serving.app import Pages, app, takes_deals
from flowrun.serving.deals import Doors
from flowrun.serving.desk import Desk
from flowrun.serving.listening import bound, configured, troubles, url_of
from flowrun.serving.metrics import Metrics
from flowrun.serving.probe import Probe
from flowrun.serving.pulse import Pulse
from flowrun.serving.tokens import Tokens

_LONGEST = 10.0
_LONGEST_WITH_BODY = 20.0
_HEADERS = 8 * 1024
_CONNECTIONS = 64
_LAST = 1.9
"""Seconds, seconds, bytes, number, seconds: a connection's life, and what deals add to it, a request's head,
connections at once, and the end of the thread."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a run tells the server: `hear` of events, `step` that it turns."""

    hear: Callable[[Event], None]
    step: Callable[[], None]


@contextmanager
def serving(
    address: Address,
    store: str,
    clock: Clock,
    mask: Callable[[str], str],
    tell: Callable[[Event], None],
    tokens: Tokens | None = None,
) -> Iterator[Watch]:
    """Serve the pages at that address while the block runs, and take deals from whoever has one of the tokens (none
    where there are no tokens). `tell` hears where, and of troubles, in any thread.

    Raises WorkFailed if it can't be listened at.
    """
    pulse, probe, metrics, desk = Pulse(), Probe(store, clock), Metrics(), Desk(store, clock)
    doors = Doors(tokens or None, desk, mask, metrics.count_request)

    def hear(event: Event) -> None:
        pulse.hear(event)
        metrics.hear(event)
        if isinstance(event, Ended):
            desk.close()
            probe.close()  # before the runner leaves the store: the last one to leave it tidies up

    def troubled(message: str) -> None:
        event = Warned(message, "server")
        hear(event)
        tell(event)

    if tokens is not None:
        tokens.complain = troubled
    listener = bound(address)
    pages = app(Pages(pulse, probe, metrics, mask), doors)
    server = uvicorn.Server(configured(pages, connections=_CONNECTIONS, head=_HEADERS, http=_Brief))
    thread = threading.Thread(target=server.run, args=([listener],), name="flowrun-server", daemon=True)
    with listener, troubles("uvicorn.error", troubled), troubles("asyncio", troubled):
        thread.start()
        tell(Listening(url_of(listener), deals=bool(tokens)))
        try:
            yield Watch(hear, pulse.beat)
        finally:
            server.should_exit = True
            thread.join(_LAST)
            desk.close(0.0)
            probe.close(0.0)


class _Brief(H11Protocol):
    """A connection that ends after some seconds, whatever happens on it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end = self.loop.call_later(_LONGEST, self._old)

    def _old(self) -> None:
        """A request that brings deals has a token, and its body may take longer."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and takes_deals(cycle.scope["path"]):
            self._end = self.loop.call_later(_LONGEST_WITH_BODY, self.transport.abort)
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)
