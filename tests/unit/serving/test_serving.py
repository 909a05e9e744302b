"""What is served beside a runner: health, readiness, metrics; and its limits."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from flowrun.clock import FixedClock
from flowrun.engine import gauges as engine_gauges
from flowrun.engine.events import Began, Ended, Event, Listening, Retried, Ticked, Warned
from flowrun.engine.gauges import Gauges
from flowrun.engine.runner import Totals
from flowrun.engine.tick import Tick
from flowrun.errors import WorkFailed, WrongUsage
from flowrun.serving import app, probe, pulse, server
from flowrun.serving.address import Address, parsed
from flowrun.serving.probe import Probe
from flowrun.serving.pulse import Pulse
from flowrun.serving.server import Watch, serving
from flowrun.store.connection import Store
from flowrun.store.runners import GONE, Registered
from tests.acceptance.place import eventually
from tests.unit.store.example import NOON, opened

ME = Registered("me", "host", 1, "0", NOON, NOON)
FREE = Address("127.0.0.1", 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as store:
        yield store


class Served:
    """A server in this process, and a client of it."""

    def __init__(self, url_: str, now: int = NOON, address: Address = FREE) -> None:
        self.told: list[Event] = []
        self._serving = serving(address, url_, FixedClock(now), lambda text: text.replace("secret", "***"), self.tell)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def __enter__(self) -> Self:
        self.watch: Watch = self._serving.__enter__()
        (listening,) = self.told
        assert isinstance(listening, Listening)
        self.host, _, port = listening.url.removeprefix("http://").rpartition(":")
        self.port = int(port)
        return self

    def __exit__(self, *error: object) -> None:
        self._serving.__exit__(None, None, None)

    def get(self, path: str, method: str = "GET", body: bytes | None = None, accept: str = "*/*") -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, body, {"accept": accept})
            answer = connection.getresponse()
            assert answer.getheader("connection") == "close"
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self, accept: str = "*/*") -> dict[str, float]:
        status, text = self.get("/metrics", accept=accept)
        assert status == 200
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


def sql(store: Store, *statements: str) -> None:
    with store.write() as transaction:
        for statement in statements:
            transaction.connection.exec_driver_sql(statement)


def test_health_is_that_the_loop_turns(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with Served(store.url) as served:
        assert served.get("/healthz") == (200, "ok\n")
        monkeypatch.setattr(pulse, "STUCK", -1.0)
        status, told = served.get("/healthz")
        assert (status, told.startswith("the runner has made no progress for ")) == (503, True)


def test_a_turn_of_the_loop_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    beating = Pulse(last=time.monotonic() - pulse.STUCK - 5)
    assert beating.stuck() == "the runner has made no progress for 125 s"
    beating.beat()
    assert beating.stuck() is None


def test_readiness_names_the_reason(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FRESH", 0.0)
    with Served(store.url) as served:
        assert served.get("/readyz") == (503, "the runner has not begun yet\n")
        served.watch.hear(Began(ME, 1, True))
        assert served.get("/readyz") == (200, "ready\n")
        served.watch.hear(Ended(Totals(), None))
        assert served.get("/readyz") == (503, "the runner is stopping\n")
        assert served.metrics()["flowrun_store_up"] == 0


def test_readiness_is_of_the_store_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FRESH", 0.0)
    with Served(store.url) as served:
        served.watch.hear(Began(ME, 1, True))
        assert served.get("/readyz")[0] == 200
        sql(store, "UPDATE flowrun SET revision = NULL")
        assert served.get("/readyz") == (503, "no revision is applied in this store yet\n")
        sql(store, "UPDATE flowrun SET revision = 1", "UPDATE alembic_version SET version_num = '9999'")
        assert served.get("/readyz")[0] == 200, "it asks on the connection that it has"
    with Served(store.url) as served:
        served.watch.hear(Began(ME, 1, True))
        assert "was written by a newer flowrun" in served.get("/readyz")[1]


def test_a_zone_that_is_not_there_is_a_reason(store: Store) -> None:
    sql(store, "UPDATE revisions SET flow = replace(flow, 'Europe/Berlin', 'Europe/Atlantis')")
    with Served(store.url) as served:
        served.watch.hear(Began(ME, 1, True))
        assert served.get("/readyz") == (503, "there is no time zone 'Europe/Atlantis'\n")


def test_no_secret_is_a_reason(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Store) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(probe, "gauges", fails)
    with Served(store.url) as served:
        served.watch.hear(Began(ME, 1, True))
        assert served.get("/readyz") == (503, "the store can't be read: ***\n")


def test_a_store_that_does_not_answer_keeps_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(app, "PATIENCE", 0.1)
    monkeypatch.setattr(probe, "gauges", lambda _: let_go.wait(30))
    try:
        with Served(store.url) as served:
            served.watch.hear(Began(ME, 1, True))
            assert served.get("/readyz") == (503, "the store doesn't answer within 0 s\n")
            assert served.metrics()["flowrun_store_up"] == 0
            assert served.get("/healthz")[0] == 200
    finally:
        let_go.set()


def test_the_store_is_asked_at_most_once_a_second(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def asking_of(store: Store) -> Gauges:
        asked.append(1)
        return engine_gauges.gauges(store)

    monkeypatch.setattr(probe, "gauges", asking_of)
    monkeypatch.setattr(probe, "FRESH", 60.0)
    asking = Probe(store.url, FixedClock(NOON))
    for _ in range(5):
        asking.ask().result(20)
    assert len(asked) == 1
    monkeypatch.setattr(probe, "FRESH", 0.0)
    asking.ask().result(20)
    assert len(asked) == 2
    asking.close()
    with pytest.raises(WorkFailed, match="stopping"):
        asking.ask().result(20)


def test_metrics_of_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = "INSERT INTO deals (id, stage) VALUES "
    sql(
        store,
        insert + ", ".join(f"('d{number}', 'sales.new')" for number in range(6)),
        f"UPDATE queue SET wake_at = {NOON + 5} WHERE deal > 4",
        f"UPDATE queue SET wake_at = {NOON - 2500} WHERE deal = 1",
        f"UPDATE tunnels SET tripped_at = {NOON} WHERE id = 'wins'",
        f"UPDATE tunnels SET paused_at = {NOON} WHERE id = 'offers'",
        "INSERT INTO firings (deal, entry, tunnel, action, from_stage, to_stage, result, fired_at, revision)"
        f" VALUES ('d1', 1, 'wins', 'move', 'sales.offer', 'sales.won', 'parked', {NOON}, 1)",
        f"INSERT INTO runners VALUES ('here', 'h', 1, '0', 0, {NOON}, 0, 0)",
        f"INSERT INTO runners VALUES ('gone', 'h', 1, '0', 0, {NOON - GONE - 1}, 0, 0)",
    )
    with Served(store.url) as served:
        found = served.metrics()
        assert found["flowrun_store_up"] == 1
        assert found["flowrun_lag_seconds"] == 2.5
        assert found["flowrun_awake_deals"] == 4
        assert found["flowrun_waiting_deals"] == 2
        assert found["flowrun_runners"] == 1
        assert found["flowrun_revision"] == 1
        assert found['flowrun_parked_firings{tunnel="wins"}'] == 1
        assert found['flowrun_parked_firings{tunnel="offers"}'] == 0
        assert found['flowrun_tunnel_tripped{tunnel="wins"}'] == 1
        assert found['flowrun_tunnel_paused{tunnel="wins"}'] == 0
        assert found['flowrun_tunnel_paused{tunnel="offers"}'] == 1
    monkeypatch.setattr(engine_gauges, "MOST", 3)
    assert engine_gauges.gauges(store).awake == 3, "it counts no further"


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text; version=1.0.0"])
def test_metrics_of_the_runner(store: Store, accept: str) -> None:
    totals = Totals(seconds=0.02)
    tick = Tick(NOON, "UTC", 60, 0, {}, {("wins", "fired"): 2, ("wins", "parked"): 1}, 1)
    with Served(store.url) as served:
        for _ in range(2):
            served.watch.hear(Ticked(tick, totals, True))
        served.watch.hear(Retried())
        served.watch.hear(Warned("the clock stepped back", "clock"))
        found = served.metrics(accept=accept)
    assert found['flowrun_firings_total{result="fired",tunnel="wins"}'] == 4
    assert found['flowrun_firings_total{result="parked",tunnel="wins"}'] == 2
    assert found["flowrun_tick_seconds_count"] == 2
    assert found['flowrun_tick_seconds_bucket{le="0.01"}'] == 0
    assert found['flowrun_tick_seconds_bucket{le="0.025"}'] == 2
    assert found["flowrun_batch_deals_sum"] == 120
    assert found["flowrun_tick_retries_total"] == 1
    assert found['flowrun_troubles_total{about="clock"}'] == 1
    assert any(name.startswith("flowrun_build_info{") for name in found)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("/healthz", "HEAD", None), 200),
        (("/healthz", "POST", None), 405),
        (("/metrics", "DELETE", None), 405),
        (("/healthz", "GET", b"body"), 413),
        (("/", "GET", None), 404),
    ],
)
def test_the_pages_are_read_and_nothing_else(store: Store, asked: tuple[str, str, bytes | None], status: int) -> None:
    with Served(store.url) as served:
        assert served.get(*asked)[0] == status


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 20_000, b"\x16\x03\x01 what?\r\n\r\n"]
)
def test_what_is_no_request_is_refused_and_nobody_s_trouble(store: Store, head: bytes) -> None:
    with Served(store.url) as served:
        with socket.create_connection((served.host, served.port), 20) as client:
            client.sendall(head)
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
        assert served.get("/healthz")[0] == 200
        assert not [event for event in served.told if isinstance(event, Warned)]


def test_a_slow_client_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LONGEST", 0.2)
    with Served(store.url) as served, socket.create_connection((served.host, served.port), 20) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        with suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_clients_that_linger_do_not_keep_the_server(store: Store) -> None:
    clients = []
    with Served(store.url) as served:
        for sent in (b"", b"GET /hea", b"GET /metrics HTTP/1.1\r\nhost: x\r\n"):
            clients.append(socket.create_connection((served.host, served.port), 20))
            clients[-1].sendall(sent)
        assert served.get("/healthz")[0] == 200
    assert not [thread for thread in threading.enumerate() if thread.name == "flowrun-server"]
    for client in clients:
        client.close()


def test_a_defect_of_a_page_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Pulse) -> str:
        raise RuntimeError("broken")

    with Served(store.url) as served:
        monkeypatch.setattr(Pulse, "stuck", broken)
        assert served.get("/healthz")[0] == 500
        eventually(lambda: len(served.told) > 1)  # the answer goes out before the server says why
        troubles = [event.message for event in served.told if isinstance(event, Warned)]
        assert troubles == ["the server: Exception in ASGI application (RuntimeError: broken)"]


def test_an_address_that_is_taken(store: Store) -> None:
    with Served(store.url) as served:
        taken = Address(served.host, served.port)
        with pytest.raises(WorkFailed, match=f"can't listen at {served.host}:{served.port}: Address already in use"):
            Served(store.url, address=taken).__enter__()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9464", Address("127.0.0.1", 9464)),
        ("0.0.0.0:80", Address("0.0.0.0", 80)),
        ("[::1]:9464", Address("::1", 9464)),
        ("metrics.internal:0", Address("metrics.internal", 0)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parsed(text) == address


@pytest.mark.parametrize("text", ["", "9464", "host", ":", ":x", ":65536", "::1:9464", "a b:1", "http://h:1", ":١"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(WrongUsage, match="is no HOST:PORT"):
        parsed(text)
