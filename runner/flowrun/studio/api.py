"""The page's way to everything: its files, and the JSON API. What blocks is done in a thread, beside the loop."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from flowrun.errors import FlowrunError
from flowrun.studio.deals import deal, deals, moved, waits
from flowrun.studio.editing import Editing
from flowrun.studio.events import Events
from flowrun.studio.folder import Folder
from flowrun.studio.launch import Launch
from flowrun.studio.live import Live
from flowrun.studio.problems import Document, Problem, problem_of, refusal
from flowrun.studio.project import project_content
from flowrun.studio.proposals import Proposals

STATIC = Path(__file__).parent / "static"
"""The page's own files."""

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_BODY_SECONDS = 15.0

Content: TypeAlias = Mapping[str, object]
Way: TypeAlias = Callable[[Request], Awaitable[Response]]
"""What one method of a path does."""


class Api:
    """The application behind the guard."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self.folder = Folder(launch.project)
        self.live = Live(launch, lambda: self.folder.snapshot().digest)
        self.events = Events(self.live)
        self._editing = Editing(self.folder)
        self.proposals = Proposals(launch, self.folder)

    def close(self) -> None:
        """Take away what was kept for the page. A store that doesn't answer is left alone."""
        self.proposals.close()
        self.live.rest(0.2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._way(request)(request)
        except Problem as problem:
            response = refusal(problem)
        except FlowrunError as error:
            response = refusal(problem_of(error, self._launch.mask))
        except ClientDisconnect:
            response = Response(status_code=400)
        await response(scope, receive, send)

    def _way(self, request: Request) -> Way:
        path = segments(request.scope)
        ways = self._ways(path)
        if not ways:
            raise Problem(404, "not-found", "there is nothing at this path")
        way = ways.get(request.method)
        if way is None:
            raise Problem(405, "bad-request", f"{request.method} is not used at this path")
        return way

    def _ways(self, path: Sequence[str]) -> Mapping[str, Way]:
        """What can be done at that path, by method."""
        match path:
            case [""]:
                return self._page(("index.html",))
            case ["static", *names]:
                return self._page(names)
            case ["api", "project"]:
                return {"GET": self._asked(self._project)}
            case ["api", "live"]:
                return {"GET": self._asked(self.live.content)}
            case ["api", "events"]:
                return {"GET": self._stream}
            case ["api", "pending"]:
                return {"GET": self._asked(partial(waits, self._launch), queried=True)}
            case ["api", "deals"]:
                return {"GET": self._asked(partial(deals, self._launch), queried=True)}
            case ["api", "deals", id_]:
                return {"GET": self._asked(partial(deal, self._launch, id_))}
            case ["api", "deals", id_, "move"]:
                return {"POST": self._done(partial(self._move, id_))}
            case ["api", "edit"]:
                return {"POST": self._done(self._editing.edit, lambda body: body.get("dry_run") is not True)}
            case ["api", "undo"]:
                return {"POST": self._done(self._editing.undo)}
            case ["api", "redo"]:
                return {"POST": self._done(self._editing.redo)}
            case ["api", "preview"]:
                return {"POST": self._done(self.proposals.preview, lambda _: False)}
            case ["api", "apply"]:
                return {"POST": self._done(self._apply)}
            case _:
                return {}

    def _page(self, names: Sequence[str]) -> Mapping[str, Way]:
        async def get(request: Request) -> Response:
            found = await run_in_threadpool(_static, names)
            etag = f'"{hashlib.sha256(found).hexdigest()[:32]}"'
            headers = {"etag": etag, "cache-control": "no-cache"}
            if request.headers.get("if-none-match") == etag:
                return Response(status_code=304, headers=headers)
            return Response(found, headers=headers, media_type=_TYPES[Path(names[-1]).suffix])

        return {"GET": get, "HEAD": get}

    @staticmethod
    def _asked(ask: Callable[..., Content], *, queried: bool = False) -> Way:
        """Answers a question; `queried`: it is given the query."""

        async def get(request: Request) -> Response:
            given = (dict(request.query_params),) if queried else ()
            return Document(await run_in_threadpool(ask, *given))

        return get

    def _done(
        self, do: Callable[[dict[str, Any]], Content], writes: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> Way:
        """Does what the body asks for; `writes` says whether that writes something."""

        async def post(request: Request) -> Response:
            body = await _body(request)
            if self._launch.read_only and writes(body):
                raise Problem(403, "read-only", "the studio was started with --read-only")
            return Document(await run_in_threadpool(do, body))

        return post

    def _project(self) -> Content:
        now = self.folder.snapshot()
        return {**project_content(now, self._launch), **self._editing.able(now)}

    def _move(self, id_: str, body: dict[str, Any]) -> Content:
        content = moved(self._launch, id_, body)
        self.live.stale()
        return content

    def _apply(self, body: dict[str, Any]) -> Content:
        if not self._launch.allow_apply:
            says = "nothing is applied from here: the studio was started without --allow-apply"
            raise Problem(403, "no-apply", says, "apply it with 'flowrun apply', or start the studio anew")
        content = self.proposals.apply(body)
        self.live.stale()
        return content

    async def _stream(self, _: Request) -> Response:
        if self.events.full:
            raise Problem(503, "failed", "too many pages are open", "close some of them")
        return StreamingResponse(self.events.stream(), media_type="text/event-stream")


def segments(scope: Scope) -> list[str]:
    """The parts of the path, each decoded by itself: an id may hold a slash."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return [unquote(part) for part in raw.decode("latin-1").partition("?")[0].removeprefix("/").split("/")]


def _static(names: Sequence[str]) -> bytes:
    """The content of a file of the page. Raises Problem for whatever is none."""
    top = STATIC.resolve()
    plain = all(name and not name.startswith(".") and "/" not in name and "\\" not in name for name in names)
    if plain and names and Path(names[-1]).suffix in _TYPES:
        try:
            path = top.joinpath(*names).resolve()
            if path.is_relative_to(top) and path.is_file():
                return path.read_bytes()
        except (OSError, ValueError):
            pass
    raise Problem(404, "not-found", "there is no such file")


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of the body."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            data = await request.body()
    except TimeoutError:
        raise Problem(408, "bad-request", "the body did not come in time") from None
    try:
        content = json.loads(data)
        json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Problem(400, "bad-request", "the body is no JSON") from None
    if not isinstance(content, dict):
        raise Problem(400, "bad-request", "the body is no JSON object")
    return content
