"""The server of the studio: a thread that answers, while the process waits to be told to stop.

uvicorn is told nothing of signals; whoever began it says when to stop. Then all streams end at once, requests that are
being answered have a second, and what still goes on is left behind.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from flowrun.serving.address import Address
from flowrun.serving.listening import bound, configured, troubles, url_of
from flowrun.studio.api import Api
from flowrun.studio.events import Events
from flowrun.studio.guard import MOST_HEAD, Door, Guard
from flowrun.studio.launch import Launch
from flowrun.studio.watch import Watch

_CONNECTIONS = 100
_LAST = 1.5
"""Connections at once; seconds that the thread has to end."""


@contextmanager
def serving(
    launch: Launch, address: Address, fits: Callable[[str], bool], complain: Callable[[str], None]
) -> Iterator[str]:
    """Serve the studio at that address while the block runs; what is given is its URL.

    `fits` says whether a token is valid; `complain` hears of troubles, in any thread. Raises WorkFailed if it can't be
    listened at.
    """
    api = Api(launch)
    listener = bound(address)
    door = Door(address.host, listener.getsockname()[1])
    server = _Server(configured(Guard(api, door, fits), connections=_CONNECTIONS, head=MOST_HEAD), api.events)
    thread = threading.Thread(target=server.run, args=([listener],), name="flowrun-studio", daemon=True)
    with listener, troubles("uvicorn.error", complain), troubles("asyncio", complain):
        watch = Watch(api.folder, api.events.files)
        thread.start()
        try:
            yield url_of(listener)
        finally:
            watch.close()
            server.should_exit = True
            thread.join(_LAST)
            api.close()


class _Server(uvicorn.Server):
    """A server that ends its streams when it is to stop, before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, events: Events) -> None:
        super().__init__(config)
        self._events = events

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, after the streams."""
        self._events.close()
        await super().shutdown(sockets)
