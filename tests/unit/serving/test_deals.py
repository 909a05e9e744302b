"""Deals that come over HTTP: what is taken, what is refused, and how little a refusal costs."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from flowrun.clock import Clock, FixedClock, SystemClock, VirtualClock
from flowrun.engine.live import apply_flow
from flowrun.errors import WorkFailed
from flowrun.flow.model import SourceSpec
from flowrun.serving import deals as doors
from flowrun.serving import desk, server, tokens
from flowrun.serving.deals import Doors
from flowrun.serving.desk import Desk
from flowrun.serving.openapi import document
from flowrun.serving.server import serving
from flowrun.serving.tokens import Tokens
from flowrun.store.answers import KEPT
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from tests.acceptance.place import eventually
from tests.postgres import Database
from tests.unit.serving.test_serving import FREE, Served
from tests.unit.store.example import NOON, flow, opened, rows

TOKEN = "a-token-of-sixteen-or-more"
NEXT = "the-next-one-while-both-count"
KEY = "Idempotency-Key"


class Client(Served):
    """A server that takes deals, and a client of it with a token."""

    def __init__(self, url: str, clock: Clock | None = None, known: Tokens | None = None) -> None:
        super().__init__(url)
        mask = lambda text: text.replace("secret", "***")  # noqa: E731
        known = Tokens(None, f"{TOKEN} {NEXT}") if known is None else known
        self._serving = serving(FREE, url, clock or FixedClock(NOON), mask, self.tell, known)

    def ask(
        self, method: str, path: str, content: object = None, *, token: str | None = TOKEN, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, document and headers of the answer. Underscores in the names of headers are hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        body = None
        if content is not None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            given.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as store:
        yield store


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with Client(store.url) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """For what is refused and changes nothing."""
    with opened(tmp_path_factory.mktemp("shared")) as store, Client(store.url) as client:
        yield client


def test_a_deal_is_made_changed_read_and_deleted(client: Client, store: Store) -> None:
    sent = {
        "at": "sales.new",
        "title": "Ω & Sons",
        "amount": 1200.50,
        "tags": ["b", "a"],
        "call_at": "2026-03-07T09:00",
    }
    status, made, headers = client.ask("PUT", "/deals/d%2F1", sent)
    assert (status, headers["location"]) == (201, "/deals/d%2F1")
    assert (made["id"], made["stage"], made["entry"]) == ("d/1", "sales.new", 1)
    assert made["fields"]["amount"] == "1200.50", "the digits that were sent"
    assert made["fields"]["tags"] == ["a", "b"]
    assert made["fields"]["call_at"] == "2026-03-07T08:00:00.000Z", "local time of the project"
    status, changed, _ = client.ask("PUT", "/deals/d%2F1", {"id": "d/1", "amount": None, "seats": 3})
    assert (status, changed["fields"]["amount"], changed["fields"]["seats"]) == (200, None, 3)
    assert changed["title"] == "Ω & Sons", "what isn't named stays"
    assert client.ask("GET", "/deals/d%2F1")[:2] == (200, changed)
    assert client.ask("HEAD", "/deals/d%2F1")[:2] == (200, None)
    assert client.ask("DELETE", "/deals/d%2F1")[:2] == (204, None)
    assert client.ask("GET", "/deals/d%2F1")[0] == 404
    assert client.ask("DELETE", "/deals/d%2F1")[0] == 404
    assert rows(store, "SELECT count(*) FROM deals") == [(0,)]
    found = client.metrics()
    assert found['flowrun_deal_requests_total{method="PUT",status="201"}'] == 1
    assert found['flowrun_deal_requests_total{method="GET",status="404"}'] == 1


def test_what_is_sent_again_never_fights_the_tunnels(client: Client, store: Store) -> None:
    client.ask("PUT", "/deals/d", {"at": "sales.new"})
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE deals SET stage = 'sales.offer'")
    assert client.ask("PUT", "/deals/d", {"at": "sales.new", "seats": 1})[1]["stage"] == "sales.offer"
    assert client.ask("PUT", "/deals/d", {"at": "sales.won"})[1]["stage"] == "sales.won"
    assert client.ask("PUT", "/deals/d?restage=true", {"at": "sales.new"})[1]["stage"] == "sales.new"
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("INSERT INTO deals (id, stage) VALUES ('other', 'sales.new')")
    assert client.ask("PUT", "/deals/other", {"at": "sales.won"})[1]["stage"] == "sales.won", "none was sent before"


def test_a_new_deal_is_looked_at(client: Client, store: Store) -> None:
    client.ask("PUT", "/deals/d", {"at": "sales.new", "entered_at": "2026-01-01T00:00:00Z"})
    assert rows(store, "SELECT d.id, q.wake_at FROM queue q JOIN deals d ON d.seq = q.deal") == [("d", NOON)]


def test_a_batch_takes_what_is_in_order_and_says_what_isn_t(client: Client, store: Store) -> None:
    client.ask("PUT", "/deals/there", {"at": "sales.new"})
    items = [
        {"id": "new", "at": "sales.new"},
        {"id": "there", "at": "sales.won", "seats": 2},
        {"id": "new", "at": "sales.new"},
        {"id": "bad", "at": "sales.nwe", "seats": "two", "amuont": 1},
        {"id": "stageless"},
        {"id": "copy~abc", "at": "sales.new"},
        {"at": "sales.new"},
        "no deal",
        {"id": "there2", "at": "sales.new", "currency": None},
    ]
    status, found, _ = client.ask("POST", "/deals:batch", {"deals": items})
    assert status == 207
    assert {name: found[name] for name in ("added", "changed", "moved", "rejected")} == {
        "added": 2,
        "changed": 1,
        "moved": 1,
        "rejected": 6,
    }
    words = ["added", "changed", *["rejected"] * 6, "added"]
    assert [one["result"] for one in found["results"]] == words
    assert [one["moved"] for one in found["results"]] == [False, True, *[False] * 7]
    errors = [one.get("errors", []) for one in found["results"]]
    assert errors[2][0]["detail"] == "id: the id came before, in item 0"
    assert errors[3] == [
        {
            "pointer": "/deals/3/at",
            "field": "at",
            "found": '"sales.nwe"',
            "expected": "a stage: sales.new, sales.offer, sales.won, support.open, support.closed",
            "detail": "at: there is no stage 'sales.nwe'; did you mean 'sales.new'?",
        },
        {
            "pointer": "/deals/3/seats",
            "field": "seats",
            "found": '"two"',
            "expected": "an integer of at most 64 bits",
            "detail": 'seats: "two" is not an integer',
        },
        {
            "pointer": "/deals/3/amuont",
            "field": "amuont",
            "expected": "one of id, at, entered_at, title, owner, amount, seats, source, currency, paid, account, "
            "closes and 2 more",
            "detail": "a deal has no field 'amuont'; did you mean 'amount'?",
        },
    ]
    assert [one[0]["detail"].partition(";")[0] for one in errors[4:8]] == [
        "there is no deal of that id, and a new one needs a stage",
        "'copy~abc' is no deal, and only flowrun makes ids with a '~'",
        "id: the id is empty",
        "a deal is an object",
    ]
    assert rows(store, "SELECT id, currency FROM deals ORDER BY id") == [
        ("new", "EUR"),
        ("there", "EUR"),
        ("there2", "EUR"),
    ]
    assert client.ask("POST", "/deals:batch", {"deals": [{"id": "new", "seats": 1}]})[0] == 200


def test_a_batch_costs_as_many_statements_for_many_as_for_few(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    statements: list[str] = []

    def counting(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", counting)
    try:
        for number in (1, 1, 1_000):
            statements.clear()
            items = [{"id": f"{number}-{len(counted)}-{at}", "at": "sales.new", "seats": at} for at in range(number)]
            assert client.ask("POST", "/deals:batch", {"deals": items})[0] == 200
            counted.append(len(statements))
    finally:
        event.remove(Engine, "before_cursor_execute", counting)
    assert counted[1] == counted[2]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ([], 'expected {"deals": […]}'),
        ({"deals": []}, "deals: 0 are given; expected 1 to 1,000"),
        ({"deals": [{"id": "d", "at": "sales.new"}] * 1_001}, "deals: 1,001 are given; expected 1 to 1,000"),
        ({"deals": [], "more": 1}, 'expected {"deals": […]}'),
    ],
)
def test_what_is_no_batch(shared: Client, content: object, detail: str) -> None:
    status, problem, headers = shared.ask("POST", "/deals:batch", content)
    assert (status, headers["content-type"], problem["detail"]) == (422, "application/problem+json", detail)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "the body is no JSON: expecting property name enclosed in double quotes at column 2"),
        (b'{"at": 1, "at": 2}', 400, "the key 'at' comes twice"),
        (b'{"seats": NaN}', 400, "NaN is no number"),
        (b"[" * 100_000, 400, "the body is nested too deeply"),
        (b"\xff", 400, "the body is no text in UTF-8"),
        (b"[]", 422, "a deal is an object"),
        (b'{"id": "other"}', 422, "id: it is another one than that of the path"),
        (b'{"at": "sales.new", "account": "\\ud800"}', 422, None),
        (b'{"at": "sales.new", "\\ud800": 1}', 422, None),
        (b'{"at": "sales.new", "account": "\\u0000"}', 422, "account: the text holds a NUL character"),
        (b'{"at": "sales.new", "seats": 1' + b"0" * 5_000 + b"}", 422, None),
        (b'{"at": "sales.new", "amount": 1e999}', 422, None),
        (b'{"at": "sales.new", "entered_at": "2026-03-06T12:00:00.001Z"}', 422, None),
        (b'{"at": "sales.new", "entry": 7}', 422, "'entry' is kept by flowrun and can't be imported"),
        (b"{}", 422, "there is no deal of that id, and a new one needs a stage"),
    ],
)
def test_what_is_no_deal(shared: Client, body: bytes, status: int, detail: str | None) -> None:
    found = shared.ask("PUT", "/deals/d", body)
    assert (found[0], found[2]["content-type"]) == (status, "application/problem+json")
    assert found[1]["status"] == status
    assert detail is None or found[1]["detail"] == detail
    assert shared.ask("GET", "/deals/d")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/deals/%FF", 400),
        ("PUT", "/deals/%00", 400),
        ("PUT", "/deals/" + "x" * 201, 400),
        ("PUT", "/deals/", 404),
        ("GET", "/deals", 404),
        ("PUT", "/deals/d?restage=maybe", 400),
        ("PATCH", "/deals/d", 405),
        ("GET", "/deals:batch", 405),
        ("POST", "/openapi.json", 405),
    ],
)
def test_what_is_no_request(shared: Client, method: str, path: str, status: int) -> None:
    found, problem, headers = shared.ask(method, path, {"at": "sales.new"})
    assert (found, problem["status"]) == (status, status)
    if status == 405:
        assert headers["allow"] in {"GET, PUT, DELETE", "POST", "GET"}


def test_only_json_is_taken(shared: Client) -> None:
    found = shared.ask("PUT", "/deals/d", b"at=sales.new", content_type="application/x-www-form-urlencoded")
    assert (found[0], found[1]["detail"]) == (
        415,
        "the body is 'application/x-www-form-urlencoded'; expected application/json",
    )


def test_without_a_token_there_are_no_doors(store: Store) -> None:
    with Client(store.url, known=Tokens(None, None)) as client:
        for path in ("/deals/d", "/openapi.json", "/deals:batch"):
            status, problem, _ = client.ask("GET", path)
            assert (status, problem["detail"]) == (403, doors.CLOSED)
        assert client.get("/healthz") == (200, "ok\n")


@pytest.mark.parametrize("given", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "Ω" * 20])
def test_without_the_right_token_nothing_is_looked_at(store: Store, given: str | None) -> None:
    asked: list[object] = []

    def touched(*all_: object) -> None:
        asked.append(all_)

    with Client(store.url) as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "read", touched)
        patch.setattr(Desk, "write", touched)
        patch.setattr(Doors, "_body", touched)
        for method, path in (("PUT", "/deals/d"), ("GET", "/deals/d"), ("POST", "/deals:batch")):
            content = {"at": "sales.new"} if method != "GET" else None
            token = None if given is None else given.encode().decode("latin-1")
            status, problem, headers = client.ask(method, path, content, token=token)
            assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="flowrun"')
            assert "token" in problem["detail"]
    assert asked == []


def test_two_tokens_at_once_and_a_file_that_changes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_AGAIN", 0.0)
    file = tmp_path / "tokens"
    file.write_text(f"# old\n{TOKEN}\n\n{NEXT}\n")
    with Client(store.url, known=Tokens(file, None)) as client:
        assert client.ask("GET", "/deals/d", token=TOKEN)[0] == 404
        assert client.ask("GET", "/deals/d", token=NEXT)[0] == 404
        file.write_text(f"{NEXT}\n")
        assert client.ask("GET", "/deals/d", token=TOKEN)[0] == 401
        assert client.ask("GET", "/deals/d", token=NEXT)[0] == 404
        file.unlink()
        assert client.ask("GET", "/deals/d", token=NEXT)[0] == 401, "a file that is gone opens nothing"


def test_a_token_that_is_wrong_keeps_nobody_else_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_AGAIN", 0.0)
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}   # the old one\n")
    known, said = Tokens(file, None), list[str]()
    known.complain = said.append
    file.write_text(f"{TOKEN} \n{NEXT} # the new one\nshort\n# no more\n")
    assert (known.fits(TOKEN), known.fits(NEXT), known.fits("short")) == (True, True, False)
    assert said == [
        f"token 3 in {file} has 5 characters; at least 16 are needed; it is passed over, the others are valid"
    ]
    file.unlink()
    assert not known.fits(TOKEN)
    assert not known.fits(TOKEN)
    assert said[1:] == [
        f"the token file '{file}' can't be read: No such file or directory; its tokens are valid no more"
    ]


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    known = Tokens(None, f"{TOKEN} {NEXT}")

    def comparing(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", comparing)
    assert known.fits(TOKEN)
    assert not known.fits("wrong")
    assert len(compared) == 4, "all of them, each time, whichever fits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no token"),
        ("short", "token 1 in .* has 5 characters; at least 16 are needed"),
        ("# a comment\n" + "ä" * 20, "token 1 in .* holds something else than ASCII"),
        ("x" * 70_000, "is larger than 64 KiB"),
    ],
)
def test_what_is_no_file_of_tokens(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(WorkFailed, match=message) as refused:
        Tokens(file, None)
    assert "short" not in str(refused.value).replace("tokens", "")
    with pytest.raises(WorkFailed, match="can't be read: No such file"):
        Tokens(tmp_path / "none", None)


def test_a_replay_gets_the_same_answer_and_does_nothing(client: Client, store: Store) -> None:
    first = client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k1")
    assert (first[0], "idempotent-replayed" in first[2]) == (201, False)
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE deals SET stage = 'sales.won'")
    again = client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k1")
    assert (again[0], again[1], again[2]["location"]) == (201, first[1], first[2]["location"])
    assert again[2]["idempotent-replayed"] == "true"
    other = client.ask("PUT", "/deals/d", {"at": "sales.won"}, Idempotency_Key="k1")
    assert (other[0], other[1]["detail"]) == (422, "this Idempotency-Key was used for another request before")
    assert client.ask("PUT", "/deals/e", {"at": "sales.new"}, Idempotency_Key="k1")[0] == 422
    assert client.ask("DELETE", "/deals/d", Idempotency_Key="k2")[0] == 204
    assert client.ask("DELETE", "/deals/d", Idempotency_Key="k2")[:2] == (204, None)
    assert client.ask("DELETE", "/deals/d", Idempotency_Key="k3")[0] == 404
    batch = {"deals": [{"id": "x", "at": "sales.nowhere"}]}
    assert (
        client.ask("POST", "/deals:batch", batch, Idempotency_Key="k4")[1]
        == (client.ask("POST", "/deals:batch", batch, Idempotency_Key="k4")[1])
    )
    assert client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="has space")[0] == 400


def test_a_key_is_kept_for_a_day(store: Store) -> None:
    clock = VirtualClock(NOON)
    with Client(store.url, clock) as client:
        assert client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k")[0] == 201
        clock.instant = NOON + KEPT - 1
        assert client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k")[0] == 201
        clock.instant = NOON + KEPT
        assert client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k")[0] == 200
        assert rows(store, "SELECT count(*) FROM answers") == [(1,)]


def test_what_came_to_nothing_is_no_answer_to_keep(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowrun.store.answers.keep", lambda *_: 1 / 0)
    assert client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k")[0] == 500
    monkeypatch.undo()
    assert rows(store, "SELECT count(*) FROM deals") == [(0,)]
    assert client.ask("PUT", "/deals/d", {"at": "sales.new"}, Idempotency_Key="k")[0] == 201


def test_deals_that_live_elsewhere_are_not_written_here(client: Client, store: Store) -> None:
    client.ask("PUT", "/deals/d", {"at": "sales.new"})
    with store.write() as transaction:
        apply_flow(transaction, replace(flow(), source=SourceSpec("files", {"path": "x"})), {}, Author())
    for method, path, content in (
        ("PUT", "/deals/d", {"seats": 1}),
        ("POST", "/deals:batch", {"deals": [{"id": "d"}]}),
        ("DELETE", "/deals/d", None),
    ):
        status, problem, _ = client.ask(method, path, content)
        assert status == 409
        assert problem["detail"].startswith("the deals of example live in its source 'files', not in the store")
    assert client.ask("GET", "/deals/d")[0] == 200


def test_before_the_first_revision_there_are_no_deals(client: Client, store: Store) -> None:
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE flowrun SET revision = NULL")
    for method in ("GET", "PUT", "DELETE"):
        assert client.ask(method, "/deals/d", {} if method == "PUT" else None)[0] == 409
    assert client.ask("GET", "/openapi.json")[0] == 409


def test_a_revision_that_is_applied_counts_at_once(client: Client, store: Store) -> None:
    assert client.ask("PUT", "/deals/d", {"at": "sales.new", "size": "big"})[0] == 422
    more = flow(more="flowrun: 1\nfields: {size: text}\n")
    with store.write() as transaction:
        apply_flow(transaction, more, {}, Author())
    assert client.ask("PUT", "/deals/d", {"at": "sales.new", "size": "big"})[1]["fields"]["size"] == "big"
    assert client.ask("GET", "/openapi.json")[1] == document(more, 2)


def test_a_store_that_can_t_be_used_is_said_without_secrets(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise WorkFailed("secret is wrong")

    monkeypatch.setattr(desk, "open_store", fails)
    status, problem, headers = client.ask("GET", "/deals/d")
    assert (status, problem["detail"], headers["retry-after"]) == (503, "*** is wrong", "1")


def test_more_than_can_be_done_is_refused(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST", 1)
    with store.write():
        late: list[int] = []

        def put() -> None:
            while (status := client.ask("PUT", "/deals/d", {"at": "sales.new"})[0]) == 429:
                pass  # one of the questions below was there first
            late.append(status)

        waiting = threading.Thread(target=put)
        waiting.start()
        eventually(lambda: client.ask("GET", "/deals/d")[0] == 429)
        assert client.get("/healthz") == (200, "ok\n")
    waiting.join(20)
    assert late == [201]


def test_more_than_may_come_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "PER_SECOND", 0.0)
    monkeypatch.setattr(doors, "BURST", 2.0)
    with Client(store.url) as client:
        assert [client.ask("GET", "/deals/d")[0] for _ in range(3)] == [404, 404, 429]
        assert client.ask("GET", "/deals/d")[2]["retry-after"] == "1"


class Endless:
    """A body of a gigabyte, sent until it is refused; `sent` is how much went out."""

    SIZE = 1024 * 1024 * 1024

    def __init__(self, client: Client, head: str, *, chunked: bool, token: str = TOKEN) -> None:
        self.sent = 0
        self.said = b""
        chunk = b" " * 65_536
        piece = b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk
        length = "transfer-encoding: chunked" if chunked else f"content-length: {self.SIZE}"
        with socket.create_connection((client.host, client.port), 20) as sender:
            lines = f"{head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
            sender.sendall(f"{lines}content-type: application/json\r\n{length}\r\n\r\n".encode())
            reader = threading.Thread(target=self._read, args=(sender,))
            reader.start()
            try:
                while self.sent < self.SIZE:
                    sender.sendall(piece)
                    self.sent += len(chunk)
            except OSError:
                pass
            reader.join(20)

    def _read(self, sender: socket.socket) -> None:
        try:
            while part := sender.recv(65_536):
                self.said += part
        except OSError:
            pass

    @property
    def status(self) -> int:
        """That of the answer."""
        return int(self.said.split(b" ", 2)[1])


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(("head", "token", "status"), [("PUT /deals/d", TOKEN, 413), ("POST /deals:batch", "no", 401)])
def test_a_body_of_a_gigabyte_is_refused_in_little_memory(
    shared: Client, chunked: bool, head: str, token: str, status: int
) -> None:
    tracemalloc.start()
    try:
        endless = Endless(shared, head, chunked=chunked, token=token)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert endless.status == status
    assert endless.sent < 64 * 1024 * 1024, "the client is cut off early"
    assert most < 4 * doors.PUT_BYTES
    assert shared.ask("GET", "/deals/d")[0] == 404, "and others are served"


def test_a_body_that_comes_too_slowly_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "BODY_SECONDS", 0.2)
    with socket.create_connection((client.host, client.port), 20) as sender:
        head = f"PUT /deals/d HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
        sender.sendall(f"{head}content-type: application/json\r\ncontent-length: 10\r\n\r\n{{".encode())
        assert sender.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_a_request_that_goes_away_amid_its_body_is_nobody_s_trouble(client: Client) -> None:
    with socket.create_connection((client.host, client.port), 20) as sender:
        head = f"PUT /deals/d HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
        sender.sendall(f"{head}content-type: application/json\r\ncontent-length: 10\r\n\r\n{{".encode())
    assert client.ask("GET", "/deals/d")[0] == 404
    assert len(client.told) == 1


def test_a_deal_s_connection_lives_longer_than_a_page_s_but_not_for_ever(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LONGEST", 0.1)
    monkeypatch.setattr(server, "_LONGEST_WITH_BODY", 0.2)
    with socket.create_connection((client.host, client.port), 20) as sender:
        head = f"PUT /deals/d HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
        sender.sendall(f"{head}content-type: application/json\r\ncontent-length: 10\r\n\r\n{{".encode())
        with suppress(ConnectionResetError):
            assert sender.recv(100) == b""


def test_on_postgresql_two_runners_answer_one_key_once(fast_postgres: Database) -> None:
    with open_store(fast_postgres.url, create=True) as store:
        with store.write() as transaction:
            apply_flow(transaction, flow(), {}, Author())
        with Client(fast_postgres.url, SystemClock()) as one, Client(fast_postgres.url, SystemClock()) as other:
            batch = {"deals": [{"id": f"d{at}", "at": "sales.new", "amount": "1.5", "tags": ["x"]} for at in range(3)]}
            found: list[tuple[int, Any, Mapping[str, str]]] = []
            asking = [
                threading.Thread(
                    target=lambda to=to: found.append(to.ask("POST", "/deals:batch", batch, Idempotency_Key="k"))
                )
                for to in (one, other) * 3
            ]
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join(20)
            assert not one.told[1:]
            assert not other.told[1:]
            assert [(status, content["added"]) for status, content, _ in found] == [(200, 3)] * 6
            assert sum("idempotent-replayed" in headers for _, _, headers in found) == 5
            made = [to.ask("PUT", "/deals/same", {"at": "sales.new"})[0] for to in (one, other)]
            assert made == [201, 200]
            assert one.ask("GET", "/deals/d0")[1]["fields"]["amount"] == "1.50"
            assert other.ask("DELETE", "/deals/d0")[0] == 204
        assert rows(store, "SELECT id FROM deals ORDER BY id") == [("d1",), ("d2",), ("same",)]


def test_a_body_that_is_too_large_by_its_own_word_is_not_waited_for(shared: Client) -> None:
    with socket.create_connection((shared.host, shared.port), 10) as sender:
        head = f"PUT /deals/d HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nexpect: 100-continue\r\n"
        sender.sendall(f"{head}content-type: application/json\r\ncontent-length: {Endless.SIZE}\r\n\r\n".encode())
        assert sender.recv(65_536).startswith(b"HTTP/1.1 413 "), "and never 100 Continue"
