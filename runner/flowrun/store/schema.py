"""What `apply` keeps in step with the flow: the stages table, indexes, and the triggers.

The triggers let any program write `deals` with SQL (engine.md, "Tables"): an unknown stage or a value of the wrong
type fails at the writer; creating a deal or changing its stage starts an entry; a changed field that a tunnel reads
queues the deal. They work only `WHEN NEW.entry = OLD.entry` (for inserts, `entry = 0`): flowrun's own writes start
their entries themselves and pay nothing. They use the statement's clock, unless flowrun has fixed it for the
transaction, and none of flowrun's functions, which other programs don't have.

Columns have a module of their own, `store.columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, inspect
from sqlalchemy.dialects.sqlite import insert as upsert

from flowrun.expr import Template
from flowrun.expr.types import Kind, Type
from flowrun.flow.model import Flow, Mode
from flowrun.store.ddl import quoted, quoted_list, stored_literal, text_literal
from flowrun.store.tables import stages

_NOW = (
    "coalesce((SELECT fixed_now FROM flowrun), "
    "CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER))"
)
TRIGGERS = (
    "deals_insert_check",
    "deals_insert",
    "deals_update_check",
    "deals_update_stage",
    "deals_update_watched",
    "deals_update",
    "deals_update_origin",
    "deals_delete",
)
"""Those that flowrun makes; others on `deals` are other programs'."""

TEXT_CHARACTERS = 1_000_000
"""The most characters of one text."""

WRITABLE_BUILTINS = ("title", "owner")
"""The built-ins that may be set like fields; both are text (format.md, "Field types")."""


def lift(connection: Connection) -> None:
    """Take the triggers away, so that what `apply` does to the deals is nobody's change of them."""
    for name in TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


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
    for statement in _triggers(flow):
        connection.exec_driver_sql(statement)


def watched(flow: Flow) -> tuple[str, ...]:
    """The fields (and `title`, `owner`, `updated_at`) whose change may make a tunnel fire."""
    found: set[str] = set()
    stage_of = flow.stages
    for tunnel in flow.tunnels.values():
        if tunnel.mode is Mode.OFF:
            continue
        required = stage_of[tunnel.target].requires
        found.update(tunnel.when.reads if tunnel.when else ())
        found.update((tunnel.at.field,) if tunnel.at else ())
        found.update(required)
        for name, setting in tunnel.set:
            found.update(setting.reads if name in required and isinstance(setting, Template) else ())
    return tuple(name for name in (*WRITABLE_BUILTINS, "updated_at", *flow.fields) if name in found)


def asked_of_origins(flow: Flow) -> tuple[str, ...]:
    """The fields that a `which: origin` tunnel requires of the deal that it moves."""
    stage_of = flow.stages
    targets = {tunnel.target for tunnel in flow.tunnels.values() if tunnel.origin and tunnel.mode is not Mode.OFF}
    found = {name for target in targets for name in stage_of[target].requires}
    return tuple(name for name in (*WRITABLE_BUILTINS, *flow.fields) if name in found)


def _install_indexes(connection: Connection, flow: Flow) -> None:
    wanted = {
        "engine_same_" + "+".join(guard.same): f"({quoted_list((*guard.same, 'stage'))})"
        for tunnel in flow.tunnels.values()
        if (guard := tunnel.unless_exists)
    }
    if asked_of_origins(flow):
        wanted["engine_origin"] = "(origin) WHERE origin IS NOT NULL"
    present = {str(index["name"]) for index in inspect(connection).get_indexes("deals")}
    for name in sorted(present - set(wanted)):
        if name.startswith("engine_"):
            connection.exec_driver_sql(f"DROP INDEX {quoted(name)}")
    for name, definition in wanted.items():
        if name not in present:
            connection.exec_driver_sql(f"CREATE INDEX {quoted(name)} ON deals {definition}")


def _triggers(flow: Flow) -> Iterable[str]:
    names = [*WRITABLE_BUILTINS, *flow.fields]
    types = {name: Type(Kind.TEXT) for name in WRITABLE_BUILTINS} | {f.id: f.type for f in flow.fields.values()}
    tidy = ", ".join(f"{quoted(name)} = {_tidied(flow, name, types[name])}" for name in names)
    untidy = " OR ".join(f"NEW.{quoted(name)} IS NOT {_tidied(flow, name, types[name])}" for name in names)
    changed = " OR ".join(f"NEW.{quoted(name)} IS NOT OLD.{quoted(name)}" for name in names)
    own = "NEW.entry = OLD.entry"
    known_stage = "SELECT 1 FROM stages WHERE id = NEW.stage"
    wake = _wake("deals.seq = NEW.seq")

    yield _trigger(
        "deals_insert_check",
        "BEFORE INSERT",
        "NEW.entry = 0",
        [
            _abort("the id must have 1 to 200 characters, none of them ''~'' or a control character", _BAD_ID),
            _abort("there is no such stage", f"NOT EXISTS ({known_stage})"),
            *(_abort(_expected(name, types[name]), _wrong(name, types[name])) for name in names),
        ],
    )
    yield _trigger(
        "deals_insert",
        "AFTER INSERT",
        "NEW.entry = 0",
        [
            (
                "UPDATE deals SET entry = 1 + coalesce((SELECT max(entry) FROM firings WHERE deal = NEW.id), 0), "
                f"entered_at = {_NOW}, created_at = {_NOW}, updated_at = {_NOW}, "
                f"_root = NULL, _hops = NULL, _imported = NULL, {tidy} WHERE seq = NEW.seq;"
            ),
            wake,
        ],
    )
    yield _trigger(
        "deals_update_check",
        "BEFORE UPDATE",
        own,
        [
            _abort("the id of a deal never changes", "NEW.id <> OLD.id OR NEW.seq <> OLD.seq"),
            *(
                _abort(f"{name} is set by flowrun alone", f"NEW.{name} IS NOT OLD.{name}")
                for name in ("entered_at", "created_at", "origin", "origin_tunnel", "_root", "_hops")
            ),
            _abort("updated_at must be an integer", "typeof(NEW.updated_at) <> 'integer'"),
            _abort("there is no such stage", f"NEW.stage IS NOT OLD.stage AND NOT EXISTS ({known_stage})"),
            *(
                _abort(
                    _expected(name, types[name]),
                    f"NEW.{quoted(name)} IS NOT OLD.{quoted(name)} AND ({_wrong(name, types[name])})",
                )
                for name in names
            ),
        ],
    )
    yield _trigger(
        "deals_update_stage",
        "AFTER UPDATE OF stage",
        f"{own} AND NEW.stage <> OLD.stage",
        [
            f"UPDATE deals SET entry = OLD.entry + 1, entered_at = {_NOW}, updated_at = {_NOW} WHERE seq = NEW.seq;",
            "DELETE FROM queue WHERE deal = NEW.seq;",
            wake,
        ],
    )
    if reads := watched(flow):
        differs = " OR ".join(f"NEW.{quoted(name)} IS NOT OLD.{quoted(name)}" for name in reads)
        yield _trigger(
            "deals_update_watched", f"AFTER UPDATE OF {quoted_list(reads)}", f"{own} AND ({differs})", [wake]
        )
    yield _trigger(
        "deals_update",
        f"AFTER UPDATE OF {quoted_list(names)}",
        f"{own} AND ({changed}) AND (NEW.updated_at IS OLD.updated_at OR {untidy})",
        [f"UPDATE deals SET updated_at = {_NOW}, {tidy} WHERE seq = NEW.seq;"],
    )
    if asked := asked_of_origins(flow):
        differs = " OR ".join(f"NEW.{quoted(name)} IS NOT OLD.{quoted(name)}" for name in ("stage", *asked))
        moment = f"AFTER UPDATE OF {quoted_list(('stage', *asked))}"
        yield _trigger("deals_update_origin", moment, f"{own} AND ({differs})", [_wake("deals.origin = NEW.id")])
    # A deal made later may get the same seq.
    gone = [f"DELETE FROM {table} WHERE deal = OLD.seq;" for table in ("queue", "existing")]
    yield _trigger("deals_delete", "AFTER DELETE", None, gone)


_BAD_ID = (
    "NEW.id IS NULL OR typeof(NEW.id) <> 'text' OR length(NEW.id) NOT BETWEEN 1 AND 200 OR instr(NEW.id, '~') "
    "OR instr(NEW.id, char(0)) "
    "OR NEW.id GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'"
)


def _trigger(name: str, moment: str, when: str | None, body: Sequence[str]) -> str:
    condition = f" WHEN {when}" if when else ""
    return f"CREATE TRIGGER {name} {moment} ON deals FOR EACH ROW{condition} BEGIN {' '.join(body)} END"


def _wake(which: str) -> str:
    return (
        f"INSERT INTO queue (deal, wake_at, round) SELECT seq, {_NOW}, 0 FROM deals WHERE {which} "
        "AND EXISTS (SELECT 1 FROM routes WHERE routes.stage = deals.stage) "
        "ON CONFLICT (deal) DO UPDATE SET wake_at = excluded.wake_at, round = 0 WHERE excluded.wake_at < wake_at;"
    )


def _abort(message: str, condition: str) -> str:
    return f"SELECT RAISE(ABORT, 'flowrun: {message}') WHERE {condition};"


def _wrong(name: str, type_: Type) -> str:
    value = f"NEW.{quoted(name)}"
    match type_.kind:
        case Kind.TEXT:
            bad = f"typeof({value}) <> 'text' OR length({value}) > {TEXT_CHARACTERS} OR instr({value}, char(0))"
        case Kind.ENUM:
            bad = f"{value} NOT IN ({', '.join(text_literal(item) for item in type_.values)}, '')"
        case Kind.INTEGER | Kind.DECIMAL:
            bad = f"typeof({value}) <> 'integer' OR abs({value}) >= 1000000000000000000"
            if type_.kind is Kind.INTEGER:
                bad = f"typeof({value}) <> 'integer'"
        case Kind.BOOLEAN:
            bad = f"typeof({value}) <> 'integer' OR {value} NOT IN (0, 1)"
        case Kind.DATE:
            # Only with a modifier does SQLite find that there is no February 30.
            bad = f"typeof({value}) <> 'text' OR date({value}, '+0 days') IS NOT {value} OR {value} < '0001-01-01'"
        case Kind.DATETIME:
            bad = f"typeof({value}) <> 'integer' OR {value} NOT BETWEEN -62135596800000 AND 253402300799999"
        case _:
            bad = (
                f"CASE WHEN json_valid({value}) THEN json_type({value}) <> 'array' "
                f"OR EXISTS (SELECT 1 FROM json_each({value}) WHERE type <> 'text' OR value = '') ELSE 1 END"
            )
    return f"{value} IS NOT NULL AND ({bad})"


def _expected(name: str, type_: Type) -> str:
    what = {
        Kind.TEXT: "text",
        Kind.INTEGER: "an integer",
        Kind.DECIMAL: f"an integer: the decimal times 10 to the power of {type_.places}, of 18 digits at most",
        Kind.BOOLEAN: "0 or 1",
        Kind.DATE: "a date such as 2026-03-06",
        Kind.DATETIME: "an integer: milliseconds since 1970 in UTC",
        Kind.TAGS: "a JSON array of texts",
        Kind.ENUM: "one of " + ", ".join(type_.values),
    }[type_.kind]
    return f"{name} must be {what}".replace("'", "''")


def _tidied(flow: Flow, name: str, type_: Type) -> str:
    """The value as it is stored: one kind of empty, tags sorted, a default where the field has one."""
    value = f"NEW.{quoted(name)}"
    if type_.kind is Kind.TAGS:
        members = f"SELECT DISTINCT value FROM json_each({value}) ORDER BY value"
        value = f"nullif((SELECT json_group_array(value) FROM ({members})), '[]')"
    elif type_.kind in {Kind.TEXT, Kind.ENUM}:
        value = f"nullif({value}, '')"
    field = flow.fields.get(name)
    if field is not None and field.default is not None:
        value = f"coalesce({value}, {stored_literal(field)})"
    return value
