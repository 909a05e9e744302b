"""Problems: what a client is told that can't have what it asks for, as `application/problem+json` (RFC 9457).

`title` says the sort, `detail` the case. `errors` are what is wrong with the deals that were sent: `pointer` (JSON
Pointer into the body), `field`, `found`, `expected` and `detail`, each where it can be said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flowrun.sources.posted import Fault

PROBLEM = "application/problem+json"
"""The media type of a problem."""

_LINGER = 1.0
_DRAIN = 4 * 1024 * 1024
"""Seconds and bytes for which the rest of a body that nobody wants is taken, so that the answer isn't lost with it."""


class Problem(Exception):
    """A request is refused, with that status. `more` are further keys of the document, `headers` of the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    @property
    def content(self) -> dict[str, object]:
        """The document."""
        title = HTTPStatus(self.status).phrase
        found: dict[str, object] = {"title": title, "status": self.status, "detail": self.detail}
        return found | ({"errors": list(self.errors)} if self.errors else {})


class Document(Response):
    """A JSON document; ASCII, so that half a surrogate pair in what a client sent does no harm."""

    def __init__(
        self, content: object, status: int = 200, headers: Mapping[str, str] | None = None, media: str | None = None
    ) -> None:
        super().__init__(json.dumps(content) + "\n", status, headers, media or "application/json")


class Refusal(Document):
    """A problem as an answer. What the client still sends is taken for a moment, and thrown away."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.content, problem.status, problem.headers, PROBLEM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": True})
        with suppress(TimeoutError, ClientDisconnect):
            await asyncio.wait_for(_drained(scope, receive), _LINGER)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drained(scope: Scope, receive: Receive) -> None:
    names = {name for name, _ in scope["headers"]}
    if (b"content-length" not in names and b"transfer-encoding" not in names) or (b"expect", b"100-continue") in scope[
        "headers"
    ]:
        return
    left = _DRAIN
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def error_of(fault: Fault, pointer: str) -> dict[str, object]:
    """A fault of a deal, as an entry of `errors`; `pointer` is that of the deal."""
    at = pointer if fault.field is None else f"{pointer}/{_escaped(fault.field)}"
    known = {"field": fault.field, "found": fault.found, "expected": fault.expected}
    return {"pointer": at, **{name: text for name, text in known.items() if text is not None}, "detail": fault.detail}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
