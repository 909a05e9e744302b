"""A proxy between a runner and its PostgreSQL server, that can cut the runner off.

It passes bytes on, and looks at what the client says. At the first message that has a given text in it, it does one of:

- `Cut.BEFORE`: it closes the connection; the server never hears of that message;
- `Cut.AFTER`: it passes the message on, waits until the server has answered, and closes the connection instead of
  passing the answer on;
- `Cut.HOLE`: it keeps the connections open, and passes nothing on any more, as a network does that loses all packets.

New connections are passed on as before, except while there is a hole.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum, auto
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Cut(Enum):
    """What is done at the message."""

    BEFORE = auto()
    AFTER = auto()
    HOLE = auto()


class Proxy:
    """`with Proxy(url) as proxy`: whoever uses `proxy.url` is passed on to the server of `url`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = parts.hostname, parts.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._cut: Cut | None = None
        self._at = b""
        self._closed = False
        self.done = threading.Event()
        """Set when it has cut."""
        self._healed = threading.Event()
        self._healed.set()
        port = self._listener.getsockname()[1]
        credentials = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}"))

    def cut(self, how: Cut, at: str) -> None:
        """Do that at the next message of a client with that text."""
        self.done.clear()
        self._at, self._cut = at.encode(), how

    def heal(self) -> None:
        """Close what has been cut off, and pass new connections on."""
        with self._lock:
            for one in self._open:
                _close(one)
        self._healed.set()

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._cut = None
        _close(self._listener)
        self.heal()
        for thread in self._threads:
            thread.join()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                _close(client)
                continue
            with self._lock:
                self._open += [client, server]
            fate = _Fate()
            self._begin(self._pass_on, client, server, fate)
            self._begin(self._bring_back, server, client, fate)

    def _pass_on(self, client: socket.socket, server: socket.socket, fate: _Fate) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                how = self._cut
                if how is not None and self._at in data:
                    self._cut = None
                    if how is Cut.HOLE:
                        self._healed.clear()
                        self.done.set()
                    elif how is Cut.BEFORE:
                        self.done.set()
                        break
                    else:
                        fate.sealed = True
                self._healed.wait()
                server.sendall(data)
        _close(client)
        _close(server)

    def _bring_back(self, server: socket.socket, client: socket.socket, fate: _Fate) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                self._healed.wait()
                if fate.sealed:
                    self.done.set()
                    break
                client.sendall(data)
        _close(client)
        _close(server)


class _Fate:
    """Whether the next answer of a connection is its end."""

    sealed = False


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
