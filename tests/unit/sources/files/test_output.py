"""A file of firings beside deals that flowrun may not write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.clock import FixedClock
from flowrun.errors import WorkFailed
from flowrun.sources.files import KIND
from flowrun.sources.files.overlay import Overlay
from flowrun.sources.interface import Change, Conflict, Done, Gone, Later, NotDone, Place, Record, Refused
from tests.unit.sources.files.place import AT_ONCE, copy, move, options, stages
from tests.unit.store.example import NOON, flow

KEYS = "path: deals.csv\nat: sales.new\nwrite: firings.jsonl"


class Desk:
    """A folder with an export that only others write."""

    def __init__(self, folder: Path, keys: str = KEYS) -> None:
        self.folder = folder
        self.keys = keys
        self.mark: str | None = None
        self.restarted()

    def restarted(self) -> None:
        opened = KIND.open(options(self.keys), Place(flow(), self.folder))
        assert isinstance(opened, Overlay)
        self.source = opened
        self.source.files.pace = self.source.files._looking.pace = AT_ONCE
        self.source.files.clock = FixedClock(NOON)

    def export(self, content: str) -> None:
        beside = self.folder / ".export"
        beside.write_text(content)
        beside.replace(self.folder / "deals.csv")

    def changes(self) -> Sequence[Change]:
        pages = list(self.source.changes(self.mark))
        self.mark = pages[-1].mark
        return [change for page in pages for change in page.changes]

    def whole(self) -> Sequence[Change]:
        pages = list(self.source.everything())
        assert all(page.whole for page in pages)
        return [change for page in pages for change in page.changes]


def test_firings_are_lines_and_the_deals_stand_where_they_brought_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export("id,title,amount\na,Acme,1\nb,Beta,2\n")
    assert stages(desk.changes()) == {"a": "sales.new", "b": "sales.new"}
    orders = (move("a", amount=Decimal("2.50")), copy("b", "b~1", title="Copy"))
    assert desk.source.find(orders) == [NotDone(), NotDone()]
    assert desk.source.perform(orders) == [Done("a"), Done("b~1")]
    assert desk.source.perform(orders) == [Done("a"), Done("b~1")]
    lines = (tmp_path / "firings.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "key": "key-a-sales-offer",
            "action": "move",
            "deal": "a",
            "id": "a",
            "from": "sales.new",
            "to": "sales.offer",
            "tunnel": "offers",
            "fired_at": "2026-03-06T12:00:00.000Z",
            "fields": {"amount": "2.50"},
        },
        {
            "key": "key-b-1",
            "action": "copy",
            "deal": "b",
            "id": "b~1",
            "from": "sales.won",
            "to": "support.open",
            "tunnel": "supports",
            "fired_at": "2026-03-06T12:00:00.000Z",
            "fields": {"title": "Copy"},
        },
    ]
    assert stages(desk.changes()) == {"a": "sales.offer", "b~1": "support.open"}
    desk.restarted()
    assert desk.changes() == []
    assert stages(desk.whole()) == {"a": "sales.offer", "b": "sales.new", "b~1": "support.open"}
    found = desk.source.read(["a", "b~1", "c"])
    assert stages(found) == {"a": "sales.offer", "b~1": "support.open", "c": None}
    assert desk.source.find(orders) == [Done("a"), Done("b~1")]
    assert (tmp_path / "deals.csv").read_text() == "id,title,amount\na,Acme,1\nb,Beta,2\n"


def test_an_export_that_says_the_same_stage_keeps_the_move_and_another_one_rules(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "path: deals.csv\nwrite: firings.jsonl")
    desk.export("id,at\na,sales.new\n")
    desk.changes()
    desk.source.perform([move("a")])
    desk.source.perform([move("a", "sales.offer", "sales.won")])
    desk.export("id,at,title\na,sales.new,edited\n")
    (found,) = desk.changes()
    assert isinstance(found, Record)
    assert (found.stage, found.fields) == ("sales.won", {"title": "edited"})
    desk.export("id,at\na,sales.offer\n")
    assert stages(desk.changes()) == {"a": "sales.won"}, "they have made the first move by now"
    desk.export("id,at\na,support.open\n")
    assert stages(desk.changes()) == {"a": "support.open"}


def test_a_deal_that_stands_elsewhere_is_a_conflict_and_an_id_in_use_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export("id\na\nb\n")
    desk.changes()
    found = desk.source.perform(
        [move("a", "sales.offer", "sales.won"), move("c"), copy("a", "b"), move("b"), move("b")]
    )
    assert found[:2] == [Conflict("it stands in sales.new"), Conflict("it is gone")]
    assert isinstance(found[2], Refused)
    assert [type(one) for one in found[3:]] == [Done, Later]


def test_half_a_line_that_a_dead_process_left_is_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export("id\na\nb\n")
    desk.changes()
    desk.source.perform([move("a")])
    whole = (tmp_path / "firings.jsonl").read_bytes()
    with (tmp_path / "firings.jsonl").open("ab") as file:
        file.write(b'{"key": "key-b-sales-off')
    desk.restarted()
    assert desk.source.find([move("b")]) == [NotDone()]
    assert desk.source.perform([move("b")]) == [Done("b")]
    after = (tmp_path / "firings.jsonl").read_bytes()
    assert after.startswith(whole)
    assert [json.loads(line)["id"] for line in after.splitlines()] == ["a", "b"]


def test_deals_that_the_export_lacks_are_gone_but_for_copies(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export("id\na\nb\n")
    desk.changes()
    desk.source.perform([copy("a", "a~1")])
    desk.changes()
    desk.export("id\na\n")
    assert list(desk.changes()) == [Gone("b")]
    assert stages(desk.whole()) == {"a": "sales.new", "a~1": "support.open"}


def test_a_folder_does_not_take_the_output_for_deals(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "path: .\nat: sales.new\nwrite: firings.jsonl")
    desk.export("id\na\n")
    desk.changes()
    desk.source.perform([move("a")])
    assert stages(desk.whole()) == {"a": "sales.offer"}


def test_an_output_has_a_name_that_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="one JSON object a line"):
        Desk(tmp_path, "path: deals.csv\nwrite: firings.csv")
