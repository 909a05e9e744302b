"""`doctor`: each check says what is wrong, with stores in any state, and writes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import insert

from flowrun.clock import Clock, FixedClock, SystemClock, parse_instant
from flowrun.commands.doctor import Checkup, Verdict, doctor
from flowrun.engine.checkup import files, machine, tables, work
from flowrun.engine.checkup.checks import CHECKS
from flowrun.engine.checkup.finding import size, span
from flowrun.engine.live import apply_flow
from flowrun.flow.model import SecretRef, Webhook
from flowrun.render.doctor import checkup_content, checkup_text
from flowrun.render.ink import plain
from flowrun.store.connection import Store
from flowrun.store.revisions import Author
from flowrun.store.runners import GONE
from flowrun.store.tables import deliveries, webhooks
from tests.unit.store.example import NOON, flow, opened, url

CALENDAR = """\
flowrun: 1
calendars:
  office: {hours: {mon: "09:00-17:00"}, holidays: DE-BY}
"""


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path, applied=flow(calendar=CALENDAR)) as store:
        yield store


@pytest.fixture(autouse=True)
def machine_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """One on which only what a test breaks is wrong."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 99, 0))
    monkeypatch.setattr(files, "_filesystem", lambda _: "ext4")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(2**40))


def look(store: Store | str, now: int = NOON, *, full: bool = False, clock: Clock | None = None) -> Checkup:
    address = store if isinstance(store, str) else store.url
    return doctor(address, clock or FixedClock(now), full=full)


def trouble(found: Checkup) -> list[tuple[str, Verdict, str]]:
    return [(one.check, one.verdict, one.found) for one in found.findings if one.verdict is not Verdict.OK]


def only(found: Checkup, check: str, verdict: Verdict) -> str:
    """What the one finding that isn't fine says; it has a help."""
    ((name, its, said),) = trouble(found)
    assert (name, its) == (check, verdict), said
    assert all(one.help for one in found.findings if one.verdict is not Verdict.OK)
    return said


def sql(store: Store, *statements: str) -> None:
    with store.write() as transaction:
        for statement in statements:
            transaction.connection.exec_driver_sql(statement)


def raw(path: Path, *statements: str) -> None:
    """As another program would, after the store was closed."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The file of a store that nobody has open."""
    with opened(tmp_path):
        pass
    return tmp_path / "store.db"


def test_a_store_in_order(store: Store) -> None:
    found = look(store)
    assert trouble(found) == []
    assert found.ok
    every = [one.check for one in found.findings]
    assert set(every) >= {check.name for check in CHECKS} - {"time", "postgresql", "webhooks"}
    assert plain(checkup_text(found.findings)).endswith("\n\nAll is well.\n")


def test_nothing_is_written(closed: Path) -> None:
    before = {path.name: path.read_bytes() for path in closed.parent.iterdir()}
    look(url(closed.parent), full=True)
    after = {path.name: path.read_bytes() for path in closed.parent.iterdir()}
    assert {name: text for name, text in after.items() if not name.endswith(("-wal", "-shm"))} == {
        name: text for name, text in before.items() if not name.endswith(("-wal", "-shm"))
    }


def test_no_store(tmp_path: Path) -> None:
    address = url(tmp_path)
    assert only(look(address), "store", Verdict.PROBLEM) == f"there is no store at {address}"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_a_folder_a_text_and_another_database(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("These are my notes about everything that has to be done before Monday.\n" * 9)
    raw(tmp_path / "other.db", "CREATE TABLE deals (id)")
    for name, said in (
        ("empty.db", "there is no store at "),
        ("folder", "is not a file"),
        ("text", " is no database"),
        ("other.db", " is a database, but no flowrun store"),
    ):
        assert said in only(look(f"sqlite:///{tmp_path / name}"), "store", Verdict.PROBLEM)


def test_older_and_newer_tables(closed: Path) -> None:
    raw(closed, "UPDATE alembic_version SET version_num = '0001'")
    said = only(look(url(closed.parent)), "store", Verdict.WARNING)
    assert "has the tables 0001 of an older flowrun" in said
    raw(closed, "UPDATE alembic_version SET version_num = '9999'")
    said = only(look(url(closed.parent)), "store", Verdict.PROBLEM)
    assert "was written by a newer flowrun (tables 9999" in said


def test_a_damaged_store(closed: Path) -> None:
    whole = closed.read_bytes()
    for damaged in (whole[:50], whole[:4096], whole[:100] + b"\xa5" * (len(whole) - 100)):
        closed.write_bytes(damaged)
        found = look(url(closed.parent))
        assert not found.ok
        assert "is damaged" in str(trouble(found)) or "is no database" in str(trouble(found))
    closed.write_bytes(whole)
    connection = sqlite3.connect(closed)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'firings_lineage'").fetchone()
    connection.close()
    start = (page - 1) * 4096
    closed.write_bytes(whole[:start] + b"\xa5" * 4096 + whole[start + 4096 :])
    assert "the database is damaged: " in only(look(url(closed.parent)), "integrity", Verdict.PROBLEM)


def test_rows_that_refer_to_nothing(closed: Path) -> None:
    raw(closed, "INSERT INTO deals (id, stage, entry) VALUES ('d', 'sales.new', 1)", "DELETE FROM stages")
    assert only(look(url(closed.parent)), "integrity", Verdict.PROBLEM) == (
        "rows refer to others that aren't there: deals to stages"
    )


def test_time_for_integrity_is_limited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BUDGET", -1.0)
    monkeypatch.setattr(tables, "_INSTRUCTIONS", 1)
    assert "not looked through in" in only(look(store), "integrity", Verdict.WARNING)
    assert trouble(look(store, full=True)) == []


@pytest.mark.parametrize("index", ["queue_order", "firings_parked", "deals_stage"])
def test_an_index_that_is_missing(store: Store, index: str) -> None:
    sql(store, f"DROP INDEX {index}")
    assert only(look(store), "indexes", Verdict.PROBLEM) == f"missing: {index}"


def test_triggers_that_are_missing_or_others(store: Store) -> None:
    sql(store, "DROP TRIGGER deals_update_stage")
    assert only(look(store), "triggers", Verdict.PROBLEM).startswith("missing: deals_update_stage; ")
    sql(store, "CREATE TRIGGER deals_update_stage AFTER UPDATE ON deals BEGIN SELECT 1; END")
    assert only(look(store), "triggers", Verdict.PROBLEM).endswith("has them: deals_update_stage")


def test_nothing_applied(store: Store) -> None:
    sql(store, "UPDATE flowrun SET revision = NULL")
    assert only(look(store), "revision", Verdict.WARNING) == "none is applied, so there is nothing to run"


def test_a_zone_that_is_not_there(store: Store) -> None:
    sql(store, "UPDATE revisions SET flow = replace(flow, 'Europe/Berlin', 'Europe/Atlantis')")
    assert "there is no time zone 'Europe/Atlantis'" in only(look(store), "zones", Verdict.PROBLEM)


def test_holidays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.found for one in look(store).findings if one.check == "holidays"] == [
        "of DE-BY are known for 2026 and 2027"
    ]
    monkeypatch.setattr(work, "days_off", lambda _, year: frozenset() if year == 2027 else frozenset({1}))
    assert only(look(store), "holidays", Verdict.WARNING) == "of DE-BY in 2027 none are known, so no day is off"
    monkeypatch.undo()
    sql(store, "UPDATE revisions SET flow = replace(flow, 'DE-BY', 'DE-ZZ')")
    assert ("holidays", Verdict.PROBLEM) in [one[:2] for one in trouble(look(store))]


def test_zone_data(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.found for one in look(store).findings if one.check == "zones"] == [
        f"tzdata {import_module('tzdata').IANA_VERSION}"
    ]
    monkeypatch.setattr(machine, "_KNOWN", ("Etc/GMT", *machine._KNOWN[1:]))
    assert "misses the change" in only(look(store), "zones", Verdict.PROBLEM)


def test_sqlite_before_the_mending(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    assert "before 3.51.3" in only(look(store), "sqlite", Verdict.WARNING)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert trouble(look(store)) == []


def test_a_clock_that_went_back(store: Store) -> None:
    assert trouble(look(store, NOON - 1_000)) == []
    assert only(look(store, NOON - 30_000), "time", Verdict.WARNING).endswith(", 30 s after this clock")
    assert only(look(store, NOON - 7_200_000), "time", Verdict.PROBLEM).endswith(", 2 h after this clock")
    early = parse_instant("1970-01-02T00:00Z")
    assert early is not None
    assert ("clock", Verdict.PROBLEM, "says 1970-01-02 00:00 UTC") in trouble(look(store, early))


def test_a_disk_that_is_full_or_elsewhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(99 * 2**20))
    assert only(look(store), "disk", Verdict.PROBLEM) == "99 MiB free"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(2**29))
    assert only(look(store), "disk", Verdict.WARNING).startswith("512 MiB free, with a store of ")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(2**40))
    monkeypatch.setattr(files, "_filesystem", lambda _: "nfs4")
    assert "network disk (nfs4)" in only(look(store), "disk", Verdict.PROBLEM)


def test_a_log_that_is_not_written_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LONG", -1)
    assert "it is written back from 31 MiB on" in only(look(store), "log", Verdict.WARNING)


def test_a_log_of_another_kind(closed: Path) -> None:
    raw(closed, "PRAGMA journal_mode = DELETE")
    assert only(look(url(closed.parent)), "log", Verdict.PROBLEM) == "the journal's mode is 'delete', not 'wal'"


def test_everyone_may_write(store: Store) -> None:
    assert store.path is not None
    store.path.chmod(0o666)
    assert only(look(store), "permissions", Verdict.WARNING).startswith("everyone may write ")


def test_deals_that_nobody_works_on(store: Store) -> None:
    sql(store, "INSERT INTO deals (id, stage) VALUES ('d1', 'sales.new'), ('d2', 'sales.new')")
    assert trouble(look(store, NOON + 60_000)) == []
    assert only(look(store, NOON + 130_000), "queue", Verdict.WARNING) == (
        "2 deals awake for 2 min, and no runner runs"
    )
    assert "for 3 h" in only(look(store, NOON + 3 * 3_600_000), "queue", Verdict.PROBLEM)
    sql(store, f"INSERT INTO runners VALUES ('r', 'h', 1, '0', 0, {NOON + 600_000}, 0, 0)")
    assert "the runners are behind" in only(look(store, NOON + 600_000), "queue", Verdict.WARNING)


def test_runners(store: Store) -> None:
    sql(store, f"INSERT INTO runners VALUES ('a', 'h', 7, '1.0', 0, {NOON}, 0, 0)")
    assert trouble(look(store)) == []
    sql(store, f"INSERT INTO runners VALUES ('b', 'h', 8, '1.1', 0, {NOON}, 0, 0)")
    assert only(look(store), "runners", Verdict.WARNING) == "2 running, of versions 1.0, 1.1"
    sql(store, f"UPDATE runners SET seen_at = {NOON - GONE - 60_000}, host = 'far' WHERE id = 'b'")
    assert only(look(store), "runners", Verdict.WARNING) == (
        "1 running, 1 gone without a word: last seen far pid 8, 2 min ago"
    )


def test_what_waits_for_a_person(store: Store) -> None:
    sql(store, f"UPDATE tunnels SET tripped_at = {NOON} WHERE id = 'wins'")
    assert only(look(store), "tunnels", Verdict.WARNING) == "tripped: wins"
    sql(
        store,
        "UPDATE tunnels SET tripped_at = NULL",
        "INSERT INTO firings (deal, entry, tunnel, action, from_stage, to_stage, result, fired_at, revision)"
        f" VALUES ('d1', 1, 'wins', 'move', 'sales.offer', 'sales.won', 'parked', {NOON}, 1)",
    )
    assert only(look(store), "parked", Verdict.WARNING) == "1 firing parked"


def test_a_store_that_another_program_keeps_to_itself(closed: Path) -> None:
    other = sqlite3.connect(closed, isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked" in str(trouble(look(url(closed.parent))))
    finally:
        other.close()


def test_the_document(tmp_path: Path) -> None:
    found = look(url(tmp_path), clock=SystemClock())
    content = checkup_content(found.findings)
    assert content["ok"] is False
    checks = content["checks"]
    assert isinstance(checks, list)
    assert [(one["verdict"], one["help"]) for one in checks if one["check"] == "store"] == [
        ("problem", "make one with 'flowrun apply'")
    ]
    text = plain(checkup_text(found.findings))
    assert "✗ store" in text
    assert "help: make one with 'flowrun apply'" in text
    assert text.endswith("\n1 problem.\n")


def test_sizes_and_spans() -> None:
    assert [size(n) for n in (0, 1023, 2048, 5 * 2**20, 3 * 2**30)] == ["0 B", "1023 B", "2 KiB", "5 MiB", "3.0 GiB"]
    assert [span(s * 1000) for s in (0, 119, 120, 7200, 172_800)] == ["0 s", "119 s", "2 min", "2 h", "2 d"]


def test_webhooks_that_can_not_be_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = {"shop": Webhook("shop", "http://127.0.0.1:9", (SecretRef(env="SHOP"),), (), ("fired",))}
    with store.write() as transaction:
        apply_flow(transaction, replace(flow(calendar=CALENDAR), webhooks=hooks), {}, Author())
    monkeypatch.delenv("SHOP", raising=False)
    lacking = "shop: the secret of the webhook 'shop' is to be in the environment variable SHOP, which isn't set"
    assert only(look(store), "webhooks", Verdict.WARNING) == lacking
    monkeypatch.setenv("SHOP", "whsec_short-and-secret")
    said = only(look(store), "webhooks", Verdict.WARNING)
    assert "expected whsec_" in said
    assert "short-and-secret" not in said
    monkeypatch.setenv("SHOP", "whsec_" + "QUJD" * 11)
    assert [one.found for one in look(store).findings if one.check == "webhooks"] == ["shop: 0 messages waiting"]
    row: dict[str, object] = dict.fromkeys(("tunnel", "deal", "action", "from_stage", "to_stage", "result"), "x")
    row |= {"webhook": "shop", "entry": 1, "fired_at": NOON, "due_at": NOON, "revision": 1, "attempts": 3}
    with store.write() as transaction:
        transaction.connection.execute(insert(deliveries).values(**row, state="due", next_at=NOON, said="503\n"))
    assert trouble(look(store, NOON + 3_600_000)) == []
    late = only(look(store, NOON + 3_660_000), "webhooks", Verdict.WARNING)
    assert late == "shop: 1 message waiting, the oldest for 61 min (503\\n)"
    sql(store, "UPDATE deliveries SET state = 'dead'")
    assert only(look(store), "webhooks", Verdict.WARNING) == "shop: 1 message given up (503\\n)"
    with store.write() as transaction:
        gone = insert(webhooks).values(id="shop", url="http://127.0.0.1:9", disabled_at=NOON, said="410")
        transaction.connection.execute(gone)
    said = only(look(store), "webhooks", Verdict.WARNING)
    assert said == "shop: it is told nothing, since its receiver is gone (410)"
