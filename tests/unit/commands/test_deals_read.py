"""Deals listed, counted and exported by a command, and the options that select them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from flowrun.clock import FixedClock
from flowrun.commands import deals_read as read
from flowrun.commands.deals_select import Wanted
from flowrun.commands.deals_write import add
from flowrun.errors import InvalidInput, WorkFailed
from tests.unit.store.example import NOON, flow, opened, url

_CLOCK = FixedClock(NOON)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The address of a store with three deals."""
    with opened(tmp_path, applied=flow(more="flowrun: 1\nvars: {big: {type: integer, default: 5}}\n")):
        pass
    address = url(tmp_path)
    add(address, _CLOCK, "sales.new", "a", ("title=Acme, Inc.", "amount=5", "tags=x,y"))
    add(address, _CLOCK, "support.open", "b", ("amount=50", "closes=2026-03-06"))
    add(address, _CLOCK, "sales.won", "c", ("amount=9000000000000000", "paid=true"))
    return address


def _ids(store: str, wanted: Wanted, limit: int | None = None) -> list[str]:
    return [deal.id for deal in read.listing(store, _CLOCK, wanted, limit).deals]


def test_listing(store: str) -> None:
    assert _ids(store, Wanted()) == ["a", "b", "c"]
    assert _ids(store, Wanted(pipeline="sales")) == ["a", "c"]
    assert _ids(store, Wanted(stage="sales.won")) == ["c"]
    assert _ids(store, Wanted(where="deal.amount > vars.big")) == ["b", "c"]
    assert _ids(store, Wanted(where="deal.closes == today()")) == ["b"]
    assert _ids(store, Wanted(where="'x' in deal.tags", pipeline="support")) == []


def test_a_limit_is_told_from_what_there_is(store: str) -> None:
    found = read.listing(store, _CLOCK, Wanted(), 2)
    assert ([deal.id for deal in found.deals], found.count) == (["a", "b"], 3)
    found = read.listing(store, _CLOCK, Wanted(), None)
    assert (len(found.deals), found.count) == (3, 3)


def test_deals_whose_condition_overflows_are_counted_apart(store: str) -> None:
    wanted = Wanted(where="deal.amount * deal.amount > 0")
    found = read.listing(store, _CLOCK, wanted, None)
    assert ([deal.id for deal in found.deals], found.overflowing) == (["a", "b"], 1)
    board = read.board(store, _CLOCK, wanted)
    assert (sum(board.stages.values()), board.overflowing) == (2, 1)
    assert read.export(store, _CLOCK, wanted, "jsonl", lambda _: None) == 1


def test_everything_wrong_with_a_selection_is_said_at_once(store: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read.listing(store, _CLOCK, Wanted("slaes", "sales.nwe", "deal.amuont > 5 and deal.paid == 3"), None)
    lines = caught.value.sources["command line"].split("\n")
    assert [
        (found.code, lines[found.span.line - 1][found.span.column - 1 : found.span.end_column - 1], found.help)
        for found in caught.value.findings[:3]
    ] == [
        ("FR604", "slaes", "did you mean 'sales'?"),
        ("FR604", "sales.nwe", "did you mean 'sales.new'?"),
        ("FR203", "amuont", "did you mean 'amount'?"),
    ]
    assert len(caught.value.findings) == 4


def test_the_board(store: str) -> None:
    assert read.board(store, _CLOCK, Wanted(pipeline="sales")).stages == {
        "sales.new": 1,
        "sales.offer": 0,
        "sales.won": 1,
    }


def test_an_export_as_json_lines(store: str) -> None:
    texts: list[str] = []
    read.export(store, _CLOCK, Wanted(pipeline="sales"), "jsonl", texts.append)
    first, second = (json.loads(line) for line in "".join(texts).splitlines())
    assert first == {
        "id": "a",
        "at": "sales.new",
        "title": "Acme, Inc.",
        "owner": None,
        "entered_at": "2026-03-06T12:00:00.000Z",
        "amount": "5.00",
        "seats": None,
        "source": None,
        "currency": "EUR",
        "paid": False,
        "account": None,
        "closes": None,
        "call_at": None,
        "tags": ["x", "y"],
    }
    assert second["id"] == "c"


def test_an_export_as_csv(store: str) -> None:
    texts: list[str] = []
    read.export(store, _CLOCK, Wanted(), "csv", texts.append)
    header, *rows = csv.reader(io.StringIO("".join(texts), newline=""))
    assert header[:7] == ["id", "at", "title", "owner", "entered_at", "amount", "seats"]
    assert dict(zip(header, rows[0], strict=True)) | {"entered_at": ""} == {
        "id": "a",
        "at": "sales.new",
        "title": "Acme, Inc.",
        "owner": "",
        "entered_at": "",
        "amount": "5.00",
        "seats": "",
        "source": "",
        "currency": "EUR",
        "paid": "false",
        "account": "",
        "closes": "",
        "call_at": "",
        "tags": "x,y",
    }
    assert len(rows) == 3


def test_an_export_into_a_file_appears_whole(store: str, tmp_path: Path) -> None:
    read.export(store, _CLOCK, Wanted(), "jsonl", tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3
    with pytest.raises(InvalidInput):
        read.export(store, _CLOCK, Wanted(stage="x"), "jsonl", tmp_path / "out.jsonl")
    with pytest.raises(WorkFailed, match="can't be written"):
        read.export(store, _CLOCK, Wanted(), "jsonl", tmp_path / "absent" / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3
    assert not list(tmp_path.glob(".out*"))
