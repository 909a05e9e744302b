"""Identifiers and literals as SQL text, for statements in which nothing can be bound.

Identifiers come from checked ids and are quoted; values are rendered by SQLAlchemy's literal processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, CursorResult, Text, inspect
from sqlalchemy.dialects import sqlite

from flowrun.expr.values import encode
from flowrun.flow.model import Field

DIALECT = sqlite.dialect()
_TEXT: Any = Text()
_in_quotes: Callable[[str], str] = _TEXT.literal_processor(DIALECT)


def stored_literal(field: Field) -> str:
    """The field's default as the store keeps it; NULL where it has none."""
    stored = encode(field.default, field.type)
    if stored is None:
        return "NULL"
    return text_literal(stored) if isinstance(stored, str) else str(stored)


def text_literal(value: str) -> str:
    """A text in quotes."""
    return _in_quotes(value)


def quoted(name: str) -> str:
    """An identifier, in quotes."""
    return DIALECT.identifier_preparer.quote_identifier(name)


def quoted_list(names: Iterable[str]) -> str:
    """Identifiers, with commas between them."""
    return ", ".join(quoted(name) for name in names)


def drop_indexes_on(connection: Connection, column: str, prefix: str = "") -> None:
    """Drop the indexes of `deals` that have that column; only those whose name starts so."""
    for index in inspect(connection).get_indexes("deals"):
        name = str(index["name"])
        if column in index["column_names"] and name.startswith(prefix):
            run(connection, f"DROP INDEX {quoted(name)}")


def differs(left: str, right: str) -> str:
    """SQL for whether two values differ, empty ones being equal; NULL or false where they don't, on every database."""
    return f"({left} <> {right} OR ({left} IS NULL) <> ({right} IS NULL))"


def run(connection: Connection, statement: str) -> CursorResult[*tuple[Any, ...]]:
    """Execute SQL text that has no parameters, as it stands."""
    if connection.dialect.name == "postgresql":
        statement = statement.replace("%", "%%")  # the driver looks for parameters all the same
    return connection.exec_driver_sql(statement)
