"""Refusals: what a database says no to because of the data, apart from what keeps it from working at all.

A row that a trigger, a check or a key of another program turns down, or a value that a function can't read, is one
deal's trouble. A store that is locked, full, damaged, or gone is everybody's (`store.connection` puts it into words).
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

_SQLITE = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_RANGE,
}
_POSTGRESQL = ("21", "22", "23", "27", "38", "39", "42", "44", "54", "P0")
"""Classes of SQLSTATE (PostgreSQL, appendix A): cardinality, data, integrity, triggered change, routines, naming,
check option, program limits, PL/pgSQL."""

_LONGEST = 200


def of_data(error: DBAPIError) -> bool:
    """Whether the database turned something down, rather than failed.

    A statement that makes no sense to it counts as well: only a trial without any deal can tell whose fault that is.
    """
    if error.connection_invalidated:
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_POSTGRESQL)
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _SQLITE


def said(error: DBAPIError) -> str:
    """What the database said, on one line: neither the statement, nor its values, nor the rows at fault."""
    lines = str(error.orig).strip().splitlines()
    return lines[0][:_LONGEST] if lines else type(error.orig).__name__
