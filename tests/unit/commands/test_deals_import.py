"""Importing files, end to end: what becomes of rows, deals, entries and the queue."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from flowrun.clock import FixedClock, SystemClock
from flowrun.commands.deals_import import Options, import_deals
from flowrun.commands.deals_read import export
from flowrun.commands.deals_select import Wanted
from flowrun.commands.deals_write import move
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.errors import FlowrunError, InvalidInput, WorkFailed, WrongUsage
from flowrun.sources import batches
from flowrun.sources.importing import Imported
from flowrun.store.connection import open_store
from flowrun.store.revisions import Author
from tests.unit.store.example import NOON, flow, instant, opened, rows, url

_SIMPLE = Options(map=("Deal=title", "Value=amount"), at_column="Stage")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store that has the example flow applied, at noon."""
    with opened(tmp_path):
        pass
    return tmp_path


def _import(
    folder: Path, text: str, options: Options = _SIMPLE, *, at: int = NOON + 1000, name: str = "deals.csv", **more: Any
) -> Imported:
    path = folder / name
    path.write_text(text)
    return import_deals(url(folder), FixedClock(at), path, options, **more)


def _tally(found: Imported) -> dict[str, int]:
    return {name: count for name, count in asdict(found.tally).items() if count}


def _rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with open_store(url(folder), SystemClock()) as store:
        return rows(store, query)


def _everything(folder: Path) -> list[list[tuple[Any, ...]]]:
    return [_rows(folder, f"SELECT * FROM {table} ORDER BY 1") for table in ("deals", "queue", "firings")]


def _rejects(folder: Path, name: str = "deals.rejects.csv") -> list[list[str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.reader(file))


def _reasons(found: Imported) -> list[tuple[int, str]]:
    return [(reject.line, "; ".join(reject.reasons)) for reject in found.examples]


def _run(folder: Path, at: int) -> None:
    with open_store(url(folder), FixedClock(at)) as store:
        Runner(store).until_idle()


def test_new_deals_start_an_entry_and_are_queued(folder: Path) -> None:
    found = _import(folder, "id,Deal,Value,Stage\nd1,Acme,50.5,sales.new\nd2,,,sales.won\n")
    assert _tally(found) == {"rows": 2, "added": 2}
    assert found.rejects is None
    columns = "seq, id, title, stage, entry, entered_at, created_at, updated_at, amount, currency, paid, _hops, _root"
    now = NOON + 1000
    assert _rows(folder, f"SELECT {columns} FROM deals ORDER BY seq") == [
        (1, "d1", "Acme", "sales.new", 1, now, now, now, 5050, "EUR", 0, None, None),
        (2, "d2", None, "sales.won", 1, now, now, now, None, "EUR", 0, None, None),
    ]
    assert _rows(folder, "SELECT * FROM queue") == [(1, now, 0)], "no tunnel leaves sales.won"


def test_imported_deals_are_as_if_a_program_had_inserted_them(folder: Path, tmp_path: Path) -> None:
    _import(folder, "id,Deal,Value,Stage\nd1,Acme,50.5,sales.new\nd2,,,sales.won\n")
    other = tmp_path / "other"
    other.mkdir()
    with opened(other, FixedClock(NOON + 1000)) as store, store.write() as transaction:
        for statement in (
            "INSERT INTO deals (id, title, amount, stage) VALUES ('d1', 'Acme', 5050, 'sales.new')",
            "INSERT INTO deals (id, stage) VALUES ('d2', 'sales.won')",
        ):
            transaction.connection.exec_driver_sql(statement)
    with open_store(url(folder), SystemClock()) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE deals SET _imported = NULL")
    assert _everything(folder) == _everything(other)


def test_importing_again_changes_nothing_at_all(folder: Path) -> None:
    text = "id,Deal,Value,Stage\nd1, Acme ,50.50,sales.new\nd2,,,sales.won\nd3,x,nonsense,sales.new\n"
    _import(folder, text)
    before = _everything(folder)
    found = _import(folder, text, at=NOON + 9000)
    assert _tally(found) == {"rows": 3, "unchanged": 2, "rejected": 1}
    assert _everything(folder) == before


def test_importing_again_never_fights_the_tunnels(folder: Path) -> None:
    text = "id,Deal,Value,Stage\nd1,Acme,500,sales.new\nd2,Beta,50,sales.new\n"
    _import(folder, text)
    _run(folder, NOON + 2000)
    assert _rows(folder, "SELECT id, stage FROM deals") == [("d1", "sales.offer"), ("d2", "sales.new")]
    before = _everything(folder)
    assert _tally(_import(folder, text, at=NOON + 9000)) == {"rows": 2, "unchanged": 2, "kept": 1}
    assert _everything(folder) == before


def test_a_stage_follows_where_the_file_says_another_one_than_last_time(folder: Path) -> None:
    _import(folder, "id,Deal,Value,Stage\nd1,Acme,500,sales.new\nd2,Beta,1,sales.new\nd3,C,1,sales.new\n")
    _run(folder, NOON + 2000)
    text = "id,Deal,Value,Stage\nd1,Acme,500,sales.won\nd2,Beta,1,sales.new\nd3,D,1,sales.offer\n"
    assert _tally(_import(folder, text, at=NOON + 9000)) == {"rows": 3, "changed": 1, "moved": 2, "unchanged": 1}
    assert _rows(folder, "SELECT id, title, stage, entry, entered_at, updated_at FROM deals") == [
        ("d1", "Acme", "sales.won", 3, NOON + 9000, NOON + 9000),
        ("d2", "Beta", "sales.new", 1, NOON + 1000, NOON + 1000),
        ("d3", "D", "sales.offer", 2, NOON + 9000, NOON + 9000),
    ]
    assert _rows(folder, "SELECT deal, wake_at FROM queue") == [(3, NOON + 9000)]
    before = _everything(folder)
    _import(folder, text, at=NOON + 10_000)
    assert _everything(folder) == before


def test_a_stage_that_the_deal_has_already_starts_no_entry_but_is_remembered(folder: Path) -> None:
    _import(folder, "id,Deal,Value,Stage\nd1,Acme,1,sales.new\n")
    move(url(folder), FixedClock(NOON + 2000), "d1", "sales.offer")
    assert _tally(_import(folder, "id,Deal,Value,Stage\nd1,Acme,1,sales.offer\n", at=NOON + 3000)) == {
        "rows": 1,
        "unchanged": 1,
    }
    assert _rows(folder, "SELECT entry, _imported FROM deals") == [(2, "sales.offer")]
    move(url(folder), FixedClock(NOON + 4000), "d1", "sales.won")
    assert _tally(_import(folder, "id,Deal,Value,Stage\nd1,Acme,1,sales.new\n", at=NOON + 5000))["moved"] == 1


def test_the_stage_of_a_deal_that_was_never_imported_stays_and_the_files_is_remembered(folder: Path) -> None:
    with open_store(url(folder), FixedClock(NOON)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.offer')")
    assert _tally(_import(folder, "id,Deal,Value,Stage\nd1,,,sales.new\n")) == {"rows": 1, "unchanged": 1, "kept": 1}
    assert _rows(folder, "SELECT stage, _imported FROM deals") == [("sales.offer", "sales.new")]
    assert _tally(_import(folder, "id,Deal,Value,Stage\nd1,,,sales.won\n"))["moved"] == 1


def test_restage_sets_the_stage_of_all(folder: Path) -> None:
    text = "id,Deal,Value,Stage\nd1,Acme,500,sales.new\nd2,Beta,1,sales.new\n"
    _import(folder, text)
    _run(folder, NOON + 2000)
    assert _tally(_import(folder, text, at=NOON + 9000, restage=True)) == {"rows": 2, "moved": 1, "unchanged": 1}
    assert _rows(folder, "SELECT id, stage, entry FROM deals") == [("d1", "sales.new", 3), ("d2", "sales.new", 1)]


def test_a_renamed_stage_is_the_one_last_imported(folder: Path) -> None:
    _import(folder, "id,Deal,Value,Stage\nd1,Acme,500,sales.new\nd2,B,1,support.open\n")
    _run(folder, NOON + 2000)
    move(url(folder), FixedClock(NOON + 2500), "d2", "sales.won")
    renamed = flow(
        example="""
flowrun: 1
timezone: Europe/Berlin
fields: {amount: {type: decimal, places: 2}}
pipelines:
  sales: {stages: [fresh, offer, {id: won, outcome: won}]}
  help: {stages: [open, {id: closed, outcome: won}]}
moved:
  - {from: sales.new, to: sales.first}
  - {from: sales.first, to: sales.fresh}
  - {from: support, to: help}
"""
    )
    with open_store(url(folder), FixedClock(NOON + 3000)) as store, store.write() as transaction:
        apply_flow(transaction, renamed, {}, Author())
    again = "id,Deal,Value,Stage\nd1,Acme,500,sales.fresh\nd2,B,1,help.open\n"
    assert _tally(_import(folder, again, at=NOON + 4000)) == {"rows": 2, "unchanged": 2, "kept": 2}


def test_fields_are_updated_only_where_they_differ(folder: Path) -> None:
    options = Options(map=("Deal=title", "Value=amount", "Seats=seats", "Currency=currency"), at="sales.new")
    _import(folder, "id,Deal,Value,Seats,Currency\nd1,A,1,1,USD\nd2,B,2,2,USD\nd3,C,3,3,USD\n", options)
    with open_store(url(folder), FixedClock(NOON + 2000)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM queue")
        transaction.connection.exec_driver_sql("UPDATE deals SET account = 'kept'")
    text = "id,Deal,Value,Seats,Currency\nd1,A,1,,\nd2,B,7,2,USD\nd3,C,3,3,USD\n"
    assert _tally(_import(folder, text, options, at=NOON + 3000)) == {"rows": 3, "changed": 2, "unchanged": 1}
    assert _rows(folder, "SELECT id, amount, seats, currency, account, updated_at FROM deals") == [
        ("d1", 100, None, "EUR", "kept", NOON + 3000),
        ("d2", 700, 2, "USD", "kept", NOON + 3000),
        ("d3", 300, 3, "USD", "kept", NOON + 2000),
    ]
    assert _rows(folder, "SELECT deal FROM queue") == [(2,)], "a condition reads the amount; none the seats"


def test_without_a_stage_only_deals_that_exist_are_updated(folder: Path) -> None:
    _import(folder, "id,Deal,Value,Stage\nd1,Acme,1,sales.new\n")
    found = _import(folder, "id,Value\nd1,2\nd2,3\n", Options(map=("Value=amount",)))
    assert _tally(found) == {"rows": 2, "changed": 1, "rejected": 1}
    assert _reasons(found) == [(3, "there is no deal of that id, and a new one needs a stage")]
    assert _rows(folder, "SELECT id, amount, stage FROM deals") == [("d1", 200, "sales.new")]


def test_entered_at_dates_the_entry_of_new_deals_only(folder: Path) -> None:
    options = Options(map=("Since=entered_at",), at="sales.new", date_format="%d.%m.%Y")
    _import(folder, "id,Since\nold,01.02.2026\nnow,\n", options)
    expected = [("old", instant("2026-02-01T00:00+01:00"), NOON + 1000), ("now", NOON + 1000, NOON + 1000)]
    assert _rows(folder, "SELECT id, entered_at, created_at FROM deals") == expected
    found = _import(folder, "id,Since\nold,01.01.2026\nnow,01.01.2026\n", options, at=NOON + 2000)
    assert _tally(found) == {"rows": 2, "unchanged": 2}
    assert _rows(folder, "SELECT id, entered_at, created_at FROM deals") == expected


def test_an_old_stock_counts_as_existing(folder: Path) -> None:
    options = Options(map=("Value=amount",), at="sales.new", entered_at="2026-01-01T00:00Z")
    _import(folder, "id,Value\nold,500\n", options)
    _import(folder, "id,Value,Stage\nnew,500,sales.new\n", Options(map=("Value=amount",), at_column="Stage"))
    _run(folder, NOON + 2000)
    assert _rows(folder, "SELECT id, stage FROM deals") == [("old", "sales.new"), ("new", "sales.offer")]


def test_a_deal_made_again_goes_on_after_the_entries_of_its_journal(folder: Path) -> None:
    text = "id,Deal,Value,Stage\nd1,Acme,500,sales.new\n"
    _import(folder, text)
    _run(folder, NOON + 2000)
    with open_store(url(folder), FixedClock(NOON + 2000)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM deals")
    assert _tally(_import(folder, text, at=NOON + 3000)) == {"rows": 1, "added": 1}
    assert _rows(folder, "SELECT entry, stage FROM deals") == [(2, "sales.new")]


def test_bad_rows_are_left_out_with_their_reasons(folder: Path) -> None:
    text = (
        "id,Deal,Value,Stage\n"
        'a,"two\nlines",1,sales.new\n'
        "b,x,1.234,sales.nwe\n"
        'c,x,"1,000.00",sales.new\n'
        "d,x,1\n"
        "a,again,1,sales.new\n"
        ",x,1,sales.new\n"
        "e~f,x,1,sales.new\n"
        "g,x,1,\n"
        "b,x,1,sales.new\n"
        "h,x,1,sales.new\n"
    )
    found = _import(folder, text)
    assert _tally(found) == {"rows": 10, "added": 2, "rejected": 8}
    assert found.rejects == folder / "deals.rejects.csv"
    assert _rows(folder, "SELECT id FROM deals") == [("a",), ("h",)]
    header, *rejected = _rejects(folder)
    assert header == ["id", "Deal", "Value", "Stage", "line", "reason"]
    amount = "column 'Value': 1.234 has 3 decimal places; at most 2 are allowed"
    stage = "column 'Stage': there is no stage 'sales.nwe'; did you mean 'sales.new'?"
    assert rejected == [
        ["b", "x", "1.234", "sales.nwe", "4", f"{amount}; {stage}"],
        ["c", "x", "1,000.00", "sales.new", "5", "column 'Value': '1,000.00' has thousands separators; take them out"],
        ["d", "x", "1", "", "6", "the row has 3 cells, the header 4"],
        ["a", "again", "1", "sales.new", "7", "the id 'a' came before, in line 2"],
        ["", "x", "1", "sales.new", "8", "the id is empty"],
        ["e~f", "x", "1", "sales.new", "9", "'e~f' is no deal, and only flowrun makes ids with a '~'"],
        ["g", "x", "1", "", "10", "column 'Stage': no stage is given"],
        ["b", "x", "1", "sales.new", "11", "the id 'b' came before, in line 4"],
    ]


def test_the_rejects_can_be_mended_and_imported(folder: Path) -> None:
    options = Options(map=_SIMPLE.map, at_column="Stage", delimiter=";")
    _import(folder, "id;Deal;Value;Stage\na;x;oops;sales.new\n", options)
    rejects = folder / "deals.rejects.csv"
    again = import_deals(url(folder), FixedClock(NOON + 2000), rejects, options)
    assert again.rejects == folder / "deals.rejects.rejects.csv"
    with again.rejects.open() as file:
        assert file.readline() == "id;Deal;Value;Stage;line;reason;line_;reason_\n"
    rejects.write_text(rejects.read_text().replace("oops", "5"))
    mended = import_deals(url(folder), FixedClock(NOON + 3000), rejects, options)
    assert _tally(mended) == {"rows": 1, "added": 1}
    assert not again.rejects.exists()


def test_old_rejects_go_when_there_are_none(folder: Path) -> None:
    _import(folder, "id,Deal,Value,Stage\na,x,oops,sales.new\n")
    assert (folder / "deals.rejects.csv").exists()
    _import(folder, "id,Deal,Value,Stage\na,x,1,sales.new\n")
    assert not (folder / "deals.rejects.csv").exists()


def test_rejects_go_where_they_are_told(folder: Path) -> None:
    found = _import(folder, "id,Deal,Value,Stage\na,x,oops,sales.new\n", rejects=folder / "elsewhere.csv")
    assert found.rejects == folder / "elsewhere.csv"
    assert len(_rejects(folder, "elsewhere.csv")) == 2
    with pytest.raises(WrongUsage, match="overwrite"):
        _import(folder, "id\n", rejects=folder / "x" / ".." / "deals.csv")
    with pytest.raises(WrongUsage, match="is no file"):
        _import(folder, "id\n", rejects=Path("/dev/null"))
    assert Path("/dev/null").exists()


def test_all_rules_hold_over_the_bounds_of_batches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "id,Deal,Value,Stage\n" + "".join(f"d{at % 7},x{at},{at},sales.new\n" for at in range(10))
    monkeypatch.setattr(batches, "SIZE", 3)
    seen: list[int] = []
    found = _import(folder, text, progress=seen.append)
    assert _tally(found) == {"rows": 10, "added": 7, "rejected": 3}
    assert seen == [3, 6, 9, 10]
    assert _reasons(found) == [(at + 2, f"the id 'd{at % 7}' came before, in line {at - 7 + 2}") for at in (7, 8, 9)]
    assert _rows(folder, "SELECT seq, id, title FROM deals") == [(at + 1, f"d{at}", f"x{at}") for at in range(7)]


def test_an_import_that_was_interrupted_is_run_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "id,Deal,Value,Stage\n" + "".join(f"d{at},x,{'oops' if at == 1 else at},sales.new\n" for at in range(10))
    monkeypatch.setattr(batches, "SIZE", 3)

    def interrupt(done: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _import(folder, text, progress=interrupt)
    assert len(_rows(folder, "SELECT id FROM deals")) == 5
    assert not [path for path in folder.iterdir() if "reject" in path.name]
    assert _tally(_import(folder, text, at=NOON + 2000)) == {"rows": 10, "added": 4, "unchanged": 5, "rejected": 1}


def test_a_revision_applied_meanwhile_ends_the_import(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZE", 1)

    def apply(_done: int) -> None:
        with open_store(url(folder), FixedClock(NOON + 1000)) as store, store.write() as transaction:
            apply_flow(transaction, flow(), {}, Author())

    with pytest.raises(WorkFailed, match="another revision was applied"):
        _import(folder, "id,Deal,Value,Stage\na,x,1,sales.new\nb,x,1,sales.new\n", progress=apply)
    assert _rows(folder, "SELECT id FROM deals") == [("a",)]


def test_a_mapping_file(folder: Path) -> None:
    (folder / "crm.yaml").write_text(
        "map: {Nr: id, Name: title, Wert: amount}\n"
        "at_column: Phase\n"
        "stages: {Neu: sales.new}\n"
        "delimiter: ';'\n"
        "decimal: ','\n"
    )
    text = "\ufeffNr;Name;Wert;Phase;Unbenannt\r\n007; Müller ;1200,50;Neu;x\r\n7;Ж;1;sales.won;y\r\n"
    found = _import(folder, text, Options(mapping=folder / "crm.yaml"))
    assert _tally(found) == {"rows": 2, "added": 2}
    assert _rows(folder, "SELECT id, title, amount, stage FROM deals") == [
        ("007", "Müller", 120050, "sales.new"),
        ("7", "Ж", 100, "sales.won"),
    ]


def test_everything_wrong_with_a_mapping_is_said_at_once_and_nothing_imported(folder: Path) -> None:
    (folder / "crm.yaml").write_text("map: {Deal: titel}\nstages: {Open: sales.nwe}\n")
    with pytest.raises(InvalidInput) as caught:
        _import(folder, "id,Deal\na,x\n", Options(mapping=folder / "crm.yaml", map=("X",), at_column="S"))
    assert [(one.code, one.span.file.rpartition("/")[2]) for one in caught.value.findings] == [
        ("FR601", "command line"),
        ("FR602", "crm.yaml"),
        ("FR604", "crm.yaml"),
    ]
    assert caught.value.sources[str(folder / "crm.yaml")].startswith("map:")
    assert caught.value.sources["command line"] == "--map X\n--at-column S"
    assert _rows(folder, "SELECT * FROM deals") == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("id,Deal,Value,Deal,Stage\na,x,1,y,sales.new\n", ["FR608"]),
        ("id,Deal,Stage\na,x,sales.new\n", ["FR607"]),
        ("Deal\nx\n", ["FR607", "FR607", "FR607"]),
        ('id,"Deal"x,Value,Stage\na,x,1,sales.new\n', ["FR608"]),
    ],
)
def test_a_header_that_does_not_fit_refuses_the_file(folder: Path, text: str, codes: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        _import(folder, text)
    assert [found.code for found in caught.value.findings] == codes
    assert _rows(folder, "SELECT * FROM deals") == []


def test_a_file_that_is_not_utf8_is_refused_whole(folder: Path) -> None:
    path = folder / "deals.csv"
    path.write_bytes(b"id,Deal,Value,Stage\na,x,1,sales.new\nb,M\xfcller,1,sales.new\n")
    with pytest.raises(WorkFailed, match="byte 0xFC at line 3, byte 4"):
        import_deals(url(folder), FixedClock(NOON), path, _SIMPLE)
    assert _rows(folder, "SELECT * FROM deals") == []


def test_before_the_first_revision(tmp_path: Path) -> None:
    with open_store(url(tmp_path), FixedClock(NOON), create=True):
        pass
    with pytest.raises(WorkFailed, match="no revision is applied"):
        _import(tmp_path, "id\na\n")


def test_json_lines(folder: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"id": "d1", "at": "sales.new", "title": "Acme", "amount": 12.5, "tags": ["b", "a"], "paid": True},
        {"id": "d2", "at": "sales.won", "entered_at": "2026-01-01T00:00Z", "seats": 7, "currency": None},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    found = _import(folder, text, Options(), name="deals.jsonl")
    assert _tally(found) == {"rows": 2, "added": 2}
    now = NOON + 1000
    assert _rows(folder, "SELECT id, title, stage, entered_at, amount, tags, paid, seats, currency FROM deals") == [
        ("d1", "Acme", "sales.new", now, 1250, '["a","b"]', 1, None, "EUR"),
        ("d2", None, "sales.won", instant("2026-01-01T00:00Z"), None, None, 0, 7, "EUR"),
    ]
    before = _everything(folder)
    assert _tally(_import(folder, text, Options(), name="deals.jsonl", at=NOON + 2000)) == {"rows": 2, "unchanged": 2}
    assert _everything(folder) == before


def test_a_key_that_is_left_out_leaves_the_value_and_null_empties_it(folder: Path) -> None:
    first = '{"id": "d1", "at": "sales.new", "title": "A", "seats": 1, "source": "web", "currency": "USD"}\n'
    _import(folder, first + first.replace("d1", "d2"), Options(), name="deals.jsonl")
    second = (
        '{"id": "d1", "seats": 2, "currency": null}\n'
        '{"id": "d2", "source": null}\n'
        '{"id": "d3", "at": "sales.won", "seats": 3}\n'
    )
    found = _import(folder, second, Options(), name="deals.jsonl", at=NOON + 2000)
    assert _tally(found) == {"rows": 3, "added": 1, "changed": 2}
    assert _rows(folder, "SELECT id, title, seats, source, currency, stage FROM deals") == [
        ("d1", "A", 2, "web", "EUR", "sales.new"),
        ("d2", "A", 1, None, "USD", "sales.new"),
        ("d3", None, 3, None, "EUR", "sales.won"),
    ]


def test_bad_lines_of_json_are_left_out(folder: Path) -> None:
    text = (
        '{"id": "d1", "at": "sales.new", "amuont": 1}\n'
        '{"id": 7, "at": "sales.new"}\n'
        '{"at": "sales.new"}\n'
        '{"id": "d2", "at": "sales.nwe", "amount": 1e400}\n'
        '{"id": "d3", "at": "sales.new", "entered_at": "2099-01-01T00:00Z"}\n'
        "{oops\n"
        '{"id": "d4", "at": "sales.new", "title": "\\ud800"}\n'
        '{"id": "d1", "at": "sales.new"}\n'
        '{"id": "d5"}\n'
        '{"id": "ok", "at": "sales.new"}\n'
    )
    found = _import(folder, text, Options(), name="deals.jsonl")
    assert _tally(found) == {"rows": 10, "added": 1, "rejected": 9}
    assert found.rejects == folder / "deals.rejects.csv"
    header, *rejected = _rejects(folder)
    assert header == ["row", "line", "reason"]
    assert [(line, reason) for _, line, reason in rejected] == [
        ("1", "a deal has no field 'amuont'; did you mean 'amount'?"),
        ("2", "id: 7 is no text; write it in quotes"),
        ("3", "the id is empty"),
        (
            "4",
            "'at': there is no stage 'sales.nwe'; did you mean 'sales.new'?; 'amount': 1e400 is too large or too small",
        ),
        ("5", "'entered_at': 2099-01-01T00:00:00.000Z is in the future"),
        ("6", rejected[5][2]),
        ("7", "'title': the text holds half of a surrogate pair, which is no character"),
        ("8", "the id 'd1' came before, in line 1"),
        ("9", "there is no deal of that id, and a new one needs a stage"),
    ]
    assert rejected[0][0] == '{"id": "d1", "at": "sales.new", "amuont": 1}'


def test_options_of_csv_have_no_meaning_for_json(folder: Path) -> None:
    with pytest.raises(WrongUsage, match="--map is for CSV"):
        _import(folder, "{}\n", Options(map=("a=title",)), name="deals.jsonl")
    with pytest.raises(WrongUsage, match="expected JSON Lines"):
        _import(folder, "{}\n", Options(), name="deals.json")


def test_at_and_entered_at_count_for_lines_that_say_none(folder: Path) -> None:
    options = Options(at="sales.won", entered_at="2026-01-01T00:00Z")
    text = '{"id": "d1"}\n{"id": "d2", "at": "sales.new", "entered_at": "2026-02-01T00:00Z"}\n'
    _import(folder, text, options, name="deals.jsonl")
    assert _rows(folder, "SELECT id, stage, entered_at FROM deals") == [
        ("d1", "sales.won", instant("2026-01-01T00:00Z")),
        ("d2", "sales.new", instant("2026-02-01T00:00Z")),
    ]


def test_an_export_can_be_imported_again(folder: Path, tmp_path: Path) -> None:
    with open_store(url(folder), FixedClock(NOON)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql(
            "INSERT INTO deals "
            "(id, stage, title, owner, amount, seats, source, currency, paid, account, closes, call_at, tags) VALUES "
            "('d1', 'sales.new', ?, 'Ж', -5, -7, 'web', 'USD', 1, 'ü,;', '2026-12-31', ?, '[\"a,b\",\"c\"]')",
            ('two\nlines "x"', NOON),
        )
        transaction.connection.exec_driver_sql("INSERT INTO deals (id, stage) VALUES ('d2', 'support.open')")
    assert export(url(folder), FixedClock(NOON), Wanted(), "jsonl", folder / "all.jsonl") == 0
    before = _everything(folder)
    again = import_deals(url(folder), FixedClock(NOON + 5000), folder / "all.jsonl", Options())
    assert _tally(again) == {"rows": 2, "unchanged": 2}
    with open_store(url(folder), FixedClock(NOON + 5000)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE deals SET _imported = NULL")
    assert _everything(folder) == before
    other = tmp_path / "other"
    other.mkdir()
    with opened(other, FixedClock(NOON)):
        pass
    fresh = import_deals(url(other), FixedClock(NOON), folder / "all.jsonl", Options())
    assert _tally(fresh) == {"rows": 2, "added": 2}
    with open_store(url(other), FixedClock(NOON)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE deals SET _imported = NULL")
    assert _everything(other) == before


def test_copies_are_updated_where_they_exist_and_rejected_where_they_would_be_new(folder: Path, tmp_path: Path) -> None:
    with open_store(url(folder), FixedClock(NOON)) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql(
            "INSERT INTO deals (id, stage, entry, entered_at, created_at, updated_at, origin) "
            f"VALUES ('d1~abc', 'sales.won', 1, {NOON}, {NOON}, {NOON}, 'd1')"
        )
    found = _import(folder, "id,Deal,Value,Stage\nd1~abc,x,1,sales.won\nd1~xyz,x,1,sales.won\n")
    assert _tally(found) == {"rows": 2, "changed": 1, "rejected": 1}
    assert _rows(folder, "SELECT id, title, origin FROM deals") == [("d1~abc", "x", "d1")]


@pytest.mark.parametrize("name", ["", "absent.csv"])
def test_what_is_no_file_is_said_in_a_line(folder: Path, name: str) -> None:
    with pytest.raises(FlowrunError) as caught:
        import_deals(url(folder), FixedClock(NOON), folder / name, _SIMPLE)
    assert "\n" not in str(caught.value)
