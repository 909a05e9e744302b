"""The store in figures: what they are, and how seldom it is asked."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from flowrun.clock import VirtualClock
from flowrun.commands.pending import pending
from flowrun.commands.status import status
from flowrun.engine import status as status_of
from flowrun.store import journal
from flowrun.store.connection import open_store
from flowrun.studio import live
from tests.unit.store.example import NOON
from tests.unit.studio.conftest import Opening
from tests.unit.studio.kit import FLOW, Page

DAY = 24 * 3600 * 1000
MORE = (
    FLOW
    + """\
  later: {from: sales.offer, to: sales.won, action: move, after: 3d}
  idle: {from: sales.won, to: sales.new, action: copy, when: deal.paid, mode: shadow}
"""
)


@pytest.fixture
def page(opening: Opening) -> Page:
    return opening().write(MORE)


@pytest.fixture(params=["sqlite", "postgresql"])
def each(request: pytest.FixtureRequest, opening: Opening) -> Page:
    store = request.getfixturevalue("fast_postgres").url if request.param == "postgresql" else ""
    return opening(store=store).write(MORE)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is answered anew."""
    monkeypatch.setattr(live, "EVERY", 0.0)
    monkeypatch.setattr(live, "_SHARE", 0)
    monkeypatch.setattr(live, "_STILL", 0.0)


def figures(page: Page) -> Any:
    return page.get("/api/live").fine()


def test_from_no_store_to_figures(each: Page) -> None:
    found = figures(each)
    assert (found["store"]["revision"], found["store"]["in_step"], found["stages"], found["tunnels"]) == (
        None,
        None,
        {},
        {},
    )
    each.applied()
    assert figures(each)["store"] == {"exists": True, "revision": 1, "in_step": True}
    each.add("a", "sales.new", "amount=120.50").add("b", "sales.new", "amount=99.99").add("c", "sales.new").run()
    found = figures(each)
    assert found["stages"] == {
        "sales.new": {"deals": 2, "sums": {"amount": "99.99"}},
        "sales.offer": {"deals": 1, "sums": {"amount": "120.50"}},
        "sales.won": {"deals": 0, "sums": {}},
    }
    assert {id_: (one["state"], one["fired_last_day"], one["waiting"]) for id_, one in found["tunnels"].items()} == {
        "offers": ("live", 1, 0),
        "later": ("live", 0, 1),
        "idle": ("live", 0, 0),
    }
    assert (found["awake"], found["parked"], found["runners"]) == (0, 0, [])
    assert found["next_at"] == "2026-03-09T12:00:00.000Z"
    each.write(MORE.replace("> 100", "> 101"))
    assert figures(each)["store"]["in_step"] is False
    each.write(MORE.replace("> 100", "> "))
    assert figures(each)["store"]["in_step"] is None


def test_the_figures_are_those_of_status_and_pending(page: Page) -> None:
    page.applied()
    for number in range(7):
        page.add(f"d{number}", "sales.new", f"amount={100 + number * 50}")
    page.run()
    found, told = figures(page), status(page.launch.store, page.clock)
    assert {stage: one["deals"] for stage, one in found["stages"].items()} == told.board
    assert {id_: one["waiting"] for id_, one in found["tunnels"].items() if one["waiting"]} == pending(
        page.launch.store, page.clock
    ).tunnels


def test_what_a_tunnel_did_in_the_last_day(page: Page) -> None:
    clock = page.clock
    assert isinstance(clock, VirtualClock)
    page.applied()
    for hour in range(0, 40, 8):
        clock.instant = NOON + hour * 3_600_000
        page.add(f"d{hour}", "sales.new", "amount=500").run()
    clock.instant = NOON + DAY + 12 * 3_600_000
    assert figures(page)["tunnels"]["offers"]["fired_last_day"] == 3
    with open_store(page.launch.store, clock) as store, store.read() as connection:
        every = [row.fired_at for row in journal.firings(connection, tunnel="offers")]
        for since in range(NOON - 3_600_000, clock.instant, 4 * 3_600_000):
            expected = sum(at >= since for at in every)
            assert journal.fired_since(connection, since).get("offers", 0) == expected


def test_sums_beyond_the_databases_integers_are_exact(each: Page) -> None:
    each.applied()
    for number in range(12):
        each.add(f"d{number}", "sales.won", "amount=9999999999999999.99")
    each.add("n", "sales.won", "amount=-0.01")
    assert figures(each)["stages"]["sales.won"]["sums"] == {"amount": "119999999999999999.87"}


def test_what_fired_is_told_once(each: Page) -> None:
    each.applied().add("old", "sales.new", "amount=500").run()
    assert each.api.live.news().fired == (), "what was before is no news"
    each.add("a", "sales.new", "amount=500").add("b", "sales.new", "amount=5").run()
    (fired,) = each.api.live.news().fired
    assert (fired["tunnel"], fired["deal"], fired["from"], fired["to"], fired["result"]) == (
        "offers",
        "a",
        "sales.new",
        "sales.offer",
        "fired",
    )
    assert each.api.live.news().fired == ()


def test_a_row_that_is_committed_late_is_told(opening: Opening) -> None:
    """Its number is lower than that of rows which were told before."""
    page = opening().write(MORE).applied().add("a", "sales.new", "amount=500").add("b", "sales.new", "amount=500").run()
    with open_store(page.launch.store, page.clock) as store:
        with store.write() as transaction:
            transaction.connection.exec_driver_sql("UPDATE firings SET seq = 11 WHERE deal = 'a'")
        page.api.live.news()
        with store.write() as transaction:
            transaction.connection.exec_driver_sql("UPDATE firings SET seq = 5, deal = 'late' WHERE deal = 'b'")
    assert [row["deal"] for row in page.api.live.news().fired] == ["late"]


def test_a_store_that_goes_and_comes(tmp_path: Path, opening: Opening) -> None:
    page = opening().write().applied()
    assert figures(page)["store"]["exists"] is True
    page.api.live.rest()
    (tmp_path / "store.db").unlink()
    assert figures(page)["store"]["exists"] is False
    page.applied()
    assert figures(page)["store"]["revision"] == 1


def test_a_store_that_another_takes_the_place_of(tmp_path: Path, opening: Opening) -> None:
    """`rm flowrun.db` and a new one, while a page looks: the connection would go on with the file that is gone."""
    page = opening().write().applied().add("old", "sales.new")
    assert figures(page)["stages"]["sales.new"]["deals"] == 1
    for file in tmp_path.glob("store.db*"):
        file.rename(tmp_path / f"gone-{file.name}")
    assert figures(page)["store"]["exists"] is False
    page.applied()
    assert figures(page)["stages"]["sales.new"]["deals"] == 0
    assert page.add("new", "sales.new").run().api.live.news().fired == ()


def test_an_unreadable_store_is_said_without_its_secrets(tmp_path: Path, opening: Opening) -> None:
    (tmp_path / "store.db").write_bytes(b"secret, and no store" * 99)
    answer = opening().write().get("/api/live")
    assert (answer.status, answer.code) == (500, "failed")


def test_a_store_of_an_older_flowrun_is_said_and_left_as_it_is(opening: Opening) -> None:
    page = opening().write().applied().add("a", "sales.new")
    with open_store(page.launch.store) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    for path in ("live", "deals", "deals/a", "pending?until=2026-04-01T00:00:00Z"):
        answer = page.get(f"/api/{path}")
        assert answer.status == 500
        assert "older flowrun" in answer.json["error"]["message"]
    assert "older flowrun" in page.post("/api/preview", {"etag": page.etag}).json["error"]["message"]
    page.api.close()
    with sqlite3.connect(page.folder / "store.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    connection.close()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    asked: list[object] = []
    real: Any = status_of.read

    def counting(*given: object, **more: object) -> object:
        asked.append(given)
        return real(*given, **more)

    monkeypatch.setattr(status_of, "read", counting)
    return asked


def test_it_is_asked_seldom(opening: Opening, counted: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 3600.0)
    page = opening().write().applied()
    assert figures(page) == figures(page)
    page.api.live.news()
    assert len(counted) == 1
    page.post("/api/deals/x/move", {"to": "sales.new"})
    page.add("a", "sales.new")
    assert page.post("/api/deals/a/move", {"to": "sales.won"}).status == 200
    assert figures(page)["stages"]["sales.won"]["deals"] == 1, "what was done here is seen at once"


def test_a_store_that_nobody_wrote_is_not_asked(
    opening: Opening, counted: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_STILL", 3600.0)
    page = opening().write().applied()
    figures(page)
    figures(page)
    assert len(counted) == 1
    page.add("a", "sales.new")
    assert figures(page)["stages"]["sales.new"]["deals"] == 1


def test_one_that_took_long_is_left_alone_for_longer(
    opening: Opening, counted: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(live, "_SHARE", 10)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    real: Any = status_of.read

    def slow(*given: object, **more: object) -> object:
        now[0] += 4.0
        return real(*given, **more)

    monkeypatch.setattr(status_of, "read", slow)
    page = opening().write().applied()
    for passed, asked in ((0.0, 1), (39.0, 1), (2.0, 2)):
        now[0] += passed
        figures(page)
        assert len(counted) == asked
