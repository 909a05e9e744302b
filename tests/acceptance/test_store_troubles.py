"""A store that can't be used: one line that says why, one that says what to do, and nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.killing import assert_whole
from tests.acceptance.limits import full, permissions, powerless
from tests.acceptance.place import Done, Place

FLOW = """\
flowrun: 1
project: troubles
fields: {note: text}
pipelines: {sales: {stages: [new, next]}}
tunnels: {on: {from: sales.new, to: sales.next, action: move}}
"""

READING = (
    ("status",),
    ("journal",),
    ("pending",),
    ("diff",),
    ("deals", "list"),
    ("deals", "export"),
)
WRITING = (
    ("apply", "--yes"),
    ("run", "--until-idle"),
    ("pause", "on"),
    ("retry",),
    ("deals", "add", "--at", "sales.new"),
    ("deals", "delete", "d1"),
)
EVERY = READING + WRITING


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store with a revision, a deal to be moved, and files that say a little more than the store."""
    place = Place(tmp_path_factory.mktemp("original"))
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    place.run("deals", "add", "--at", "sales.new", "--id", "d1").fine()
    place.write("flows/flow.yaml", FLOW.replace("note: text", "note: text, more: integer"))
    return place


@pytest.fixture
def place(original: Place, tmp_path: Path) -> Iterator[Place]:
    yield original.copied(tmp_path)
    tmp_path.chmod(0o755)


def refused(done: Done, message: str, status: int = 1) -> None:
    """It said that, on one line, and what to do on another; nothing else, and no traceback."""
    assert done.status == status, done
    first, *rest = done.complaints
    assert message in first
    assert first.startswith("error: ")
    assert [line.partition(" ")[0] for line in rest] == ["help:"], done.err


def ids(value: object) -> str:
    return "-".join(value[:2]) if isinstance(value, tuple) else str(value)


every = pytest.mark.parametrize("command", EVERY, ids=ids)
some = pytest.mark.parametrize("command", [READING[0], WRITING[0], WRITING[1]], ids=ids)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("command", [READING[0], WRITING[0]], ids=ids)
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "'nonsense' is no address of a store"),
        ("", "'' is no address of a store"),
        ("sqlite://", "'sqlite://' names no file"),
        ("sqlite:///:memory:", "'sqlite:///:memory:' names no file"),
        ("sqlite://host/flowrun.db", "is more than the path of a file"),
        ("sqlite:///flowrun.db?mode=ro", "is more than the path of a file"),
        ("sqlite+aiosqlite:///flowrun.db", "is more than the path of a file"),
        ("postgresql://ann:secret@host", "'postgresql://***@host' is no address of a PostgreSQL database"),
        ("postgresql+asyncpg://ann:secret@host/deals", "is no address of a PostgreSQL database"),
        ("mysql://ann:secret@host:port/deals", "is no address of a store"),
        ("postgresql:/ann:secret@host/deals", "'postgresql:/***@host/deals' is no address of a store"),
        ("host=here password=secret user=ann", "'host=here password=*** user=ann' is no address of a store"),
        ("host=here Password = 'a secret'", "'host=here Password = ***' is no address of a store"),
        ("postgresql://ann:se@secret#x@host/deals", "'postgresql://***@host/deals' can't be read: there is an @ or #"),
        ("postgresql://ann:a/secret@host", "'postgresql://***@host' is no address of a PostgreSQL database"),
        ("postgresql://ann@host?password=secret", "is no address of a PostgreSQL database"),
        ("oracle://host", "a store in 'oracle' is not possible"),
    ],
)
def test_an_address_that_is_none(place: Place, command: tuple[str, ...], url: str, message: str) -> None:
    before = contents(place.folder)
    done = place.run(*command, "--store", url)
    refused(done, message, status=64)
    assert "secret" not in done.err
    assert contents(place.folder) == before


@some
def test_a_text_file(place: Place, command: tuple[str, ...]) -> None:
    place.write("notes.txt", "These are my notes about everything that has to be done before Monday.\n" * 9)
    before = contents(place.folder)
    refused(place.run(*command, "--store", "sqlite:///notes.txt"), "sqlite:///notes.txt is no database")
    assert contents(place.folder) == before


@some
def test_a_folder(place: Place, command: tuple[str, ...]) -> None:
    before = contents(place.folder)
    refused(place.run(*command, "--store", "sqlite:///flows"), "sqlite:///flows is no database: 'flows' is not a file")
    assert contents(place.folder) == before


@some
def test_a_pipe_is_not_waited_for(place: Place, command: tuple[str, ...]) -> None:
    os.mkfifo(place.folder / "pipe")
    refused(place.run(*command, "--store", "sqlite:///pipe", patience=20), "'pipe' is not a file")


@some
def test_the_database_of_another_program(place: Place, command: tuple[str, ...]) -> None:
    with place.sql(place.folder / "other.db") as connection:
        connection.execute("CREATE TABLE deals (id TEXT)")
    before = contents(place.folder)
    refused(place.run(*command, "--store", "sqlite:///other.db"), "is a database, but no flowrun store")
    assert contents(place.folder) == before


@pytest.mark.parametrize("command", [READING[0], READING[4], WRITING[1], WRITING[4]], ids=ids)
@pytest.mark.parametrize("store", ["empty.db", "no/where.db"])
def test_no_store_yet(place: Place, store: str, command: tuple[str, ...]) -> None:
    (place.folder / "empty.db").touch()
    before = contents(place.folder)
    done = place.run(*command, "--store", f"sqlite:///{store}")
    refused(done, f"there is no store at sqlite:///{store}")
    assert "flowrun apply" in done.err
    assert contents(place.folder) == before


def test_apply_makes_a_store_out_of_an_empty_file(place: Place) -> None:
    (place.folder / "empty.db").touch()
    assert place.run("diff", "--store", "sqlite:///empty.db").fine().out.startswith("flows/ → sqlite:///empty.db")
    assert (place.folder / "empty.db").read_bytes() == b"", "diff writes nothing"
    place.run("apply", "--yes", "--store", "sqlite:///empty.db").fine()
    place.run("status", "--store", "sqlite:///empty.db").fine()


def test_apply_goes_on_where_a_first_one_died(place: Place) -> None:
    with place.sql(place.folder / "half.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert (place.folder / "half.db").stat().st_size > 0
    place.run("apply", "--yes", "--store", "sqlite:///half.db").fine()
    place.run("status", "--store", "sqlite:///half.db").fine()


def test_a_missing_folder_is_not_made(place: Place) -> None:
    refused(place.run("apply", "--yes", "--store", "sqlite:///no/where.db"), "there is no folder 'no'")
    assert not (place.folder / "no").exists()


@every
def test_a_store_that_is_newer(place: Place, command: tuple[str, ...]) -> None:
    with place.sql() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with place.sql() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = place.store.read_bytes()
    done = place.run(*command)
    refused(done, "was written by a newer flowrun (tables 9999; ")
    assert done.complaints[1] == "help: upgrade flowrun"
    assert place.store.read_bytes() == before


@permissions
@pytest.mark.parametrize("command", [WRITING[0], WRITING[1], WRITING[4]], ids=ids)
def test_a_read_only_file(place: Place, command: tuple[str, ...]) -> None:
    place.store.chmod(0o444)
    before = place.store.read_bytes()
    done = place.run(*command, limits=powerless)
    refused(done, "sqlite:///flowrun.db can't be written: it is read-only")
    assert place.store.read_bytes() == before


@permissions
@some
def test_a_read_only_folder(place: Place, command: tuple[str, ...]) -> None:
    before = contents(place.folder)
    place.folder.chmod(0o555)
    refused(place.run(*command, limits=powerless), "sqlite:///flowrun.db can't be ")
    place.folder.chmod(0o755)
    assert contents(place.folder) == before


@permissions
def test_no_store_can_be_made_in_a_read_only_folder(place: Place) -> None:
    (place.folder / "shut").mkdir(mode=0o555)
    refused(place.run("apply", "--yes", "--store", "sqlite:///shut/new.db", limits=powerless), "can't be opened")
    assert list((place.folder / "shut").iterdir()) == []


@permissions
@some
def test_a_file_that_may_not_be_read(place: Place, command: tuple[str, ...]) -> None:
    place.store.chmod(0)
    refused(place.run(*command, limits=powerless), "can't be opened")


@pytest.mark.parametrize("room", [4_096, 60_000])
def test_a_full_disk_makes_no_store(place: Place, room: int) -> None:
    done = place.run("apply", "--yes", "--store", "sqlite:///new.db", limits=full(room))
    refused(done, "sqlite:///new.db can't be ")
    refused(place.run("status", "--store", "sqlite:///new.db"), "there is no store at ")
    place.run("apply", "--yes", "--store", "sqlite:///new.db").fine()
    place.run("status", "--store", "sqlite:///new.db").fine()


@pytest.mark.parametrize("command", [WRITING[0], WRITING[1], WRITING[4]], ids=ids)
def test_a_full_disk_writes_nothing(place: Place, command: tuple[str, ...]) -> None:
    before = {table: place.rows(f"SELECT * FROM {table}") for table in ("deals", "firings", "tunnels", "revisions")}
    refused(place.run(*command, limits=full(4_096)), "sqlite:///flowrun.db can't be ")
    assert before == {table: place.rows(f"SELECT * FROM {table}") for table in before}
    place.run(*command).fine()


def test_a_disk_that_fills_up_amid_the_work(place: Place) -> None:
    with place.sql() as connection:
        connection.executemany(
            "INSERT INTO deals (id, stage) VALUES (?, 'sales.new')", [(f"x{n}",) for n in range(9_000)]
        )
    with place.sql() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    room = place.store.stat().st_size + 100_000
    refused(place.run("run", "--until-idle", limits=full(room)), "sqlite:///flowrun.db can't be ")
    assert 0 < place.value("SELECT count(*) FROM firings") < 9_001, "some batches were done, and none by half"
    assert_whole(place)
    place.run("run", "--until-idle").fine()
    assert place.value("SELECT count(*) FROM firings WHERE result = 'fired'") == 9_001
    assert_whole(place)


@some
@pytest.mark.parametrize("length", [50, 4_096, 40_960])
def test_a_store_that_was_cut_off(place: Place, length: int, command: tuple[str, ...]) -> None:
    place.store.write_bytes(place.store.read_bytes()[:length])
    refused(place.run(*command), "sqlite:///flowrun.db is damaged")


@some
def test_a_store_of_rubbish(place: Place, command: tuple[str, ...]) -> None:
    whole = place.store.read_bytes()
    place.store.write_bytes(whole[:100] + b"\xa5" * (len(whole) - 100))
    refused(place.run(*command), "sqlite:///flowrun.db is damaged")


_IMPATIENT = """
import sys
from flowrun.cli import main
from flowrun.store import lock
assert lock.PATIENCE == 60
lock.PATIENCE = 0.5
sys.exit(main(sys.argv[1:]))
"""


def impatient(place: Place, *arguments: str) -> Done:
    """The command, which waits half a second for a lock instead of a minute."""
    began = time.monotonic()
    command = [sys.executable, "-c", _IMPATIENT, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=place.folder, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began, 0)


@pytest.mark.parametrize("command", [WRITING[0], WRITING[1], WRITING[4]], ids=ids)
def test_another_program_that_holds_the_store_for_long(place: Place, command: tuple[str, ...]) -> None:
    before = place.rows("SELECT * FROM deals")
    with place.sql() as other:
        other.execute("BEGIN IMMEDIATE")
        done = impatient(place, *command)
        refused(done, "is locked: another program has been writing to it")
        other.rollback()
    assert 0.5 < done.seconds < 20
    assert place.rows("SELECT * FROM deals") == before
    impatient(place, *command).fine()


@pytest.mark.parametrize("command", READING[:1] + READING[3:5], ids=ids)
def test_reading_waits_for_no_writer(place: Place, command: tuple[str, ...]) -> None:
    with place.sql() as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE deals SET note = 'not yet'")
        impatient(place, *command).fine()
        other.rollback()


@some
def test_a_store_that_another_program_keeps_to_itself(place: Place, command: tuple[str, ...]) -> None:
    other: Any = sqlite3.connect(place.store, isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        refused(impatient(place, *command), "is locked")
    finally:
        other.close()
    impatient(place, *command).fine()
