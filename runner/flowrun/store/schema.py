"""What `apply` keeps in step with the flow: the stages table, indexes, and the triggers.

The triggers let any program write `deals` with SQL (engine.md, "Tables"): an unknown stage or a value of the wrong
type fails at the writer; creating a deal or changing its stage starts an entry; a changed field that a tunnel reads
queues the deal. They work only `WHEN NEW.entry = OLD.entry` (for inserts, `entry = 0`): flowrun's own writes start
their entries themselves and pay nothing. They use the statement's clock, unless flowrun has fixed it for the
transaction. How each database says all that: `store.sqlite_triggers`, `store.postgresql_triggers`.

Columns have a module of their own, `store.columns`.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, inspect

from flowrun.flow.model import Flow
from flowrun.store import postgresql_times, postgresql_triggers, sqlite_triggers
from flowrun.store.database import SCRATCH
from flowrun.store.ddl import quoted, quoted_list, run
from flowrun.store.tables import stages
from flowrun.store.upsert import upsert
from flowrun.store.watching import asked_of_origins

TRIGGERS = (*sqlite_triggers.TRIGGERS, *postgresql_triggers.TRIGGERS)
"""Those that flowrun makes; others on `deals` are other programs'."""


def lift(connection: Connection) -> None:
    """Take the triggers away, so that what `apply` does to the deals is nobody's change of them."""
    on = " ON deals" if connection.dialect.name == "postgresql" else ""
    for name in TRIGGERS:
        run(connection, f"DROP TRIGGER IF EXISTS {name}{on}")


def provide_times(connection: Connection, flow: Flow, base: Flow | None) -> None:
    """Have the database know the zones and calendars of the flow, and in a scratch those of the applied one (`base`).

    SQLite asks Python.
    """
    if connection.dialect.name == "sqlite":
        return
    if connection.get_execution_options().get(SCRATCH):
        postgresql_times.provide_scratch(connection, *(one for one in (base, flow) if one is not None))
    else:
        postgresql_times.provide(connection, flow)


def open_stages(connection: Connection, flow: Flow) -> None:
    """Have a row for each of the flow's stages. Those that it lacks stay: deals still stand there."""
    rows = [
        {"id": stage.id, "pipeline": stage.pipeline, "name": stage.name, "outcome": stage.outcome, "position": position}
        for position, stage in enumerate(flow.stages.values())
    ]
    statement = upsert(stages)
    fresh = {name: statement.excluded[name] for name in ("pipeline", "name", "outcome", "position")}
    if rows:
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=fresh), rows)


def settle(connection: Connection, flow: Flow) -> None:
    """Close the stages that the flow lacks, and make the indexes and triggers as it says.

    The columns are there already (`store.columns`), and no deal stands in a stage that goes.
    """
    connection.execute(delete(stages).where(stages.c.id.not_in(list(flow.stages))))
    _install_indexes(connection, flow)
    if connection.dialect.name == "postgresql" and connection.get_execution_options().get(SCRATCH):
        return  # nobody else writes there, and the triggers' functions would be the live ones
    for statement in triggers(connection, flow):
        run(connection, statement)


def triggers(connection: Connection, flow: Flow) -> tuple[str, ...]:
    """The statements that make the triggers for that flow, and what they need, on that kind of database."""
    made = postgresql_triggers if connection.dialect.name == "postgresql" else sqlite_triggers
    return tuple(made.triggers(flow))


def indexes(flow: Flow) -> dict[str, str]:
    """The indexes of `deals` that the flow needs beyond those that every store has: definitions by name."""
    wanted = {
        "engine_same_" + "+".join(guard.same): f"({quoted_list((*guard.same, 'stage'))})"
        for tunnel in flow.tunnels.values()
        if (guard := tunnel.unless_exists)
    }
    by_origin = flow.source.elsewhere and any(tunnel.origin for tunnel in flow.tunnels.values())
    if by_origin or asked_of_origins(flow):
        wanted["engine_origin"] = "(origin) WHERE origin IS NOT NULL"
    return wanted


def _install_indexes(connection: Connection, flow: Flow) -> None:
    wanted = indexes(flow)
    present = {str(index["name"]) for index in inspect(connection).get_indexes("deals")}
    for name in sorted(present - set(wanted)):
        if name.startswith("engine_"):
            run(connection, f"DROP INDEX {quoted(name)}")
    for name, definition in wanted.items():
        if name not in present:
            run(connection, f"CREATE INDEX {quoted(name)} ON deals {definition}")
