"""INSERT … ON CONFLICT, for every database: SQLite and PostgreSQL say it alike, SQLAlchemy has a class for each.

PostgreSQL's is the one that knows all that either can be asked for; SQLite's compiler makes of it the text that it
makes of its own.
"""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql


def upsert(table: Table) -> postgresql.Insert:
    """An INSERT into that table with `on_conflict_do_update`, `on_conflict_do_nothing` and `excluded`.

    A SELECT that it inserts from must have a WHERE, since SQLite takes ON for that of a join otherwise.
    """
    return postgresql.insert(table)
