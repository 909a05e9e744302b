"""The versions of the store's own tables, and how a store is brought to the current one.

Alembic runs them; it is imported only when a store is new or old. The columns of declared fields are not migrations:
`apply` adds them (`store.schema`).
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from flowrun.errors import WorkFailed

HEAD = "0005"
"""The version that this flowrun works with. Versions are four digits and rise."""


def upgrade(connection: Connection) -> None:
    """Bring the store's own tables to `HEAD`, inside the transaction that is open on the connection.

    Raises WorkFailed where something of another program forbids it.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "flowrun:store/migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
        if connection.dialect.name == "postgresql":
            from flowrun.store import postgresql_functions

            postgresql_functions.install(connection)
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
            raise
        raise WorkFailed(
            f"the store's tables can't be brought up to date: {error.orig}",
            "a view, trigger or index that another program made is in the way",
        ) from error
