"""Stores with the tables of an older flowrun, and all that is in them: made by taking back what came since."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from tests.faults.grounds import Ground, foreign


def turn_back(ground: Ground, url: str, version: str) -> None:
    """Give the store the tables that it had at that version; what has been added since is lost."""
    model = ground.empty()
    _make(model, version)
    then, now = foreign(model), foreign(url)
    with now.begin() as connection:
        tables = _tables(then)
        added = _tables(now).keys() - tables.keys() - {"deals"}
        for table, columns in _tables(now).items():
            if table not in tables:
                continue
            for column in columns.keys() - tables[table].keys():
                if table == "deals" and not column.startswith("_"):
                    continue  # a field of the flow
                connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
            for column in tables[table].keys() - columns.keys():
                definition = f"{column} {tables[table][column]} NOT NULL DEFAULT ''"
                connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {definition}"))
        if "existing" in added:
            connection.execute(text("DROP TRIGGER deals_delete"))  # which it had without that table
        for table in sorted(added):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    then.dispose()
    now.dispose()


def _make(url: str, version: str) -> None:
    engine = foreign(url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "flowrun:store/migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


def _tables(engine: Engine) -> dict[str, dict[str, str]]:
    found = inspect(engine)
    return {
        table: {column["name"]: str(column["type"]) for column in found.get_columns(table)}
        for table in found.get_table_names()
    }
