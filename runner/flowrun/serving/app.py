"""The three pages: /healthz (is the process well?), /readyz (can it do its work?), /metrics; beside them the doors for
deals (`serving.deals`).

The pages are read, and nothing else: only GET and HEAD, no bodies. All of it is one request a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowrun.engine.gauges import Gauges
from flowrun.errors import FlowrunError, WorkFailed
from flowrun.serving.deals import Doors
from flowrun.serving.metrics import Metrics
from flowrun.serving.probe import Probe
from flowrun.serving.problems import PROBLEM, Document, Problem
from flowrun.serving.pulse import Pulse

PATIENCE = 3.0
"""Seconds that a page waits for the store's answer."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages show. `mask` hides secrets in what is said of the store."""

    pulse: Pulse
    probe: Probe
    metrics: Metrics
    mask: Callable[[str], str]

    async def healthz(self, _: Request) -> Response:
        """503 when the process should be started anew."""
        return _told(self.pulse.stuck(), "ok")

    async def readyz(self, _: Request) -> Response:
        """503 when no work is done now, with the reason."""
        reason = self.pulse.idle() or self.pulse.stuck()
        if reason is None:
            try:
                found = await self._ask()
            except FlowrunError as error:
                reason = self.mask(str(error))
            else:
                reason = None if found.revision is not None else "no revision is applied in this store yet"
        return _told(reason, "ready")

    async def measured(self, request: Request) -> Response:
        """The metrics; those of the store are left out where it can't be read."""
        try:
            found = await self._ask()
        except FlowrunError:
            found = None
        text, media_type = self.metrics.text(found, request.headers.get("accept", ""))
        return Response(text, headers={"content-type": media_type})

    async def _ask(self) -> Gauges:
        answer = asyncio.wrap_future(self.probe.ask())
        answer.add_done_callback(lambda late: late.exception())  # or asyncio complains of one that nobody waited for
        done, _ = await asyncio.wait({answer}, timeout=PATIENCE)
        if not done:
            raise WorkFailed(f"the store doesn't answer within {PATIENCE:.0f} s")
        return answer.result()


def app(pages: Pages, doors: Doors) -> ASGIApp:
    """The application of these pages and doors."""
    routes = [
        Route(path, page, methods=["GET"])
        for path, page in (("/healthz", pages.healthz), ("/readyz", pages.readyz), ("/metrics", pages.measured))
    ]
    return _Strict(Starlette(routes=routes), ServerErrorMiddleware(doors, _defect))


def _defect(_request: Request, _error: Exception) -> Response:
    """What whoever asked is told of a defect; the run is told what it was."""
    return Document(Problem(500, "a defect of flowrun; its log says more").content, 500, media=PROBLEM)


def takes_deals(path: str) -> bool:
    """Whether that is the path of a door, not of a page."""
    return path.startswith(("/deals", "/openapi.json"))


class _Strict:
    """Takes no bodies but for deals, and lets no connection live on after its answer."""

    def __init__(self, pages: ASGIApp, doors: ASGIApp) -> None:
        self._pages = pages
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["connection"] = "close"
                headers["cache-control"] = "no-store"
            await send(message)

        headers = Headers(scope=scope)
        inner = self._doors if takes_deals(scope["path"]) else self._pages
        bodied = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        if bodied and inner is self._pages:
            inner = PlainTextResponse("no body is taken here\n", 413)
        await inner(scope, receive, closing)


def _told(reason: str | None, fine: str) -> Response:
    return PlainTextResponse(f"{fine}\n") if reason is None else PlainTextResponse(f"{reason}\n", 503)
