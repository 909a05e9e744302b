"""Reading: rows as records, and what has changed since a mark."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from flowrun.sources.interface import Gone, Record
from tests.unit.sources.files.place import Ground, bads, stages
from tests.unit.store.example import instant

PLAIN = "id,at,title,amount,paid\na,sales.new,Acme,10.50,no\nb,sales.won,Beta,,yes\n"


def test_a_file_is_read_as_records_of_typed_values(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write(PLAIN)
    assert ground.changes() == [
        Record("a", "sales.new", {"title": "Acme", "amount": Decimal("10.50"), "paid": False}),
        Record("b", "sales.won", {"title": "Beta", "amount": None, "paid": True}),
    ]


def test_columns_are_mapped_as_for_an_import(tmp_path: Path) -> None:
    keys = """
path: deals.csv
map: {Nr: id, Deal: title, Wert: amount, Seit: entered_at, Abschluss: closes}
at_column: Status
stages: {Offen: sales.new, Gewonnen: sales.won}
date_format: "%d.%m.%Y"
decimal: ","
encoding: cp1252
key: Firing
"""
    ground = Ground(tmp_path, keys)
    text = "Nr;Deal;Notiz;Wert;Status;Seit;Abschluss;Firing\r\n7;Café;egal;1200,50;Offen;01.02.2026;31.12.2026;k-1\r\n"
    ground.write(text, encoding="cp1252")
    fields: dict[str, Any] = {"title": "Café", "amount": Decimal("1200.50"), "closes": date(2026, 12, 31)}
    since = instant("2026-02-01T00:00+01:00")
    assert ground.changes() == [Record("7", "sales.new", fields, since, "k-1")]


def test_only_rows_that_differ_are_told_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write(PLAIN)
    ground.changes()
    assert ground.changes() == []
    ground.write(PLAIN.replace("Beta", "Gamma") + "c,sales.new,New,1,no\n")
    assert stages(ground.changes()) == {"b": "sales.won", "c": "sales.new"}
    ground.write(PLAIN)
    assert stages(ground.changes()) == {"b": "sales.won", "c": None}


def test_a_process_that_remembers_nothing_tells_changed_files_whole(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    ground.write("id,at\na,sales.new\nb,sales.new\n", "deals/one.csv")
    ground.write("id,at\nc,sales.new\n", "deals/two.csv")
    ground.changes()
    ground.restarted()
    assert ground.changes() == []
    ground.write("id,at\nc,sales.won\n", "deals/two.csv")
    ground.restarted()
    assert stages(ground.changes()) == {"c": "sales.won"}


def test_a_page_that_was_not_kept_is_told_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write(PLAIN)
    ground.changes()
    kept = ground.mark
    ground.write(PLAIN.replace("Beta", "Gamma"))
    ground.changes()
    ground.mark = kept
    assert stages(ground.changes()) == {"a": "sales.new", "b": "sales.won"}


def test_another_mapping_tells_all_rows_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write(PLAIN)
    ground.changes()
    ground.keys = "path: deals.csv\nmap: {id: id, title: account}"
    ground.restarted()
    assert [change.fields for change in ground.changes() if isinstance(change, Record)] == [
        {"account": "Acme"},
        {"account": "Beta"},
    ]


def test_a_full_read_names_every_deal(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    rows = "".join(f"d{number},sales.new\n" for number in range(4_500))
    ground.write("id,at\n" + rows)
    pages = ground.everything()
    assert [(page.whole, page.last) for page in pages] == [(True, False)] * 2 + [(True, True)]
    assert len({change.id for page in pages for change in page.changes if isinstance(change, Record)}) == 4_500
    assert ground.changes() == []


def test_deals_are_read_by_id(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write(PLAIN)
    found = ground.source.read(["b", "none"])
    assert stages(found) == {"b": "sales.won", "none": None}
    assert Gone("none") in found


def test_an_id_that_stands_twice_is_bad_at_both_places(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    ground.write("id,at\na,sales.new\nb,sales.new\na,sales.won\n", "deals/one.csv")
    ground.write("id,at\nb,sales.won\nc,sales.new\n", "deals/two.csv")
    found = ground.changes()
    assert stages(found) == {"c": "sales.new"}
    twice = {id_: reason for _, reason, id_ in bads(found)}
    assert twice == {
        "a": "the id 'a' stands at deals/one.csv:2 and at deals/one.csv:4; keep one of them",
        "b": "the id 'b' stands at deals/one.csv:3 and at deals/two.csv:2; keep one of them",
    }
    ground.write("id,at\nc,sales.new\n", "deals/two.csv")
    assert stages(ground.changes()) == {"b": "sales.new"}, "the one that is left counts, though its file is as it was"


def test_a_file_that_is_renamed_takes_its_deals_along(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    path = ground.write("id,at\na,sales.new\n", "deals/one.csv")
    ground.write("id,at\nb,sales.new\n", "deals/two.csv")
    ground.changes()
    path.rename(path.parent / "three.csv")
    assert stages(ground.changes()) == {"a": "sales.new"}


def test_rows_that_can_not_be_read_are_bad_and_stay(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at,amount\na,sales.new,1\nb,sales.gone,2\nc,sales.new,x\nd,sales.new\n")
    found = ground.changes()
    assert stages(found) == {"a": "sales.new"}
    assert sorted(bads(found), key=str) == [
        ("deals.csv:3", "column 'at': there is no stage 'sales.gone'; did you mean 'sales.won'?", "b"),
        ("deals.csv:4", "column 'amount': 'x' is no decimal; expected digits and a point, for example 1200.50", "c"),
        ("deals.csv:5", "the row has 2 cells, the header 3", "d"),
    ]
    assert all(page.whole for page in ground.everything()), "their ids are known, so nothing can be missed"


def test_many_files_have_a_mark_of_its_size(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    for number in range(300):
        ground.write(f"id,at\nd{number},sales.new\n", f"deals/a-rather-long-name-of-a-file-{number}.csv")
    assert len(stages(ground.changes())) == 300
    assert len(ground.mark or "") < 7_000
    assert ground.changes() == []
    ground.write("id,at\nd5,sales.won\n", "deals/a-rather-long-name-of-a-file-5.csv")
    assert stages(ground.changes()) == {"d5": "sales.won"}
