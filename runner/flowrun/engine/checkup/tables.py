"""Checks of a store's tables: their version, indexes and triggers, and whether the database is whole."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, inspect

from flowrun.engine.checkup.finding import Finding, fine, problem, warning
from flowrun.engine.checkup.patient import Patient
from flowrun.errors import NoStore
from flowrun.store import migrations, revisions, schema, sqlite
from flowrun.store.tables import metadata

BUDGET = 10.0
"""Seconds that looking through the whole database may take, if it wasn't asked to be thorough."""

_TRIGGER = re.compile(r"CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER (\w+)")
_SHOWN = 3
_INSTRUCTIONS = 100_000


def store(patient: Patient) -> Iterable[Finding]:
    """Whether there is a store, with tables that this flowrun works with."""
    head = migrations.HEAD
    if patient.failure is not None:
        yield problem("store", str(patient.failure), patient.failure.help)
    elif patient.version is None and patient.tables:
        yield problem("store", f"{patient.url} is a database, but no flowrun store", "name another with --store")
    elif patient.version is None:
        missing = NoStore(f"there is no store at {patient.url}", "make one with 'flowrun apply'")
        yield problem("store", str(missing), missing.help)
    elif patient.version > head:
        found = f"{patient.url} was written by a newer flowrun (tables {patient.version}; this one knows {head})"
        yield problem("store", found, "upgrade flowrun")
    elif patient.version < head:
        yield warning(
            "store",
            f"{patient.url} has the tables {patient.version} of an older flowrun; this one works with {head}",
            "any command that may write brings them up to date; then older runners can't use the store any more",
        )
    else:
        yield fine("store", f"{patient.url}, tables {head}")


def structure(patient: Patient) -> Iterable[Finding]:
    """Whether the indexes and triggers are there, and the triggers as the applied revision has them."""
    with patient.read() as connection:
        applied = revisions.current(connection)
        flow = applied.flow if applied else None
        present = _indexes(connection)
        wanted = {str(index.name) for table in metadata.tables.values() for index in table.indexes}
        wanted |= {"deals_stage"} | set(schema.indexes(flow) if flow else ())
        missing = sorted(wanted - present)
        made = (
            {name: text for text in schema.triggers(connection, flow) for name in _TRIGGER.findall(text)}
            if flow
            else {}
        )
        found = _triggers(connection)
        gone = sorted(set(made) - set(found))
        other = sorted(name for name in set(made) & set(found) if found[name] not in {None, made[name]})
    if missing:
        yield problem("indexes", f"missing: {', '.join(missing)}", "restore the store, or make them again")
    else:
        yield fine("indexes", f"all {len(wanted)} are there")
    again = "apply a change of the flows: that makes all triggers anew"
    if gone:
        yield problem("triggers", f"missing: {', '.join(gone)}; what other programs write is not noticed", again)
    elif other:
        yield problem("triggers", f"not as the applied revision has them: {', '.join(other)}", again)
    elif made:
        yield fine("triggers", f"all {len(made)} are there")


def whole(patient: Patient) -> Iterable[Finding]:
    """Whether the database is whole, page by page, and no row refers to one that isn't there."""
    if patient.path is None:
        return
    driver = sqlite.driver(patient.connection)
    check = "integrity_check" if patient.thorough else "quick_check"
    with _within(patient, driver) as out_of_time:
        try:
            rows = [str(row[0]) for row in driver.execute(f"PRAGMA {check}(100)")]
            astray = (
                {(row[0], row[2]) for row in driver.execute("PRAGMA foreign_key_check")} if rows == ["ok"] else set()
            )
        except sqlite3.OperationalError:
            if not out_of_time():
                raise
            found = f"not looked through in {BUDGET:.0f} s; no damage was found so far"
            yield warning("integrity", found, "take your time: flowrun doctor --full")
            return
    if rows != ["ok"]:
        more = f", and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        said = "; ".join(" ".join(row.split()) for row in rows[:_SHOWN])
        yield problem("integrity", f"the database is damaged: {said}{more}", "stop the runners and restore a backup")
    elif astray:
        pairs = ", ".join(f"{table} to {parent}" for table, parent in sorted(astray))
        yield problem("integrity", f"rows refer to others that aren't there: {pairs}", "look who deleted them")
    else:
        yield fine("integrity", "every page was looked through" if patient.thorough else "no damage found")


@contextmanager
def _within(patient: Patient, driver: sqlite3.Connection) -> Iterator[Callable[[], bool]]:
    """Interrupts what takes longer than the budget; yields a function that says whether it did."""
    began = time.monotonic()

    def late() -> bool:
        return not patient.thorough and time.monotonic() - began > BUDGET

    def look() -> int:
        patient.progress(int(time.monotonic() - began))
        return int(late())

    driver.set_progress_handler(look, _INSTRUCTIONS)
    try:
        yield late
    finally:
        driver.set_progress_handler(None, 0)


def _indexes(connection: Connection) -> set[str]:
    reader = inspect(connection)
    tables = [*metadata.tables, "deals"]
    return {str(index["name"]) for table in tables if reader.has_table(table) for index in reader.get_indexes(table)}


def _triggers(connection: Connection) -> dict[str, str | None]:
    """The triggers of `deals`, with their statements where the database keeps those."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'deals'"
    else:
        query = "SELECT tgname, NULL FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND NOT tgisinternal"
    return dict(map(tuple, connection.exec_driver_sql(query)))
