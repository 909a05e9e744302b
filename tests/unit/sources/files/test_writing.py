"""Writing back: what an order names changes, and no other byte."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowrun.sources.interface import Conflict, Done, Later, NotDone, Record, Refused, Unknown
from tests.unit.sources.files.place import Ground, copy, move, stages
from tests.unit.store.example import instant

HEAD = "id,at,title,amount,paid,tags,closes\n"


def _written(tmp_path: Path, content: str, keys: str = "path: deals.csv", **fields: Any) -> str:
    ground = Ground(tmp_path, keys)
    ground.write(content)
    ground.changes()
    assert ground.perform(move("a", **fields)) == [Done("a")]
    return ground.text()


def test_only_the_cells_that_say_something_else_are_written(tmp_path: Path) -> None:
    content = HEAD + 'x, sales.new ,"a ""b""",1.5,no,,\n"a","sales.new",  Acme,10.50,"no",old,\n\ny,sales.new,,,,,\n'
    found = _written(tmp_path, content, title="Acme, Ltd", amount=Decimal("10.50"), paid=True, tags=("b", "c"))
    assert found == content.replace(
        '"a","sales.new",  Acme,10.50,"no",old,', '"a","sales.offer",  "Acme, Ltd",10.50,"yes","b, c",'
    )


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp1251"])
def test_encodings_marks_and_line_ends_stay(tmp_path: Path, breaks: str, mark: str, encoding: str) -> None:
    if encoding == "cp1251" and mark:
        return
    keys = f"path: deals.csv\nencoding: {encoding}\nat_column: Этап\nstages: {{Новый: sales.new, Счёт: sales.offer}}"
    ground = Ground(tmp_path, keys)
    content = mark + breaks.join(["id;Этап;title", "a;Новый;Акме", "b;Новый;Бета", ""])
    ground.write(content, encoding=encoding)
    assert stages(ground.changes()) == {"a": "sales.new", "b": "sales.new"}
    assert ground.perform(move("b", title="Ёлка"), copy("a", "a~1", title="Акме")) == [Done("b"), Done("a~1")]
    wanted = content.replace("b;Новый;Бета", "b;Счёт;Ёлка") + "a~1;support.open;Акме" + breaks
    assert ground.bytes() == wanted.encode(encoding)


def test_a_line_end_that_is_missing_stays_missing(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\r\na,sales.new\r\nb,sales.new")
    ground.changes()
    assert ground.perform(move("b"), copy("a", "a~1")) == [Done("b"), Done("a~1")]
    assert ground.text() == "id,at\r\na,sales.new\r\nb,sales.offer\r\na~1,support.open"


def test_new_rows_are_quoted_as_the_last_one(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write('"id","at","title","note"\n"a","sales.new","Acme",""\n')
    ground.changes()
    assert ground.perform(copy("a", "a~1", title='2" pipe')) == [Done("a~1")]
    assert ground.text().splitlines()[-1] == '"a~1","support.open","2"" pipe",""'


def test_values_are_written_as_the_mapping_reads_them(tmp_path: Path) -> None:
    keys = """
path: deals.csv
decimal: ","
date_format: "%d.%m.%Y"
key: firing
"""
    ground = Ground(tmp_path, keys)
    ground.write("id;at;amount;closes;call_at;entered_at;firing;paid\na;sales.new;1,00;;;05.03.2026;;WAHR\n")
    ground.keys += "\n"
    ground.write("id;at;amount;closes;call_at;entered_at;firing;paid\na;sales.new;1,00;;;05.03.2026;;TRUE\n")
    ground.changes()
    values: dict[str, Any] = {
        "amount": Decimal("1200.50"),
        "closes": date(2026, 12, 31),
        "call_at": instant("2026-03-10T15:30+01:00"),
        "paid": False,
    }
    done = ground.perform(move("a", **values), copy("a", "a~1", **values))
    assert done == [Done("a"), Done("a~1")]
    rows = ground.text().splitlines()[1:]
    assert rows[0] == "a;sales.offer;1200,50;31.12.2026;10.03.2026 15:30;06.03.2026 13:00;;FALSE"
    assert rows[1].startswith("a~1;support.open;1200,50;31.12.2026;10.03.2026 15:30;06.03.2026 13:00;key-a-1;")
    found = {change.id: change for change in ground.changes() if isinstance(change, Record)}
    assert found["a~1"].fields == values
    assert (found["a~1"].key, found["a"].key) == ("key-a-1", None)


def test_what_a_spreadsheet_takes_for_a_formula_is_data(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at,title\na,sales.new,x\n")
    ground.changes()
    assert ground.perform(move("a", title="=1+1")) == [Done("a")]
    assert ground.text() == "id,at,title\na,sales.offer,=1+1\n"


@pytest.mark.parametrize(
    ("keys", "fields", "reason"),
    [
        ("encoding: cp1251", {"title": "日本"}, "its encoding, cp1251, has no '日'"),
        ("{}", {"tags": ("a,b",)}, "'tags' would be read as another value than it is"),
        ('date_format: "%d.%m.%Y %H"', {"call_at": 1_800_000_060_000}, "'call_at' would be read as another value"),
    ],
)
def test_what_a_file_can_not_hold_is_refused(tmp_path: Path, keys: str, fields: dict[str, Any], reason: str) -> None:
    ground = Ground(tmp_path, "path: deals.csv" if keys == "{}" else f"path: deals.csv\n{keys}")
    ground.write("id,at,title,tags,call_at\na,sales.new,x,,\nb,sales.new,x,,\n")
    ground.changes()
    refused, done = ground.perform(move("a", **fields), move("b"))
    assert isinstance(refused, Refused)
    assert reason in refused.reason
    assert done == Done("b"), "the others are written all the same"


def test_fields_that_a_file_has_no_column_for_live_in_the_store(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    ground.changes()
    assert ground.perform(move("a", amount=Decimal(3))) == [Done("a")]
    assert ground.source.find([move("a", amount=Decimal(3))]) == [Done("a")]


def test_a_second_performance_changes_nothing(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at,title\na,sales.new,x\n")
    ground.changes()
    orders = (move("a", title="y"), copy("a", "a~1", title="z"))
    assert ground.source.find(orders) == [NotDone(), NotDone()]
    assert ground.perform(*orders) == [Done("a"), Done("a~1")]
    once = ground.bytes()
    assert ground.perform(*orders) == [Done("a"), Done("a~1")]
    ground.restarted()
    assert ground.perform(*orders) == [Done("a"), Done("a~1")]
    assert ground.source.find(orders) == [Done("a"), Done("a~1")]
    assert ground.bytes() == once


def test_other_rows_edits_are_kept_and_a_rows_own_edit_is_a_conflict(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at,title\na,sales.new,x\nb,sales.new,x\nc,sales.new,x\n")
    ground.changes()
    ground.write("id,at,title\na,sales.new,mine\nb,sales.new,x\nc,sales.won,x\n")
    found = ground.perform(move("b"), move("a"), move("c"), move("gone"))
    assert found == [
        Done("b"),
        Conflict("deals.csv:2 has been edited since it was read"),
        Conflict("it stands in sales.won in deals.csv:4"),
        Conflict("no file has 'gone' any more"),
    ]
    assert ground.text() == "id,at,title\na,sales.new,mine\nb,sales.offer,x\nc,sales.won,x\n"
    assert stages(ground.source.read(["a"])) == {"a": "sales.new"}
    assert ground.perform(move("a")) == [Done("a")], "read again, it is known as it is"


def test_our_own_writing_is_no_edit(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    ground.changes()
    assert ground.perform(move("a")) == [Done("a")]
    assert ground.perform(move("a", "sales.offer", "sales.won")) == [Done("a")]
    assert stages(ground.changes()) == {"a": "sales.won"}


def test_what_can_not_be_told_is_unknown(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.won\n")
    found = ground.source.find([move("a"), move("b")])
    assert [type(outcome) for outcome in found] == [Unknown, Unknown]


def test_copies_go_where_their_origin_stands_or_where_they_are_said_to(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    ground.write("id,at\na,sales.won\n", "deals/one.csv")
    ground.write('{"id": "b", "at": "sales.won"}\n', "deals/two.jsonl")
    ground.changes()
    found = ground.perform(copy("b", "b~1", title="x"), copy("a", "a~1"), copy("none", "n~1"))
    assert found[:2] == [Done("b~1"), Done("a~1")]
    assert isinstance(found[2], Refused)
    assert ground.text("deals/two.jsonl").splitlines()[1] == '{"id": "b~1", "at": "support.open", "title": "x"}'
    ground.keys = "path: deals\ncopies: deals/one.csv"
    ground.restarted()
    assert ground.perform(copy("b", "b~2")) == [Done("b~2")]
    assert ground.text("deals/one.csv") == "id,at\na,sales.won\na~1,support.open\nb~2,support.open\n"


def test_a_file_that_is_open_in_a_spreadsheet_is_left_alone(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: .")
    ground.write("id,at\na,sales.new\n")
    (tmp_path / ".~lock.deals.csv#").write_text(",anna,desk,,;")
    assert stages(ground.changes()) == {"a": "sales.new"}
    (found,) = ground.perform(move("a"))
    assert isinstance(found, Later)
    assert ".~lock.deals.csv#" in found.reason
    (tmp_path / ".~lock.deals.csv#").unlink()
    assert ground.perform(move("a")) == [Done("a")]


def test_rights_stay_and_links_are_followed(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    target = ground.write("id,at\na,sales.new\n", "real/data.csv")
    target.chmod(0o640)
    (tmp_path / "deals.csv").symlink_to(target)
    ground.changes()
    assert ground.perform(move("a")) == [Done("a")]
    assert (tmp_path / "deals.csv").is_symlink()
    assert target.read_text() == "id,at\na,sales.offer\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["data.csv"]


def test_json_lines_keep_keys_spaces_and_digits(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals.jsonl")
    content = (
        '{"x":{"y":[1.50,"}"]},"id":17,"at":"sales.new","amount":1.50,"title":"a"}\n{ "id": "b", "at": "sales.new" }\n'
    )
    ground.write(content, "deals.jsonl")
    ground.changes()
    found = ground.perform(
        move("17", amount=Decimal("2.50"), paid=True), move("b", title='"b"'), copy("17", "17~1", amount=Decimal(3))
    )
    assert found == [Done("17"), Done("b"), Done("17~1")]
    assert ground.text("deals.jsonl").splitlines() == [
        '{"x":{"y":[1.50,"}"]},"id":17,"at":"sales.offer","amount":2.50,"title":"a","paid":true}',
        '{ "id": "b", "at": "sales.offer", "title": "\\"b\\"" }',
        '{"id": "17~1", "at": "support.open", "amount": "3.00"}',
    ]
    assert stages(ground.changes()) == {"17": "sales.offer", "b": "sales.offer", "17~1": "support.open"}


YAML = """\
# Our deals
- id: a            # the first
  at: sales.new
  title: 'Acme'
  amount: 10.50
  note: |
    kept
- {id: b, at: sales.new, tags: [x]}   # short

- id: c
  tags:
    - y
  at: "sales.new"
"""


def test_yaml_keeps_comments_and_everything_that_is_not_named(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals.yaml")
    ground.write(YAML, "deals.yaml")
    assert stages(ground.changes()) == {"a": "sales.new", "b": "sales.new", "c": "sales.new"}
    found = ground.perform(
        move("a", title="on", amount=Decimal("11.00"), closes=date(2026, 1, 2)),
        move("b", tags=("x", "z: y"), title="B"),
        move("c", tags=None),
        copy("a", "a~1", title="Copy: 1", paid=True),
    )
    assert found == [Done("a"), Done("b"), Done("c"), Done("a~1")]
    assert (
        ground.text("deals.yaml")
        == """\
# Our deals
- id: a            # the first
  at: sales.offer
  title: "on"
  amount: 11.00
  note: |
    kept
  closes: 2026-01-02
- {id: b, at: sales.offer, tags: [x, "z: y"], title: B}   # short

- id: c
  tags: null
  at: sales.offer
- id: "a~1"
  at: support.open
  title: "Copy: 1"
  paid: true
  tags: null
"""
    )


def test_one_deal_a_file(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    ground.write("id: a\nat: sales.new", "deals/a.yaml")
    ground.write("deals: [{id: b, at: sales.new}]\n", "deals/b.yaml")
    ground.changes()
    refused, *done = ground.perform(copy("a", "a~1"), move("a", title="x"), copy("b", "b~1"))
    assert isinstance(refused, Refused)
    assert done == [Done("a"), Done("b~1")]
    assert ground.text("deals/a.yaml") == "id: a\nat: sales.offer\ntitle: x"
    assert ground.text("deals/b.yaml") == 'deals: [{id: b, at: sales.new}, {id: "b~1", at: support.open}]\n'


def test_a_copy_never_takes_the_place_of_another_deal(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at,title\na,sales.won,x\na~1,sales.new,mine\n")
    ground.changes()
    (found,) = ground.perform(copy("a", "a~1", title="x"))
    assert isinstance(found, Refused)
    assert isinstance(ground.source.find([copy("a", "a~1", title="x")])[0], Unknown)
    ground.keys = "path: deals.csv\nkey: firing"
    ground.write("id,at,title,firing\na,sales.won,x,\na~1,sales.new,moved on,key-a-1\n")
    ground.restarted()
    assert ground.perform(copy("a", "a~1", title="x")) == [Done("a~1")], "its key says whose it is, wherever it went"


def test_a_yaml_alias_is_never_made_to_say_something_else(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals.yaml")
    content = "- {id: a, at: &s sales.new}\n- {id: b, at: &s sales.won}\n- {id: c, at: *s}\n- {id: d, at: sales.new}\n"
    ground.write(content, "deals.yaml")
    ground.changes()
    refused, done, other = ground.perform(move("b", "sales.won", "support.open"), move("d"), move("c", "sales.won"))
    assert isinstance(refused, Refused)
    assert isinstance(other, Refused)
    assert done == Done("d")
    assert ground.text("deals.yaml") == content.replace("d, at: sales.new", "d, at: sales.offer")
