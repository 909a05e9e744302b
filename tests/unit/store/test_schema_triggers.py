"""Other programs write deals with plain SQL; the triggers do what flowrun does for its own writes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowrun.clock import SystemClock
from tests.unit.store.example import NOON, flow, opened

_WATCHING = """
flowrun: 1
tunnels:
  calls:
    from: support.open
    to: support.closed
    action: move
    at: {field: call_at, offset: 0s}
    when: deal.title is none
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the example flow, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    with opened(folder, SystemClock(), flow(watching=_WATCHING)):
        pass
    return folder / "store.db"


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection to a store with the example flow; the clock is the machine's."""
    shutil.copy(template, tmp_path / "store.db")
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        yield connection


def _one(database: sqlite3.Connection, columns: str, id_: str = "d1") -> tuple[object, ...]:
    found: tuple[object, ...] = database.execute(f"SELECT {columns} FROM deals WHERE id = ?", (id_,)).fetchone()
    return found


def _queued(database: sqlite3.Connection) -> list[str]:
    return [row[0] for row in database.execute("SELECT id FROM queue JOIN deals ON seq = deal ORDER BY id")]


def _look_away(database: sqlite3.Connection) -> None:
    """As a runner leaves it that found nothing to do."""
    database.execute("DELETE FROM queue")


def test_an_insert_starts_the_first_entry_and_queues_the_deal(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage, amount) VALUES ('d1', 'sales.new', 120000)")
    entry, entered, created, updated = _one(database, "entry, entered_at, created_at, updated_at")
    assert entry == 1
    now = database.execute("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)").fetchone()[0]
    assert entered == created == updated
    assert isinstance(entered, int)
    assert abs(now - entered) < 10_000
    assert _queued(database) == ["d1"]
    assert database.execute("SELECT wake_at, round FROM queue").fetchone() == (entered, 0)


def test_a_deal_in_a_stage_that_no_tunnel_leaves_is_not_queued(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.won')")
    assert _queued(database) == []


def test_defaults_are_filled_in_also_when_emptied(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.won')")
    assert _one(database, "currency, paid") == ("EUR", 0)
    database.execute("UPDATE deals SET currency = 'USD', paid = 1")
    database.execute("UPDATE deals SET currency = NULL, paid = NULL")
    assert _one(database, "currency, paid") == ("EUR", 0)


def test_there_is_one_empty(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage, title, account, tags) VALUES ('d1', 'sales.new', '', '', '[]')")
    assert _one(database, "title, account, tags, source") == (None, None, None, None)
    database.execute("UPDATE deals SET account = 'x', source = 'web'")
    database.execute("UPDATE deals SET account = '', source = ''")
    assert _one(database, "account, source") == (None, None)


def test_tags_are_kept_as_a_sorted_set(database: sqlite3.Connection) -> None:
    database.execute("""INSERT INTO deals (id, stage, tags) VALUES ('d1', 'sales.new', '["b", "a", "b"]')""")
    assert _one(database, "tags") == ('["a","b"]',)
    database.execute("""UPDATE deals SET tags = '[ "ж", "a" ]'""")
    assert _one(database, "tags") == ('["a","ж"]',)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("stage", "sales.nwe", "no such stage"),
        ("stage", None, "no such stage"),
        ("title", b"x", "title must be text"),
        ("title", "a\0b", "title must be text"),
        ("title", "x" * 1_000_001, "title must be text"),
        ("amount", "12.50", "amount must be an integer: the decimal times 10 to the power of 2"),
        ("amount", 12.5, "amount must be an integer"),
        ("amount", 10**18, "of 18 digits at most"),
        ("amount", -(10**18), "of 18 digits at most"),
        ("seats", "seven", "seats must be an integer"),
        ("seats", 1.5, "seats must be an integer"),
        ("source", "wbe", "source must be one of web, ads, partner"),
        ("source", 1, "source must be one of web, ads, partner"),
        ("paid", 2, "paid must be 0 or 1"),
        ("paid", "yes", "paid must be 0 or 1"),
        ("closes", "2026-02-30", "closes must be a date"),
        ("closes", "2026-2-3", "closes must be a date"),
        ("closes", 20260203, "closes must be a date"),
        ("call_at", "2026-01-01T10:00Z", "call_at must be an integer: milliseconds"),
        ("call_at", 253402300800000, "call_at must be an integer: milliseconds"),
        ("tags", "a,b", "tags must be a JSON array of texts"),
        ("tags", '{"a": 1}', "tags must be a JSON array of texts"),
        ("tags", "[1]", "tags must be a JSON array of texts"),
        ("tags", '["a", ""]', "tags must be a JSON array of texts"),
    ],
)
def test_what_does_not_fit_fails_at_the_writer(
    database: sqlite3.Connection, column: str, value: object, message: str
) -> None:
    values = {"id": "d1", "stage": "sales.new", column: value}
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    with pytest.raises(sqlite3.IntegrityError, match=f"flowrun: .*{message}"):
        database.execute(f"INSERT INTO deals ({names}) VALUES ({marks})", tuple(values.values()))
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    with pytest.raises(sqlite3.IntegrityError, match=f"flowrun: .*{message}"):
        database.execute(f"UPDATE deals SET {column} = ?", (value,))


@pytest.mark.parametrize("id_", ["", "a~b", "a\nb", "a\tb", "\x7f", "a\x80b", "a\0b", "x" * 201, b"x", None])
def test_ids_that_no_deal_can_have(database: sqlite3.Connection, id_: object) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="flowrun: the id must have 1 to 200 characters"):
        database.execute("INSERT INTO deals (id, stage) VALUES (?, 'sales.new')", (id_,))


def test_a_number_becomes_the_text_of_it(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES (7, 'sales.new')")
    assert _one(database, "typeof(id)", "7") == ("text",)


@pytest.mark.parametrize("id_", ["7", "007", "x" * 200, "Ж 1/2", "a-b^c]", "é"])
def test_ids_are_kept_as_they_are(database: sqlite3.Connection, id_: str) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES (?, 'sales.new')", (id_,))
    assert _one(database, "id", id_) == (id_,)


def test_an_id_comes_once_and_never_changes(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    with pytest.raises(sqlite3.IntegrityError, match="the id of a deal never changes"):
        database.execute("UPDATE deals SET id = 'd2'")


def test_a_stage_change_starts_the_next_entry_and_the_same_stage_none(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.won')")
    (entered,) = _one(database, "entered_at")
    database.execute("UPDATE deals SET stage = 'sales.won'")
    assert _one(database, "entry, entered_at") == (1, entered)
    assert _queued(database) == []
    database.execute("UPDATE deals SET stage = 'sales.offer'")
    assert _one(database, "entry") == (2,)
    assert _queued(database) == ["d1"]
    database.execute("UPDATE deals SET stage = 'sales.won'")
    assert _one(database, "entry") == (3,)
    assert _queued(database) == [], "the waits of the old entry are void"


def test_a_change_queues_the_deal_only_where_a_tunnel_reads_the_field(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    for change, wakes in (
        ("account = 'x'", False),
        ("seats = 1", False),
        ("amount = 5", True),
        ("amount = 5", False),
        ("call_at = 5", True),
        ("title = 'x'", True),
        ("owner = 'x'", False),
        ("paid = 1", True),
        ("paid = NULL", True),
    ):
        _look_away(database)
        database.execute(f"UPDATE deals SET {change}")
        assert (_queued(database) == ["d1"]) is wakes, change


def test_a_change_wakes_a_deal_that_waits_for_a_later_time(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    database.execute("UPDATE queue SET wake_at = wake_at + 1000000000, round = 3")
    database.execute("UPDATE deals SET amount = 5")
    (wake, round_) = database.execute("SELECT wake_at, round FROM queue").fetchone()
    assert wake < database.execute("SELECT CAST(strftime('%s') AS INTEGER) * 1000 + 5000").fetchone()[0]
    assert round_ == 0


def test_updated_at_follows_changes_only(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage, account) VALUES ('d1', 'sales.new', 'x')")
    (created,) = _one(database, "updated_at")
    database.execute("UPDATE flowrun SET fixed_now = 42")
    database.execute("UPDATE deals SET account = 'x'")
    assert _one(database, "updated_at") == (created,)
    database.execute("UPDATE deals SET account = 'y'")
    assert _one(database, "updated_at") == (42,)
    database.execute("UPDATE deals SET account = ''")
    assert _one(database, "account, updated_at") == (None, 42)


def test_many_rows_in_one_statement(database: sqlite3.Connection) -> None:
    stages = ("sales.new", "sales.won")
    deals = [(f"d{at}", stages[at % 2]) for at in range(6)]
    database.executemany("INSERT INTO deals (id, stage) VALUES (?, ?)", deals)
    assert _queued(database) == ["d0", "d2", "d4"]
    database.execute("UPDATE deals SET stage = 'sales.offer' WHERE id > 'd2'")
    assert [row[0] for row in database.execute("SELECT entry FROM deals ORDER BY id")] == [1, 1, 1, 2, 2, 2]


def test_a_deleted_deal_leaves_the_queue(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    database.execute("DELETE FROM deals")
    assert database.execute("SELECT count(*) FROM queue").fetchone() == (0,)


def _journal(database: sqlite3.Connection, entry: int) -> None:
    database.execute(
        "INSERT INTO firings (deal, entry, tunnel, action, from_stage, to_stage, result, fired_at, revision) "
        "VALUES ('d1', ?, 'offers', 'move', 'sales.new', 'sales.offer', 'fired', 1, 1)",
        (entry,),
    )


def test_a_deal_made_again_goes_on_after_the_entries_of_its_journal(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    _journal(database, 1)
    _journal(database, 4)
    database.execute("DELETE FROM deals")
    database.execute("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
    assert _one(database, "entry") == (5,)


def test_replacing_a_deal_is_making_it_again(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO deals (id, stage, account, amount) VALUES ('d1', 'sales.new', 'x', 5)")
    _journal(database, 1)
    database.execute("REPLACE INTO deals (id, stage, amount) VALUES ('d1', 'sales.offer', 7)")
    assert _one(database, "stage, entry, account, amount, currency") == ("sales.offer", 2, None, 7, "EUR")
    assert database.execute("SELECT count(*) FROM deals").fetchone() == (1,)
    assert _queued(database) == ["d1"]


def test_an_upsert_is_an_update(database: sqlite3.Connection) -> None:
    upsert = (
        "INSERT INTO deals (id, stage, amount) VALUES ('d1', 'sales.new', ?) "
        "ON CONFLICT (id) DO UPDATE SET amount = excluded.amount"
    )
    database.execute(upsert, (5,))
    database.execute(upsert, (6,))
    assert _one(database, "entry, amount") == (1, 6)


def test_a_writer_can_not_forge_what_the_engine_keeps(database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT INTO deals (id, stage, created_at, entered_at, _root, _hops, _imported) "
        "VALUES ('d1', 'sales.new', 1, 1, 'x', 'x', 'x')"
    )
    created, entered, root, hops, imported = _one(database, "created_at, entered_at, _root, _hops, _imported")
    assert isinstance(created, int)
    assert created == entered
    assert created > NOON
    assert (root, hops, imported) == (None, None, None)


def test_under_a_fixed_clock_the_triggers_use_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.write() as transaction:
        transaction.connection.exec_driver_sql("INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new')")
        query = "SELECT entered_at, created_at, updated_at, wake_at FROM deals, queue"
        found = transaction.connection.exec_driver_sql(query)
        assert tuple(found.one()) == (NOON, NOON, NOON, NOON)
    with opened(tmp_path) as store, store.read() as connection:
        assert connection.exec_driver_sql("SELECT fixed_now FROM flowrun").scalar_one() is None
