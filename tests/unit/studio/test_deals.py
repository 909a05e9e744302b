"""Deals for the page: found, told with what holds them back, moved by hand."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from flowrun.clock import VirtualClock
from tests.unit.studio.conftest import Opening
from tests.unit.studio.kit import FLOW, Page

WAITING = FLOW + "  later: {from: sales.offer, to: sales.won, action: move, after: 3d}\n"


@pytest.fixture
def page(opening: Opening) -> Page:
    return opening().write(WAITING).applied()


@pytest.fixture(params=["sqlite", "postgresql"])
def each(request: pytest.FixtureRequest, opening: Opening) -> Page:
    store = request.getfixturevalue("fast_postgres").url if request.param == "postgresql" else ""
    return opening(store=store).write(WAITING).applied()


def test_the_deals_of_a_stage_page_by_page(each: Page) -> None:
    for number in range(5):
        each.add(f"d{number}", "sales.new" if number != 2 else "sales.won")
    found = each.get("/api/deals?stage=sales.new&limit=2").fine()
    assert [one["id"] for one in found["deals"]] == ["d0", "d1"]
    rest = each.get(f"/api/deals?stage=sales.new&limit=2&after={found['next']}").fine()
    assert ([one["id"] for one in rest["deals"]], rest["next"]) == (["d3", "d4"], None)
    assert len(each.get("/api/deals").fine()["deals"]) == 5


def test_search_finds_texts_whatever_their_case_and_takes_no_wildcards(each: Page) -> None:
    each.add("a-1", "sales.new", "title=Ёлка 100%", "owner=Ann").add("b", "sales.won", "title=100 pages")
    for text, found in (
        ("ёЛК", ["a-1"]),
        ("100%", ["a-1"]),
        ("100", ["a-1", "b"]),
        ("A-1", ["a-1"]),
        ("ann", ["a-1"]),
        ("_", []),
    ):
        assert [one["id"] for one in each.get(f"/api/deals?search={quote(text)}").fine()["deals"]] == found, text
    assert each.get("/api/deals?stage=sales.won&search=ann").fine()["deals"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "limit=9999999999999999",
        "limit=000001" + "9" * 5000,
        "limit=00000199999",
        "limit=%D9%A3",
        "after=x",
        "after=1;2",
    ],
)
def test_bad_questions(opening: Opening, query: str) -> None:
    page = opening().write().applied()
    answer = page.get(f"/api/deals?{query}")
    assert (answer.status, answer.code) == (400, "bad-request")


def test_an_unknown_stage_is_said(opening: Opening) -> None:
    answer = opening().write().applied().get("/api/deals?stage=sales.nwe")
    assert (answer.status, answer.json["diagnostics"][0]["help"]) == (422, "did you mean 'sales.new'?")


def test_a_deal_with_its_history_and_what_holds_it_back(page: Page) -> None:
    page.add("a", "sales.new", "amount=500", "title=<script>").run().add("b", "sales.new", "amount=5")
    found = page.get("/api/deals/a").fine()
    assert (found["deal"]["title"], found["deal"]["stage"]) == ("<script>", "sales.offer")
    assert [(row["tunnel"], row["result"]) for row in found["journal"]] == [("offers", "fired")]
    (waits,) = [one for one in found["explain"]["tunnels"] if one["tunnel"] == "later"]
    assert waits["due_at"] == "2026-03-09T12:00:00.000Z"
    (held,) = page.get("/api/deals/b").fine()["explain"]["tunnels"]
    assert (held["verdict"], [piece["value"] for piece in held["condition"]][:1]) == ("blocked", [False])


@pytest.mark.parametrize("id_", ["a/b", "a?b#c", "..", "ключ", "x%2Fy", " "])
def test_ids_of_any_kind(opening: Opening, id_: str) -> None:
    page = opening().write().applied()
    if id_.strip():
        page.add(id_, "sales.new")
        assert page.get(f"/api/deals/{quote(id_, safe='')}").fine()["deal"]["id"] == id_
        assert page.post(f"/api/deals/{quote(id_, safe='')}/move", {"to": "sales.won"}).status == 200
    else:
        assert page.get(f"/api/deals/{quote(id_, safe='')}").status == 404


def test_no_such_deal(opening: Opening) -> None:
    page = opening().write()
    assert page.get("/api/deals/a").code == "not-found", "no store yet"
    page.applied()
    for answer in (page.get("/api/deals/a"), page.post("/api/deals/a/move", {"to": "sales.won"})):
        assert (answer.status, answer.code) == (404, "not-found")


def test_a_deal_is_moved_by_hand(page: Page) -> None:
    page.add("a", "sales.new")
    moved = page.post("/api/deals/a/move", {"to": "sales.won"}).fine()
    assert moved["deal"]["stage"] == "sales.won"
    assert page.get("/api/deals/a").fine()["deal"]["entry"] == 2
    answer = page.post("/api/deals/a/move", {"to": "sales.wno"})
    assert (answer.status, answer.code, answer.json["error"]["help"]) == (422, "refused", "did you mean 'sales.won'?")
    assert page.post("/api/deals/a/move", {"to": 7}).code == "bad-request"


def test_deals_that_live_elsewhere_are_not_moved(opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("id,stage\nx,new\n")
    source = "source: {type: files, path: deals.csv, map: {id: id}, at_column: stage, stages: {new: sales.new}}\n"
    page = opening().write().applied().add("a", "sales.new").write(FLOW + source).applied("source")
    answer = page.post("/api/deals/a/move", {"to": "sales.won"})
    assert (answer.status, answer.code) == (422, "refused")


def test_what_time_will_bring(page: Page) -> None:
    page.add("a", "sales.new", "amount=500").run()
    clock = page.clock
    assert isinstance(clock, VirtualClock)
    clock.instant += 24 * 3600 * 1000
    page.add("b", "sales.new", "amount=500").run()
    near = page.get("/api/pending?until=2026-03-09T12:00:00Z").fine()
    assert (near["tunnels"], near["more"], near["until"]) == ({"later": 1}, 0, "2026-03-09T12:00:00.000Z")
    assert [one["deal"] for one in near["pending"]] == ["a"]
    assert page.get("/api/pending?until=2026-03-10T12:00:00Z").fine()["tunnels"] == {"later": 2}
    assert page.get("/api/pending?until=2026-03-08T12:00:00Z").fine()["pending"] == []


@pytest.mark.parametrize("query", ["", "?until=", "?until=tomorrow", "?until=2026-03-09", "?until=2026-03-09T12:00"])
def test_until_is_an_instant(opening: Opening, query: str) -> None:
    assert opening().write().applied().get(f"/api/pending{query}").code == "bad-request"
