"""A store that is opened to be read, and a scratch beside one: neither can write to it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from flowrun.engine.live import apply_flow
from flowrun.errors import NoStore, WorkFailed
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from flowrun.store.scratch import make_tables, make_triggers, refill, scratch
from flowrun.store.sqlite import attachable
from tests.unit.store.example import flow


def applied(path: Path) -> Store:
    store = open_store(f"sqlite:///{path}", create=True)
    with store.write() as transaction:
        apply_flow(transaction, flow(), {}, Author())
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    applied(tmp_path / "deals.db").close()
    return tmp_path / "deals.db"


def opened(path: Path) -> Store:
    return open_store(f"sqlite:///{path}", read_only=True)


def test_a_store_opened_to_be_read_refuses_to_write(path: Path) -> None:
    with opened(path) as store, pytest.raises(WorkFailed, match="read-only"), store.write() as transaction:
        transaction.connection.execute(text("DELETE FROM deals"))


def test_it_makes_no_store_and_no_lock(tmp_path: Path) -> None:
    with pytest.raises(NoStore):
        opened(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())


def test_older_tables_are_left_as_they_are(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(WorkFailed, match="older flowrun"):
        opened(path)


def test_a_folder_that_can_t_be_written_is_no_hindrance(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert attachable(path).endswith("&immutable=1")
    with opened(path) as store, store.read() as connection:
        assert connection.execute(text("SELECT revision FROM flowrun")).scalar() == 1
    assert not Path(f"{path}-shm").exists()
    Path(f"{path}-wal").write_bytes(b"something")
    assert attachable(path).endswith("mode=ro")


def test_a_path_with_signs_of_a_uri_is_a_path(tmp_path: Path) -> None:
    odd = tmp_path / "a#y%20&mode=rw.db"
    applied(odd).close()
    with opened(odd) as store, store.read() as connection:
        assert connection.execute(text("SELECT revision FROM flowrun")).scalar() == 1


def test_a_scratch_can_t_write_to_the_live_store(path: Path) -> None:
    with opened(path) as store, pytest.raises(WorkFailed, match="read-only"), scratch(store) as connection:
        connection.exec_driver_sql("DELETE FROM live.deals")


def test_a_scratch_has_the_tables_and_triggers_and_the_rows_that_it_is_given(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.executemany(
            "INSERT INTO deals (id, stage) VALUES (?, 'sales.new')", [(f"d{number}",) for number in range(5)]
        )
    with opened(path) as store, scratch(store) as connection:
        make_tables(connection)
        tables: dict[str, list[tuple[str, tuple[object, ...]]]] = {
            "flowrun": [("true", ())],
            "stages": [("true", ())],
            "deals": [("seq <= ?", (3,)), ("id = 'd1'", ())],
        }
        refill(connection, tables)
        refill(connection, tables)
        make_triggers(connection)
        assert connection.exec_driver_sql("SELECT count(*) FROM deals").scalar() == 3
        connection.exec_driver_sql("UPDATE deals SET stage = 'sales.won' WHERE id = 'd1'")
        assert connection.exec_driver_sql("SELECT entry FROM deals WHERE id = 'd1'").scalar() == 2
        assert connection.exec_driver_sql("SELECT entry FROM live.deals WHERE id = 'd1'").scalar() == 1
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*), max(entry) FROM deals").fetchone() == (5, 1)
