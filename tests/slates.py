"""Stores on PostgreSQL for tests of many cases: each is made once, in a schema of its own, and becomes others' copies.

A new database for each case would take longer than most cases do. Here only the table of deals is made anew, since the
fields are its columns; the others are emptied and filled. What the store knows of zones and calendars, which is much,
is copied only where it differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import psycopg
from sqlalchemy import Connection

from flowrun.clock import FixedClock
from flowrun.store import postgresql_times
from flowrun.store.connection import Store, open_store
from tests.postgres import Database

_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace "
    "AND relname <> 'alembic_version' ORDER BY relname"
)
_COLUMNS = (
    "SELECT quote_ident(attname), attidentity FROM pg_attribute WHERE attrelid = to_regclass('{}') AND attnum > 0 "
    "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
)
_KNOWN = (
    "SELECT (SELECT json_agg(name || version ORDER BY name) FROM {0}.zones)::text, "
    "(SELECT json_agg(key || version ORDER BY key) FROM {0}.calendars)::text"
)

_MADE = """
WITH relations AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind IN ('r', 'v') AND relname <> 'deals'
), made AS (
    SELECT relname::text AS name FROM relations
    UNION ALL
    SELECT relname || '.' || tgname FROM pg_trigger JOIN relations ON tgrelid = relations.oid
    UNION ALL
    SELECT relname || '.' || indexrelid::regclass::text FROM pg_index JOIN relations ON indrelid = relations.oid
    UNION ALL
    SELECT relname || '.' || conname FROM pg_constraint JOIN relations ON conrelid = relations.oid
    UNION ALL
    SELECT oid::regproc::text FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
    AND proname NOT LIKE 'engine%%'
)
SELECT (SELECT string_agg(replace(name, %(schema)s, ''), ' ' ORDER BY name) FROM made),
       (SELECT sum(pg_total_relation_size(oid)) FROM relations)
"""
_LARGE = 2**23
"""Of a schema, in bytes: rows that are gone make all that is done in it slow."""


class Slates:
    """Stores in one database: `with Slates(database) as slates`."""

    def __init__(self, database: Database) -> None:
        self._url = database.url
        self._count = 0
        self._schemas: dict[str, Store] = {}
        self._pristine = self.another()
        with self._pristine.connect() as connection:
            tables = connection.exec_driver_sql(_TABLES).scalars().all()
            self._copied = {
                table: _filled(connection, table, "{0}", "{1}")
                for table in tables
                if table not in {"deals", *postgresql_times.TABLES}
            }
            self._times = {table: _filled(connection, table, "{0}", "{1}") for table in postgresql_times.TABLES}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for store in self._schemas.values():
            store.close()

    def another(self) -> Store:
        """A store of its own, new."""
        self._count += 1
        schema = f"slate{self._count}"
        with psycopg.connect(self._url) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        self._schemas[schema] = open_store(f"{self._url}?options=-csearch_path%3D{schema}", FixedClock(0), create=True)
        return self._schemas[schema]

    def wipe(self, store: Store) -> None:
        """Make it a store to which nothing has happened."""
        self.copy(self._pristine, store)

    def wipes_clean(self, store: Store) -> bool:
        """Whether wiping would leave nothing in it: of what others have made beside flowrun's own, or of the room that
        many rows took. What the triggers on its deals call (`engine…`) is made anew with them."""
        pristine, schema = self._schema(self._pristine), self._schema(store)
        with psycopg.connect(self._url) as connection:
            of_pristine, mine = (connection.execute(_MADE, {"schema": one}).fetchone() for one in (pristine, schema))
        assert of_pristine is not None
        assert mine is not None
        return bool(mine[0] == of_pristine[0] and mine[1] < _LARGE)

    def drop(self, store: Store) -> None:
        """Have it no longer."""
        schema = self._schema(store)
        self._schemas.pop(schema).close()
        with psycopg.connect(self._url) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())

    def copy(self, source: Store, target: Store) -> None:
        """Make the one a copy of the other, but for triggers on the deals: to apply makes them."""
        one, other = self._schema(source), self._schema(target)
        with target.connect() as connection, connection.begin():
            run = connection.exec_driver_sql
            statements = [
                f"DROP TABLE {other}.deals CASCADE",
                f"CREATE TABLE {other}.deals (LIKE {one}.deals INCLUDING ALL)",
                *_filled(connection, "deals", one, other),
                *(statement.format(one, other) for some in self._copied.values() for statement in some),
            ]
            if source is not self._pristine and run(_KNOWN.format(one)).one() != run(_KNOWN.format(other)).one():
                statements += [statement.format(one, other) for some in self._times.values() for statement in some]
            run("; ".join(statements))

    def _schema(self, store: Store) -> str:
        return next(schema for schema, one in self._schemas.items() if one is store)


def _filled(connection: Connection, table: str, source: str, target: str) -> Sequence[str]:
    """The statements that empty that table of `target` and fill it from the one of `source`."""
    schema = "" if source == "{0}" else f"{source}."
    columns = connection.exec_driver_sql(_COLUMNS.format(f"{schema}{table}")).all()
    names = ", ".join(name for name, _ in columns)
    return [
        f"DELETE FROM {target}.{table}",
        f"INSERT INTO {target}.{table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {source}.{table}",
        *(
            f"SELECT setval(pg_get_serial_sequence('{target}.{table}', '{name}'), "
            f"(SELECT coalesce(max({name}), 0) + 1 FROM {source}.{table}), false)"
            for name, identity in columns
            if identity
        ),
    ]
