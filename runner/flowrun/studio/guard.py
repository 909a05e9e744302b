"""The guard before the studio's page: who may ask, from where, for what, and how much.

The page can write files and deals, and any page in the user's browser can send requests to this machine. So, in this
order and as cheaply as can be: a request must name this server as its host (a hostile name that was made to lead here,
"DNS rebinding", says its own); it must carry the token of this launch, in a cookie that the printed URL gives once; it
must not come from another site (`Sec-Fetch-Site`), and one that writes must say that it comes from this very page
(`Origin`) and be JSON, which no form can send. What is answered loads nothing from elsewhere, runs no inline code, and
is shown in no frame.

Cookies don't tell ports apart, so its name has the port.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowrun.studio.problems import Problem, refusal

MOST_BYTES = 1024 * 1024
"""The largest body: an edit holds less than the largest file."""

MOST_HEAD = 16 * 1024
"""The most bytes of a request's line and headers."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_HTTP = 80
_USE_THE_URL = "Open the URL that `flowrun studio` has printed: it holds the token of this launch.\n"


@dataclass(frozen=True, slots=True)
class Door:
    """Where the studio listens: the host as the user gave it, and the port. Every address of the machine may be meant
    (0.0.0.0, [::]): then a request may name any address, or this machine; an address can't be made to lead here."""

    host: str
    port: int

    def names(self, host: str) -> bool:
        """Whether a `Host` header names this server."""
        match = _HOST.fullmatch(host.lower())
        if match is None or int(match["port"] or _HTTP) != self.port:
            return False
        name = match["name"].strip("[]")
        if name in {self.host.lower(), "localhost", "127.0.0.1", "::1"}:
            return True
        return _is_address(self.host, every=True) and (_is_address(name) or name == socket.gethostname().lower())


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(text: str, *, every: bool = False) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_unspecified if every else True


class Guard:
    """Stands before the application. `fits` says whether a token is valid now."""

    def __init__(self, app: ASGIApp, door: Door, fits: Callable[[str], bool]) -> None:
        self._app = app
        self._door = door
        self._fits = fits
        self._cookie = f"flowrun-studio-{door.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        try:
            answer = self._admit(scope, headers)
        except Problem as problem:
            answer = refusal(problem)
        if answer is None:
            await self._app(scope, _limited(receive), marking)
            return
        if _has_body(headers):
            answer.headers["connection"] = "close"
        await answer(scope, receive, marking)

    def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """None lets the request through. Raises Problem."""
        method, path = scope["method"], scope["path"]
        line = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if line + sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD:
            raise Problem(431, "bad-request", f"the request's head is larger than {MOST_HEAD >> 10} KiB")
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._door.names(hosts[0]):
            raise Problem(403, "forbidden", "this is another host than the one that was asked for")
        if path == "/" and method == "GET" and (answer := self._enter(scope)):
            return answer
        if not self._fits(self._token(headers)):
            if path.startswith("/api/"):
                raise Problem(403, "forbidden", "the token of this launch is missing", "open the printed URL again")
            return PlainTextResponse(_USE_THE_URL, 403)
        self._check_site(method, path, headers, hosts[0])
        self._check_body(method, headers)
        return None

    def _enter(self, scope: Scope) -> Response | None:
        """Take the token of the printed URL for a cookie, and out of the address."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if given is None:
            return None
        if not self._fits(given[0]):
            return PlainTextResponse(_USE_THE_URL, 403)
        answer = Response(status_code=303, headers={"location": "/"})
        answer.set_cookie(self._cookie, quote(given[0], safe=""), path="/", httponly=True, samesite="strict")
        return answer

    def _token(self, headers: Headers) -> str:
        for line in headers.getlist("cookie"):
            for part in line.split(";"):
                name, _, value = part.strip().partition("=")
                if name == self._cookie:
                    return unquote(value)
        return ""

    @staticmethod
    def _check_site(method: str, path: str, headers: Headers, host: str) -> None:
        site = headers.get("sec-fetch-site")
        own = {None, "same-origin"} if method == "POST" else {None, "same-origin", "none"}
        if site not in own and (path, method) != ("/", "GET"):
            raise Problem(403, "forbidden", f"this comes from another site ({site})")
        if method == "POST" and headers.getlist("origin") != [f"http://{host.lower()}"]:
            raise Problem(403, "forbidden", "this does not come from the studio's own page")

    @staticmethod
    def _check_body(method: str, headers: Headers) -> None:
        if method != "POST":
            if _has_body(headers):
                raise Problem(413, "bad-request", "no body is taken here")
            return
        sort = headers.get("content-type", "").partition(";")[0].strip().lower()
        if sort != "application/json":
            raise Problem(415, "bad-request", f"the body is '{sort or 'of no type'}'; expected application/json")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            raise _too_large()


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _too_large() -> Problem:
    return Problem(413, "bad-request", f"the body is larger than {MOST_BYTES >> 20} MiB")


def _limited(receive: Receive) -> Receive:
    """The same, but it raises Problem once more than the largest body has come."""
    left = MOST_BYTES

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large()
        return message

    return limited
