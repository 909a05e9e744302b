"""The server: a thread that answers HTTP beside the runner, and never keeps the process from ending.

uvicorn is told nothing of signals (the runner has them) and logs nothing of requests; what goes wrong in it becomes an
event of the run. A connection lives for ten seconds at most, however slowly somebody writes or reads.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from flowrun.clock import Clock
from flowrun.engine.events import Ended, Event, Listening, Warned
from flowrun.errors import WorkFailed
from flowrun.serving.address import Address
from flowrun.serving.app import Pages, app, takes_deals
from flowrun.serving.deals import Doors
from flowrun.serving.desk import Desk
from flowrun.serving.metrics import Metrics
from flowrun.serving.probe import Probe
from flowrun.serving.pulse import Pulse
from flowrun.serving.tokens import Tokens

_LONGEST = 10.0
_LONGEST_WITH_BODY = 20.0
_HEADERS = 8 * 1024
_CONNECTIONS = 64
_GRACE = 1
_LAST = 1.9
"""Seconds, seconds, bytes, number, seconds, seconds: a connection's life, and what deals add to it, a request's head,
connections at once, the end of requests that are being answered, and the end of the thread."""


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

    listener = _bound(address)
    config = uvicorn.Config(
        app(Pages(pulse, probe, metrics, mask), doors),
        http=_Brief,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEADERS,
        timeout_graceful_shutdown=_GRACE,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="flowrun-server", daemon=True)
    with listener, _listening_to("uvicorn.error", troubled), _listening_to("asyncio", troubled):
        thread.start()
        tell(Listening(_url(listener), deals=bool(tokens)))
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


class _Told(logging.Handler):
    """Says what a library logs as an error; its warnings are of what clients did, and nobody's trouble."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        said = record.getMessage().partition("\n")[0]
        self._tell(f"the server: {said}" + (f" ({type(error).__name__}: {error})" if error else ""))


@contextmanager
def _listening_to(name: str, tell: Callable[[str], None]) -> Iterator[None]:
    logger, handler = logging.getLogger(name), _Told(tell)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _bound(address: Address) -> socket.socket:
    """A socket at that address."""
    written = f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, at = found[0]
        return socket.create_server(at[:2], family=family)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        said = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or "there is no such host"
        raise WorkFailed(f"can't listen at {written}: {said}", "choose another address with --listen") from None


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
