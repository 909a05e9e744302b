"""A receiver of webhooks, which checks what it gets by the text of Standard Webhooks alone; and its faults."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[int, "Got"], int | None]
"""From the number of the request (from 0) and what came to the status; None: the connection ends without an answer."""


@dataclass(frozen=True)
class Got:
    """One request that was signed rightly by at least one of the receiver's secrets."""

    id: str
    timestamp: int
    body: dict[str, Any]
    signatures: int
    path: str
    headers: dict[str, str]


@dataclass
class Receiver:
    """Where it is, and all that it got."""

    url: str
    got: list[Got] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def deals(self) -> list[str]:
        return [one.body["data"]["deal"] for one in self.got]


def verified(secret: str, id_: str, timestamp: str, body: bytes, signatures: str) -> bool:
    """The standard: HMAC-SHA256 of `id.timestamp.body` by the base64 after `whsec_`; a list parted by spaces, of which
    those of version 1 count."""
    key = base64.b64decode(secret.split("_", 1)[1])
    block = 64
    padded = (hashlib.sha256(key).digest() if len(key) > block else key).ljust(block, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + f"{id_}.{timestamp}.".encode() + body).digest()
    expected = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()
    given = [one.split(",", 1) for one in signatures.split(" ")]
    return any(version == "v1" and hmac.compare_digest(base64.b64decode(text), expected) for version, text in given)


@contextmanager
def receiving(secret: str, answer: Answer = lambda _number, _got: 204, **headers: str) -> Iterator[Receiver]:
    """A receiver on this machine that knows that secret. `headers` are those of its answers."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            parts = [self.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")]
            if not verified(secret, parts[0], parts[1], body, parts[2]):
                receiver.refused.append(parts[0])
                self._say(401)
                return
            known = dict(self.headers.items())
            got = Got(parts[0], int(parts[1]), json.loads(body), len(parts[2].split()), self.path, known)
            with lock:
                status = answer(len(receiver.got), got)
                receiver.got.append(got)
            if status is None:
                self.close_connection = True
                self.connection.close()
            else:
                self._say(status)

        def _say(self, status: int) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hooks")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
