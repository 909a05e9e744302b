"""Listening: a socket at an address, its URL, how uvicorn serves there, and what libraries say of troubles."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from flowrun.errors import WorkFailed
from flowrun.serving.address import Address

_GRACE = 1
"""Seconds that requests which are being answered have when the server is to stop."""


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
def troubles(name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell what the logger of that name has as errors, and nobody else of it, while the block runs."""
    logger, handler = logging.getLogger(name), _Told(tell)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def bound(address: Address) -> socket.socket:
    """A socket at that address. Raises WorkFailed."""
    written = f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, at = found[0]
        return socket.create_server(at[:2], family=family)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        said = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or "there is no such host"
        raise WorkFailed(f"can't listen at {written}: {said}", "choose another address with --listen") from None


def url_of(listener: socket.socket) -> str:
    """Where it listens, as a URL."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configured(app: Any, *, connections: int, head: int, http: Any = "h11") -> uvicorn.Config:
    """uvicorn for that application: it logs nothing of requests, believes no proxy, and does not say what it is.

    `connections`: how many at once; `head`: bytes of a request's head; `http`: the protocol, or its class.
    """
    return uvicorn.Config(
        app,
        http=http,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=connections,
        h11_max_incomplete_event_size=head,
        timeout_graceful_shutdown=_GRACE,
    )
