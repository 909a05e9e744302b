"""The versions of the store's own tables, and how a store is brought to the current one.

Alembic runs them; it is imported only when a store is new or old. The columns of declared fields are not migrations:
`apply` adds them (`store.schema`).
"""

from __future__ import annotations

from sqlalchemy import Connection

HEAD = "0002"
"""The version that this flowrun works with. Versions are four digits and rise."""


def upgrade(connection: Connection) -> None:
    """Bring the store's own tables to `HEAD`, inside the transaction that is open on the connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "flowrun:store/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
