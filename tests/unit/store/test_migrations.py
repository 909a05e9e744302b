"""Stores that an older flowrun wrote."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from flowrun.errors import WorkFailed
from flowrun.store.connection import open_store


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store with the first tables, and a tunnel in them."""
    path = tmp_path / "flowrun.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "flowrun:store/migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO flowrun (id, identity, created_at, latest) VALUES (1, 'one', 0, 0)")
        connection.exec_driver_sql("INSERT INTO tunnels (id, mode, digest, turn, fired) VALUES ('t', 'live', '', 3, 7)")
    engine.dispose()
    return path


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


def test_a_view_in_the_way_is_told_and_nothing_is_changed(old: Path) -> None:
    before = columns(old)
    with sqlite3.connect(old) as connection:
        connection.execute("CREATE VIEW mine AS SELECT digest FROM tunnels")
    with pytest.raises(WorkFailed, match="can't be brought up to date: error in view mine"):
        open_store(f"sqlite:///{old}")
    assert [one for one in columns(old) if one[0] != "mine"] == before
