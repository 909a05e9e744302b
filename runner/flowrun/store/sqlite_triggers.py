"""The triggers of an SQLite store, as SQL (`store.schema` says what they are for).

They use none of flowrun's functions, which other programs' connections don't have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowrun.expr.types import Kind, Type
from flowrun.flow.model import Flow
from flowrun.store.ddl import quoted, quoted_list, stored_literal, text_literal
from flowrun.store.watching import TEXT_CHARACTERS, WRITABLE_BUILTINS, asked_of_origins, expected, watched

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


def triggers(flow: Flow) -> Iterable[str]:
    """The statements that make them for that flow."""
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
            *(_abort(expected(name, types[name]), _wrong(name, types[name])) for name in names),
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
                    expected(name, types[name]),
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
