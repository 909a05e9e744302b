"""The triggers of a PostgreSQL store, as SQL (`store.schema` says what they are for).

Row triggers, before the row is written: they set what they have to in the row itself, and flowrun's own writes pay for
no more than the `WHEN`. (Statement triggers with transition tables can have neither a `WHEN` nor a list of columns:
every batch of the engine would be copied for them.) There is no foreign key on `stage` for the same reason; the check
here does its work, and can't miss a stage that is just being removed, since `apply` locks `deals` against writers.

The functions have the rights of the store's owner, so whoever writes `deals` needs no rights on the other tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowrun.expr.types import Kind, Type
from flowrun.flow.model import Flow
from flowrun.store.ddl import quoted, stored_literal, text_literal
from flowrun.store.watching import TEXT_CHARACTERS, WRITABLE_BUILTINS, asked_of_origins, expected, watched

TRIGGERS = ("engine_insert", "engine_update", "engine_delete")

NOW = (
    "coalesce(nullif(current_setting('flowrun.now', true), '')::bigint, "
    "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
)


def triggers(flow: Flow, schema: str | None = None) -> Iterable[str]:
    """The statements that make them for that flow.

    `schema` is where their functions are made (as it is written in SQL), for tables that are temporary; None: where the
    store is, which is then fixed for them.
    """
    names = [*WRITABLE_BUILTINS, *flow.fields]
    types = {name: Type(Kind.TEXT) for name in WRITABLE_BUILTINS} | {f.id: f.type for f in flow.fields.values()}
    yield from _trigger(
        "engine_insert", "INSERT", "NEW.entry = 0", _insert(flow, names, types), "moment bigint := " + NOW, schema
    )
    yield from _trigger(
        "engine_update",
        "UPDATE",
        "NEW.entry = OLD.entry",
        _update(flow, names, types),
        f"moment bigint := {NOW}; given boolean; untidy boolean",
        schema,
    )
    # A deal made later may get the same seq.
    gone = ["DELETE FROM queue WHERE deal = OLD.seq;", "DELETE FROM existing WHERE deal = OLD.seq;", "RETURN OLD;"]
    yield from _trigger("engine_delete", "DELETE", None, gone, None, schema)


def _trigger(
    name: str, event: str, when: str | None, body: Sequence[str], declared: str | None, schema: str | None
) -> Iterable[str]:
    function = f"{schema}.{name}" if schema else name
    rights = "" if schema else " SECURITY DEFINER"
    declare = f"DECLARE {declared}; " if declared else ""
    text = f"{declare}BEGIN {' '.join(body)} END"
    yield (f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql{rights} AS {text_literal(text)}")
    if not schema:
        # What it names must be the store's own, whoever writes.
        yield (
            "DO $do$ BEGIN EXECUTE format("
            f"'ALTER FUNCTION {name}() SET search_path = %I, pg_temp', current_schema()); END $do$"
        )
    condition = f" WHEN ({when})" if when else ""
    yield f"CREATE TRIGGER {name} BEFORE {event} ON deals FOR EACH ROW{condition} EXECUTE FUNCTION {function}()"


def _insert(flow: Flow, names: Sequence[str], types: dict[str, Type]) -> list[str]:
    return [
        _refuse("the id must have 1 to 200 characters, none of them ''~'' or a control character", _BAD_ID),
        _refuse("there is no such stage", _NO_STAGE),
        *(_refuse(expected(name, types[name]), _wrong(name, types[name])) for name in names),
        "NEW.entry := 1 + coalesce((SELECT max(entry) FROM firings WHERE deal = NEW.id), 0);",
        "NEW.entered_at := moment; NEW.created_at := moment; NEW.updated_at := moment;",
        "NEW._root := NULL; NEW._hops := NULL; NEW._imported := NULL;",
        *_tidy(flow, names, types),
        _WAKE,
        "RETURN NEW;",
    ]


def _update(flow: Flow, names: Sequence[str], types: dict[str, Type]) -> list[str]:
    different = " OR ".join(_differs(name) for name in names)
    untidy = " OR ".join(f"NEW.{quoted(name)} IS DISTINCT FROM {_tidied(flow, name, types[name])}" for name in names)
    reads = " OR ".join(_differs(name) for name in watched(flow))
    asked = " OR ".join(_differs(name) for name in ("stage", *asked_of_origins(flow)))
    return [
        _refuse("the id of a deal never changes", "NEW.id <> OLD.id OR NEW.seq <> OLD.seq"),
        *(
            _refuse(f"{name} is set by flowrun alone", _differs(name))
            for name in ("entered_at", "created_at", "origin", "origin_tunnel", "_root", "_hops")
        ),
        _refuse("updated_at must be an integer", "NEW.updated_at IS NULL"),
        _refuse("there is no such stage", f"{_differs('stage')} AND {_NO_STAGE}"),
        *(
            _refuse(expected(name, types[name]), f"{_differs(name)} AND ({_wrong(name, types[name])})")
            for name in names
        ),
        f"given := {different};",
        f"untidy := given AND ({untidy});",
        *([f"IF {reads} THEN {_WAKE} END IF;"] if reads else []),
        "IF given AND (untidy OR NEW.updated_at = OLD.updated_at) THEN NEW.updated_at := moment; END IF;",
        f"IF untidy THEN {' '.join(_tidy(flow, names, types))} END IF;",
        (
            "IF NEW.stage <> OLD.stage THEN NEW.entry := OLD.entry + 1; NEW.entered_at := moment; "
            f"NEW.updated_at := moment; DELETE FROM queue WHERE deal = NEW.seq; {_WAKE} END IF;"
        ),
        *([f"IF {asked} THEN {_WAKE_COPIES} END IF;"] if asked_of_origins(flow) else []),
        "RETURN NEW;",
    ]


_BAD_ID = (
    "NEW.id IS NULL OR length(NEW.id) NOT BETWEEN 1 AND 200 OR strpos(NEW.id, '~') > 0 "
    "OR NEW.id ~ '[\\x01-\\x1f\\x7f-\\x9f]'"
)
_NO_STAGE = "NOT EXISTS (SELECT 1 FROM stages WHERE id = NEW.stage)"
_SOONER = (
    "ON CONFLICT (deal) DO UPDATE SET wake_at = excluded.wake_at, round = 0 WHERE excluded.wake_at < queue.wake_at"
)
_WAKE = (
    "IF EXISTS (SELECT 1 FROM routes WHERE stage = NEW.stage) THEN "
    f"INSERT INTO queue (deal, wake_at, round) VALUES (NEW.seq, moment, 0) {_SOONER}; END IF;"
)
_WAKE_COPIES = (
    "INSERT INTO queue (deal, wake_at, round) SELECT seq, moment, 0 FROM deals WHERE origin = NEW.id "
    f"AND EXISTS (SELECT 1 FROM routes WHERE routes.stage = deals.stage) {_SOONER};"
)


def _differs(name: str) -> str:
    return f"NEW.{quoted(name)} IS DISTINCT FROM OLD.{quoted(name)}"


def _refuse(message: str, condition: str) -> str:
    return (
        f"IF {condition} THEN RAISE EXCEPTION USING MESSAGE = 'flowrun: {message}', ERRCODE = 'check_violation'; "
        "END IF;"
    )


def _wrong(name: str, type_: Type) -> str:
    value = f"NEW.{quoted(name)}"
    match type_.kind:
        case Kind.TEXT:
            bad = f"length({value}) > {TEXT_CHARACTERS}"
        case Kind.ENUM:
            bad = f"{value} NOT IN ({', '.join(text_literal(item) for item in type_.values)}, '')"
        case Kind.INTEGER:
            return "false"
        case Kind.DECIMAL:
            bad = f"{value} NOT BETWEEN -999999999999999999 AND 999999999999999999"
        case Kind.BOOLEAN:
            bad = f"{value} NOT IN (0, 1)"
        case Kind.DATE:
            bad = f"NOT fr_is_date({value})"
        case Kind.DATETIME:
            bad = f"{value} NOT BETWEEN -62135596800000 AND 253402300799999"
        case _:
            bad = f"NOT fr_is_tags({value})"
    return f"{value} IS NOT NULL AND ({bad})"


def _tidy(flow: Flow, names: Sequence[str], types: dict[str, Type]) -> list[str]:
    return [
        f"NEW.{quoted(name)} := {tidied};"
        for name in names
        if (tidied := _tidied(flow, name, types[name])) != f"NEW.{quoted(name)}"
    ]


def _tidied(flow: Flow, name: str, type_: Type) -> str:
    """The value as it is stored: one kind of empty, tags sorted, a default where the field has one."""
    value = f"NEW.{quoted(name)}"
    if type_.kind is Kind.TAGS:
        value = f"fr_add_tags({value}, '[]')"
    elif type_.kind in {Kind.TEXT, Kind.ENUM}:
        value = f"nullif({value}, '')"
    field = flow.fields.get(name)
    if field is not None and field.default is not None:
        value = f"coalesce({value}, {stored_literal(field)})"
    return value
