"""Stores that an older flowrun wrote."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, inspect

from flowrun.errors import WorkFailed
from flowrun.store.connection import open_store
from flowrun.store.functions import firing_key
from flowrun.store.tables import bad_records, calls, rereads, sources, waiters
from tests.postgres import Database


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store with the first tables, and a tunnel in them."""
    path = tmp_path / "flowrun.db"
    made(path, "0001", "INSERT INTO tunnels (id, mode, digest, turn, fired) VALUES ('t', 'live', '', 3, 7)")
    return path


def made(path: Path, version: str, content: str) -> None:
    """A store with the tables of that version, and that in it."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgraded(connection, version)
        connection.exec_driver_sql("INSERT INTO flowrun (id, identity, created_at, latest) VALUES (1, 'one', 0, 0)")
        connection.exec_driver_sql(content)
    engine.dispose()


def upgraded(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", "flowrun:store/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def columns(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
            " ORDER BY 1, 2"
        ).fetchall()


def test_an_old_store_gets_the_tables_of_a_new_one_and_keeps_what_it_knows(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    for path in (old, new):
        open_store(f"sqlite:///{path}", create=True).close()
    assert columns(old) == columns(new)
    with sqlite3.connect(old) as connection:
        assert connection.execute("SELECT id, mode, turn, fired FROM tunnels").fetchall() == [("t", "live", 3, 7)]
        assert connection.execute("SELECT identity, plan_key IS NULL FROM flowrun").fetchall() == [("one", 0)]


def test_a_store_of_the_version_before_gets_what_sources_need(tmp_path: Path) -> None:
    path, new = tmp_path / "flowrun.db", tmp_path / "new.db"
    made(path, "0003", "INSERT INTO deals (seq, id, stage) VALUES (1, 'd', 's.a')")
    for one in (path, new):
        open_store(f"sqlite:///{one}", create=True).close()
    assert columns(path) == columns(new)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT id, _settled FROM deals").fetchall() == [("d", None)]


@pytest.mark.no_cover
def test_so_does_one_in_postgresql(fast_postgres: Database) -> None:
    engine = create_engine(fast_postgres.url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        upgraded(connection, "0003")
    engine.dispose()
    with open_store(fast_postgres.url) as store, store.read() as connection:
        for table in (calls, sources, rereads, bad_records, waiters):
            found = {column["name"] for column in inspect(connection).get_columns(table.name)}
            assert found == set(table.c.keys())
        assert "_settled" in {column["name"] for column in inspect(connection).get_columns("deals")}
        there = connection.exec_driver_sql("SELECT fr_firing_key('store', 'é', 't', 7)").scalar_one()
        assert there == firing_key("store", "é", "t", 7)


def test_a_view_in_the_way_is_told_and_nothing_is_changed(old: Path) -> None:
    before = columns(old)
    with sqlite3.connect(old) as connection:
        connection.execute("CREATE VIEW mine AS SELECT digest FROM tunnels")
    with pytest.raises(WorkFailed, match="can't be brought up to date: error in view mine"):
        open_store(f"sqlite:///{old}")
    assert [one for one in columns(old) if one[0] != "mine"] == before
