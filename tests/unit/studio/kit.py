"""The studio's application in this process, and a page that asks it: no server, no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from starlette.types import Message

from flowrun.clock import Clock, FixedClock
from flowrun.commands.allowed import allowed
from flowrun.commands.apply import apply
from flowrun.commands.deals_write import add
from flowrun.commands.project import Project
from flowrun.engine.runner import Runner
from flowrun.store.connection import open_store
from flowrun.studio.api import Api
from flowrun.studio.guard import Door, Guard
from flowrun.studio.launch import Launch
from tests.unit.store.example import NOON, url

TOKEN = "the-token-of-this-launch"
PORT = 8765
HOST = f"127.0.0.1:{PORT}"
COOKIE = f"flowrun-studio-{PORT}={TOKEN}"

FLOW = """\
flowrun: 1
project: studio   # the living
timezone: Europe/Berlin

fields:
  amount: {type: decimal, places: 2}
  paid: boolean

pipelines:
  sales:
    stages: [new, offer, {id: won, outcome: won}]

tunnels:
  offers:   # quick ones
    from: sales.new
    to: sales.offer
    action: move
    when: deal.amount > 100
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; headers have small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.json["error"]["code"])

    def fine(self) -> Any:
        """The document; fails the test where it isn't one of success."""
        assert self.status == 200, self.body
        assert self.json["version"] == 1
        return self.json


@dataclass(slots=True)
class Page:
    """A page of the studio over a folder's `flows` and store."""

    folder: Path
    read_only: bool = False
    allow_apply: bool = True
    clock: Clock = field(default_factory=lambda: FixedClock(NOON))
    store: str = ""
    launch: Launch = field(init=False)
    api: Api = field(init=False)
    app: Guard = field(init=False)

    def __post_init__(self) -> None:
        project = Project(self.flows)
        self.launch = Launch(
            project,
            self.store or url(self.folder),
            self.clock,
            lambda text: text.replace("secret", "***"),
            self.read_only,
            self.allow_apply,
        )
        self.api = Api(self.launch)
        self.app = Guard(self.api, Door("127.0.0.1", PORT), lambda token: token == TOKEN)

    @property
    def flows(self) -> Path:
        """The folder of the flow files."""
        return self.folder / "flows"

    def write(self, text: str = FLOW, name: str = "a.yaml") -> Self:
        """Write a flow file."""
        path = self.flows / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return self

    def read(self, name: str = "a.yaml") -> str:
        """What a flow file holds."""
        return (self.flows / name).read_bytes().decode()

    def get(self, path: str, method: str = "GET", **headers: str | None) -> Answer:
        """Ask for something. Underscores in the names of headers are hyphens; None leaves a header out."""
        usual = {"host": HOST, "cookie": COOKIE, "sec-fetch-site": "same-origin"}
        return call(self.app, method, path, usual, headers)

    def post(self, path: str, content: object, **headers: str | None) -> Answer:
        """Have something done."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        usual = {
            "host": HOST,
            "cookie": COOKIE,
            "origin": f"http://{HOST}",
            "sec-fetch-site": "same-origin",
            "content-type": "application/json",
            "content-length": str(len(body)),
        }
        return call(self.app, "POST", path, usual, headers, body)

    def applied(self, *allow: str) -> Self:
        """Apply the files, as the command does, with these rails lifted."""
        apply(self.launch.project, self.launch.store, self.clock, lambda _: True, allowed(allow))
        return self

    def add(self, id_: str, stage: str, *values: str) -> Self:
        """Make a deal."""
        add(self.launch.store, self.clock, stage, id_, values)
        return self

    def run(self) -> Self:
        """Have a runner do what there is to do."""
        with open_store(self.launch.store, self.clock) as store:
            Runner(store).until_idle()
        return self

    @property
    def etag(self) -> str:
        """That of the files now."""
        return str(self.get("/api/project").fine()["etag"])

    def edit(self, edit: Mapping[str, Any], **more: object) -> Answer:
        """Make an edit, from the files as they are."""
        return self.post("/api/edit", {"etag": self.etag, "edit": edit, **more})


def call(
    app: Guard,
    method: str,
    path: str,
    usual: Mapping[str, str],
    headers: Mapping[str, str | None],
    body: bytes = b"",
    pieces: int = 1,
) -> Answer:
    """One request to the application."""
    given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items() if value is not None],
    }
    size = -(-len(body) // pieces) or 1
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    incoming = [
        {"type": "http.request", "body": part, "more_body": at < len(parts)} for at, part in enumerate(parts, 1)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    began = sent[0]
    found = {name.decode().lower(): value.decode() for name, value in began["headers"]}
    return Answer(began["status"], found, b"".join(one.get("body", b"") for one in sent[1:]))
