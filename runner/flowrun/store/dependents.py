"""What other programs made in the store that uses a column of `deals`: their views, triggers and indexes.

SQLite has them follow a column that is renamed. One that is dropped may leave them behind broken without a word: a name
in quotes that is no column any more is a text to it. So they are looked for in their SQL, by the column's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from flowrun.errors import WorkFailed
from flowrun.store.ddl import quoted, run
from flowrun.store.schema import TRIGGERS


@dataclass(frozen=True, slots=True)
class Dependent:
    """A view, trigger or index (`kind`), by its name, with the statement that makes it."""

    kind: str
    name: str
    sql: str


def dependents(connection: Connection, column: str) -> tuple[Dependent, ...]:
    """Those that name the column, by kind and name.

    A name that flowrun gave to a column that it set aside (`_was_…`) is nobody else's. For any other, a view or trigger
    must name `deals` too.
    """
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(_DEPENDENTS, {"column": column})
        return tuple(Dependent(*row) for row in found if row[1] not in TRIGGERS and not row[1].startswith("engine_"))
    return tuple(
        one
        for one, on_deals in _foreign(connection)
        if _names(one.sql, column) and (on_deals or column.startswith("_") or _names(one.sql, "deals"))
    )


@contextmanager
def staying(connection: Connection, column: str) -> Iterator[None]:
    """Inside, another column takes the place of this one; what used it uses the new one afterwards.

    Raises WorkFailed where it can't be made again, as an index whose values are unique no more.
    """
    found = dependents(connection, column)
    if connection.dialect.name == "postgresql":
        # A view would have to be made anew, without the rights that were granted on it.
        for one in found:
            if one.kind != "index":
                raise WorkFailed(
                    f"the {one.kind} {one.name} of another program uses {column}, whose type changes",
                    "drop or change it first",
                )
    elif found:
        # Views may use one another, and with a view go the triggers on it.
        others = [one for one, _ in _foreign(connection) if one.kind != "index" and one not in found]
        found = tuple(sorted((*found, *others), key=lambda one: _ORDER.index(one.kind)))
    for one in reversed(found):
        run(connection, f"DROP {one.kind} {quoted(one.name)}")
    yield
    for one in found:
        try:
            run(connection, one.sql)
        except DatabaseError as error:
            raise WorkFailed(
                f"the {one.kind} {one.name} of another program can't stay on the new {column}: {error.orig}",
                "drop or change it first",
            ) from error


_DEPENDENTS = """
SELECT kind, name, max(sql) FROM (
    SELECT CASE d.classid WHEN 'pg_rewrite'::regclass THEN 'view' WHEN 'pg_trigger'::regclass THEN 'trigger'
           ELSE 'index' END AS kind,
           CASE d.classid WHEN 'pg_rewrite'::regclass THEN r.ev_class::regclass::text
           WHEN 'pg_trigger'::regclass THEN t.tgname ELSE c.relname END AS name,
           CASE WHEN d.classid = 'pg_class'::regclass THEN pg_get_indexdef(d.objid) ELSE '' END AS sql
    FROM pg_depend d
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'i'
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'deals'::regclass AND a.attname = %(column)s
      AND d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_class'::regclass)
) found WHERE name IS NOT NULL GROUP BY kind, name ORDER BY kind, name
"""
"""What PostgreSQL knows to depend on a column of `deals`."""

_ORDER = ("view", "trigger", "index")


def _foreign(connection: Connection) -> list[tuple[Dependent, bool]]:
    """All that isn't flowrun's own, each with whether it is on `deals`."""
    made = (
        "SELECT type, name, sql, tbl_name = 'deals' FROM sqlite_master "
        "WHERE sql IS NOT NULL AND (type IN ('view', 'trigger') OR (type = 'index' AND tbl_name = 'deals')) "
        "ORDER BY type, name"
    )
    found = [(Dependent(kind, name, sql), bool(on)) for kind, name, sql, on in run(connection, made).all()]
    return [(one, on) for one, on in found if one.name not in TRIGGERS and not one.name.startswith("engine_")]


def _names(sql: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE) is not None
