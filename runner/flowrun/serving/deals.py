"""The doors for deals: PUT, GET and DELETE /deals/ID, POST /deals:batch, and what they take: GET /openapi.json.

Whoever comes is refused as cheaply as can be, in this order: without a token that fits, before anything else is looked
at; beyond what may come at once; a body that is too large by its own word, or as soon as it is. Only what is left is
parsed, and worked off at the desk.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import TypeAlias, TypeVar
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flowrun.errors import FlowrunError
from flowrun.expr.values import BadValue
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Flow
from flowrun.render.deals import deal_content
from flowrun.serving.desk import Answer, Busy, Desk, Keyed, OtherRequest
from flowrun.serving.openapi import MOST_ITEMS, document
from flowrun.serving.problems import PROBLEM, Document, Problem, Refusal, error_of
from flowrun.serving.tokens import Tokens
from flowrun.sources import jsonl
from flowrun.sources.here import DealsElsewhere
from flowrun.sources.merging import Tally
from flowrun.sources.posted import Fault
from flowrun.sources.receiving import NoRevision, Receiver, Taken
from flowrun.store.answers import digest
from flowrun.store.connection import Snapshot, Transaction

PUT_BYTES = 4 * 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024
"""The largest bodies: of a deal with a text of full length, and of a batch."""

PER_SECOND = 50.0
BURST = 100.0
BODIES = 8
BODY_SECONDS = 15.0
"""Requests a second, and at once after a pause; bodies that are read at once, and for how long one is."""

CLOSED = "no deals are taken here: no token is configured (flowrun run --token-file FILE, or FLOWRUN_TOKEN)"
_SOON = {"retry-after": "1"}
_KEY = re.compile("[!-~]{1,255}")

W = TypeVar("W")
R = TypeVar("R")

Way: TypeAlias = Callable[[Request], Awaitable[Response]]
"""What one method of a route does."""


class Doors:
    """The application. `mask` hides secrets in what is said of the store; `count` hears of each answer, by method and
    status."""

    def __init__(
        self, tokens: Tokens | None, desk: Desk, mask: Callable[[str], str], count: Callable[[str, int], None]
    ) -> None:
        self._tokens = tokens
        self._desk = desk
        self._mask = mask
        self._count = count
        self._left = BURST
        self._filled_at = time.monotonic()
        self._bodies = 0
        self._described: tuple[int, dict[str, object]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The doors are an application of their own: an id may hold what a route of Starlette's doesn't match."""
        answer = await self._answer(Request(scope, receive), self._ways(scope["path"]))
        await answer(scope, receive, send)

    def _ways(self, path: str) -> Mapping[str, Way]:
        """What can be done at that path, by method."""
        if path == "/openapi.json":
            return {"GET": self._describe}
        if path == "/deals:batch":
            return {"POST": self._batch}
        return {"GET": self._get, "PUT": self._put, "DELETE": self._delete} if path.startswith("/deals/") else {}

    async def _answer(self, request: Request, ways: Mapping[str, Way]) -> Response:
        try:
            self._admit(request)
            response = await _way(request.method, ways)(request)
        except Problem as problem:
            response = Refusal(problem)
        except ClientDisconnect:
            response = Response(status_code=400)
        self._count(request.method, response.status_code)
        return response

    def _admit(self, request: Request) -> None:
        if self._tokens is None:
            raise Problem(403, CLOSED)
        sort, _, token = request.headers.get("authorization", "").partition(" ")
        if sort.lower() != "bearer" or not self._tokens.fits(token.strip()):
            says = "a token is needed: Authorization: Bearer TOKEN" if not sort else "the token is none that is valid"
            raise Problem(401, says, headers={"www-authenticate": 'Bearer realm="flowrun"'})
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._filled_at) * PER_SECOND)
        self._filled_at = now
        if self._left < 1:
            raise Problem(429, f"at most {PER_SECOND:.0f} requests a second are taken", headers=_SOON)
        self._left -= 1

    async def _describe(self, _: Request) -> Response:
        def ask(receiver: Receiver, connection: Snapshot) -> tuple[int, Flow]:
            return receiver.flow(connection)

        number, flow = await self._asked(self._desk.read, ask)
        if self._described is None or self._described[0] != number:
            self._described = (number, document(flow, number))
        return Document(self._described[1])

    async def _get(self, request: Request) -> Response:
        id_ = _id_of(request)

        def find(receiver: Receiver, connection: Snapshot) -> Answer:
            return _found(receiver, connection, id_)

        return _response(await self._asked(self._desk.read, find))

    async def _put(self, request: Request) -> Response:
        id_, restage, key = _id_of(request), _flag(request, "restage"), _key_of(request)
        content, keyed = await self._posted(request, PUT_BYTES, key)
        if not isinstance(content, dict):
            raise _unfit(Fault("a deal is an object", None, jsonl.shown(content), "an object"), "")
        if "id" in content and (not isinstance(content["id"], str) or content["id"] != id_):
            says = "id: it is another one than that of the path"
            raise _unfit(Fault(says, "id", jsonl.shown(content["id"]), f"'{id_}', or none"), "")

        def put(receiver: Receiver, transaction: Transaction) -> Answer:
            (taken,) = receiver.take(transaction, [{**content, "id": id_}], restage=restage)
            if taken.faults:
                errors = [error_of(fault, "") for fault in taken.faults]
                return Answer(422, Problem(422, taken.faults[0].detail, errors=errors).content)
            answer = _found(receiver, transaction.connection, id_)
            if not taken.did.added:
                return answer
            return Answer(201, answer.content, {"location": f"/deals/{quote(id_, safe='')}"})

        return _response(await self._written(put, keyed))

    async def _batch(self, request: Request) -> Response:
        restage, key = _flag(request, "restage"), _key_of(request)
        content, keyed = await self._posted(request, BATCH_BYTES, key)
        form = '{"deals": […]}'
        if not isinstance(content, dict) or not isinstance(content.get("deals"), list) or len(content) != 1:
            raise _unfit(Fault(f"expected {form}", None, jsonl.shown(content), form), "")
        items = content["deals"]
        if not 1 <= len(items) <= MOST_ITEMS:
            says = f"deals: {len(items):,} are given; expected 1 to {MOST_ITEMS:,}"
            raise _unfit(Fault(says, "deals", f"{len(items)} deals", f"1 to {MOST_ITEMS} deals"), "")

        def post(receiver: Receiver, transaction: Transaction) -> Answer:
            taken = receiver.take(transaction, items, restage=restage)
            return _results(taken)

        return _response(await self._written(post, keyed))

    async def _delete(self, request: Request) -> Response:
        id_, key = _id_of(request), _key_of(request)
        keyed = None if key is None else Keyed(key, digest("DELETE", id_))

        def remove(receiver: Receiver, transaction: Transaction) -> Answer:
            return Answer(204) if receiver.remove(transaction, id_) else _none(id_)

        return _response(await self._written(remove, keyed))

    async def _posted(self, request: Request, most: int, key: str | None) -> tuple[object, Keyed | None]:
        """The JSON of the body."""
        sort = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if sort != "application/json":
            raise Problem(415, f"the body is '{sort or 'of no type'}'; expected application/json")
        body = await self._body(request, most)
        try:
            content = jsonl.document(body.decode(), "the body")
        except UnicodeDecodeError:
            raise Problem(400, "the body is no text in UTF-8") from None
        except BadValue as bad:
            raise Problem(400, str(bad)) from None
        if key is None:
            return content, None
        path, query = _raw_path(request).hex(), request.scope["query_string"].hex()
        return content, Keyed(key, digest(request.method, path, query, hashlib.sha256(body).hexdigest()))

    async def _body(self, request: Request, most: int) -> bytearray:
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > most:
            raise _too_large(most)
        if self._bodies >= BODIES:
            raise Problem(429, "too many requests at once", headers=_SOON)
        found = bytearray()
        self._bodies += 1
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    if len(found) + len(part) > most:
                        raise _too_large(most)
                    found += part
        except TimeoutError:
            raise Problem(408, f"the body did not come within {BODY_SECONDS:.0f} s") from None
        finally:
            self._bodies -= 1
        return found

    async def _written(self, work: Callable[[Receiver, Transaction], Answer], keyed: Keyed | None) -> Answer:
        return await self._asked(lambda job: self._desk.write(job, keyed), work)

    async def _asked(self, ask: Callable[[W], Future[R]], work: W) -> R:
        try:
            return await asyncio.wrap_future(ask(work))
        except Busy as error:
            raise Problem(429, str(error), headers=_SOON) from None
        except OtherRequest as error:
            raise Problem(422, str(error)) from None
        except (NoRevision, DealsElsewhere) as error:
            raise Problem(409, f"{error}" + (f"; {error.help}" if error.help else "")) from None
        except FlowrunError as error:
            raise Problem(503, self._mask(str(error)), headers=_SOON) from None


def _way(method: str, ways: Mapping[str, Way]) -> Way:
    if not ways:
        raise Problem(404, "name a deal: /deals/ID")
    way = ways.get("GET" if method == "HEAD" else method)
    if way is None:
        allowed = ", ".join(ways)
        raise Problem(405, f"{method} is not possible here; expected {allowed}", headers={"allow": allowed})
    return way


def _response(answer: Answer) -> Response:
    if answer.content is None:
        return Response(status_code=answer.status, headers=answer.headers)
    media = PROBLEM if answer.status >= 400 else None
    return Document(answer.content, answer.status, answer.headers, media)


def _found(receiver: Receiver, connection: Snapshot, id_: str) -> Answer:
    deal, flow = receiver.find(connection, id_)
    return _none(id_) if deal is None else Answer(200, deal_content(deal, flow))


def _none(id_: str) -> Answer:
    return Answer(404, Problem(404, f"there is no deal {jsonl.shown(id_)}").content)


def _results(taken: list[Taken]) -> Answer:
    total = Tally()
    results: list[dict[str, object]] = []
    for position, one in enumerate(taken):
        total.add(one.did)
        did = one.did
        word = "rejected" if did.rejected else "added" if did.added else "changed" if did.changed else "unchanged"
        result: dict[str, object] = {"id": one.id, "result": word, "moved": bool(did.moved)}
        if one.faults:
            result["errors"] = [error_of(fault, f"/deals/{position}") for fault in one.faults]
        results.append(result)
    counts = {name: getattr(total, name) for name in ("added", "changed", "moved", "rejected")}
    return Answer(207 if total.rejected else 200, {**counts, "results": results})


def _unfit(fault: Fault, pointer: str) -> Problem:
    return Problem(422, fault.detail, errors=[error_of(fault, pointer)])


def _too_large(most: int) -> Problem:
    return Problem(413, f"the body is larger than {most // (1024 * 1024)} MiB")


def _raw_path(request: Request) -> bytes:
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    return bytes(raw).partition(b"?")[0]


def _id_of(request: Request) -> str:
    try:
        id_ = unquote_to_bytes(_raw_path(request).removeprefix(b"/deals/")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "the id in the path is no text in UTF-8") from None
    problem = id_problem(id_, new=False)
    if problem is not None:
        raise Problem(404 if not id_ else 400, problem)
    return id_


def _flag(request: Request, name: str) -> bool:
    given = request.query_params.getlist(name)
    if len(given) > 1 or (given and given[0] not in {"true", "false"}):
        raise Problem(400, f"{name}: {jsonl.shown(given[-1])} is not true or false")
    return bool(given) and given[0] == "true"


def _key_of(request: Request) -> str | None:
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Problem(400, "Idempotency-Key: expected one of 1 to 255 ASCII characters without spaces")
    return given[0]
