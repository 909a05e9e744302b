"""A driver's own connection to a store: what a program that knows nothing of flowrun would write with.

SQL is written once for both databases, with `:name` for parameters, wherever both understand it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg

from tests.bench.servers import Place

_PARAMETER = re.compile(r"(?<!:):(\w+)")

_PRAGMAS = (
    "foreign_keys = ON",
    "synchronous = FULL",
    "cache_size = -65536",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 8000",
)
"""As flowrun has them."""


class Hand:
    """One connection, that commits each statement by itself unless `begin` was said."""

    def __init__(self, place: Place) -> None:
        self.sqlite = place.path is not None
        self.connection: Any
        if self.sqlite:
            self.connection = sqlite3.connect(place.path or "", timeout=60, isolation_level=None)
            for text in _PRAGMAS:
                self.connection.execute(f"PRAGMA {text}")
        else:
            self.connection = psycopg.connect(place.url, autocommit=True)

    def run(self, sql: str, **values: object) -> Any:
        """Execute; what the driver gives."""
        return self.connection.execute(sql if self.sqlite else _for_psycopg(sql), values)

    def one(self, sql: str, **values: object) -> Any:
        """The first value of the first row; None where there is no row."""
        row = self.run(sql, **values).fetchone()
        return None if row is None else row[0]

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self.connection.execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")

    def commit(self) -> None:
        """Commit it."""
        self.connection.execute("COMMIT")

    def numbers(self, first: int, last: int) -> str:
        """What to select `i` from: the whole numbers of that range."""
        if self.sqlite:
            return (
                f"(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
                "SELECT i FROM n) AS n"
            )
        return f"generate_series({first}::bigint, {last}::bigint) AS n(i)"

    def settle(self) -> None:
        """After a store was filled: write it back, and let the planner know."""
        if self.sqlite:
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        else:
            self.connection.execute("VACUUM ANALYZE")
            self.connection.execute("CHECKPOINT") if self._may_checkpoint() else None

    def _may_checkpoint(self) -> bool:
        return bool(self.one("SELECT pg_has_role('pg_checkpoint', 'USAGE')"))


@contextmanager
def hand(place: Place) -> Iterator[Hand]:
    """A connection that is closed in the end."""
    made = Hand(place)
    try:
        yield made
    finally:
        made.connection.close()


@lru_cache(maxsize=256)
def _for_psycopg(sql: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%")) if ":" in sql else sql.replace("%", "%%")
