"""The SQL that prepares a database: the table for keys of firings, the outbox, and the triggers that fill it.

What the triggers must never do is make a program's own write fail, wait, or look different to it. So they only insert,
with the rights of whoever installed them; ids are cut off rather than refused; and on PostgreSQL no sequence is used,
since `lastval()`, by which some programs learn the id of the row they made, would then tell of the outbox's.

There `seq` is the number of the transaction: all of its rows appear at once, when it commits. Elsewhere it counts rows.
Numbers are never used twice (AUTOINCREMENT; MySQL 8, MariaDB 10.6 keep their counters), so a number that was seen and
is deleted, perhaps a second time, can't be that of a later change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from flowrun.sources.sql.options import SqlBlock
from flowrun.sources.sql.shape import Shape

_LONGEST = 255
"""Characters of an id in the outbox: more than the id of a deal may have."""
_TRUNCATED = 40


@dataclass(frozen=True, slots=True)
class Names:
    """What flowrun's own things in the database are called, and in which schema (None: that of the connection)."""

    schema: str | None
    outbox: str
    keys: str

    @classmethod
    def of(cls, options: SqlBlock, shape: Shape) -> Names:
        """The names by these options."""
        table = str(shape.table.name)
        outbox = str(options.outbox) if options.outbox is not None else f"flowrun_outbox_{table[:_TRUNCATED]}"
        return cls(None if shape.table.schema is None else str(shape.table.schema), outbox, str(options.keys))

    def trigger(self, event: str) -> str:
        """The name of the trigger for `insert`, `update`, `delete` or `truncate`."""
        return f"{self.outbox[:50]}_{event}"


def events(database: str) -> Sequence[str]:
    """The events that have a trigger each."""
    return ("insert", "update", "delete", "truncate") if database == "postgresql" else ("insert", "update", "delete")


def quoted(database: str, name: str, schema: str | None = None) -> str:
    """A name in SQL."""
    sign = "`" if database == "mysql" else '"'
    return ".".join(f"{sign}{one.replace(sign, sign * 2)}{sign}" for one in (schema, name) if one is not None)


def keys_table(shape: Shape, names: Names) -> str:
    """The table for keys of firings."""
    name = quoted(shape.database, names.keys, names.schema)
    match shape.database:
        case "postgresql":
            columns = "firing text PRIMARY KEY, deal text NOT NULL, done_at timestamptz NOT NULL DEFAULT now()"
            return f"CREATE TABLE {name} ({columns})"
        case "mysql":
            columns = (
                "firing VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, "
                f"deal VARCHAR({_LONGEST}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, "
                "done_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
            )
            return f"CREATE TABLE {name} ({columns}) ENGINE=InnoDB"
    columns = "firing TEXT NOT NULL PRIMARY KEY, deal TEXT NOT NULL, done_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP"
    return f"CREATE TABLE {name} ({columns})"


def outbox_table(shape: Shape, names: Names) -> str:
    """The outbox."""
    name = quoted(shape.database, names.outbox, names.schema)
    match shape.database:
        case "postgresql":
            columns = 'seq bigint NOT NULL, deal text COLLATE "C" NOT NULL, PRIMARY KEY (seq, deal)'
            return f"CREATE TABLE {name} ({columns})"
        case "mysql":
            columns = (
                "seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
                f"deal VARCHAR({_LONGEST}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
            )
            return f"CREATE TABLE {name} ({columns}) ENGINE=InnoDB"
    return f"CREATE TABLE {name} (seq INTEGER PRIMARY KEY AUTOINCREMENT, deal TEXT NOT NULL)"


def trigger(shape: Shape, names: Names, event: str) -> str:
    """The trigger for that event."""
    name = quoted(shape.database, names.trigger(event))
    table = quoted(shape.database, str(shape.table.name), names.schema)
    outbox = quoted(shape.database, names.outbox, names.schema)
    column = quoted(shape.database, shape.id.name)
    match shape.database:
        case "postgresql":
            function = quoted(shape.database, names.outbox, names.schema)
            when, each = ("BEFORE", "STATEMENT") if event == "truncate" else ("AFTER", "ROW")
            return (
                f"CREATE TRIGGER {name} {when} {event.upper()} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"
            )
        case "mysql":
            old, new = (_mysql_id(f"{row}.{column}") for row in ("OLD", "NEW"))
            old_id, new_id = (f"INSERT INTO {outbox} (deal) VALUES ({one})" for one in (old, new))
            body = {
                "insert": new_id,
                "update": f"BEGIN {new_id}; IF NOT (HEX({old}) <=> HEX({new})) THEN {old_id}; END IF; END",
                "delete": old_id,
            }[event]
            # A trigger stands in the schema of its table.
            name = quoted(shape.database, names.trigger(event), names.schema)
            return f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} FOR EACH ROW {body}"
    old_id, new_id = (
        f"INSERT INTO {outbox} (deal) SELECT CAST({row}.{column} AS TEXT) WHERE {row}.{column} IS NOT NULL"
        for row in ("OLD", "NEW")
    )
    renamed = f"{old_id} AND OLD.{column} IS NOT NEW.{column}"
    body = {"insert": f"{new_id};", "update": f"{new_id}; {renamed};", "delete": f"{old_id};"}[event]
    return f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} FOR EACH ROW BEGIN {body} END"


def _mysql_id(value: str) -> str:
    return f"LEFT(COALESCE(CONVERT({value} USING utf8mb4), ''), {_LONGEST})"


def function(shape: Shape, names: Names) -> str:
    """PostgreSQL: what its triggers call."""
    table = quoted(shape.database, str(shape.table.name), names.schema)
    outbox = quoted(shape.database, names.outbox, names.schema)
    column = quoted(shape.database, shape.id.name)
    note = f"INSERT INTO {outbox} (seq, deal) {{}} ON CONFLICT DO NOTHING"
    one = f"VALUES (txid_current(), left(coalesce({{}}.{column}::text, ''), {_LONGEST}))"
    every = note.format(f"SELECT txid_current(), left({column}::text, {_LONGEST}) FROM {table}")
    return (
        f"CREATE FUNCTION {outbox}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "SET search_path = pg_catalog, pg_temp AS $flowrun$ BEGIN "
        f"IF TG_OP = 'TRUNCATE' THEN {every}; RETURN NULL; END IF; "
        f"IF TG_OP <> 'DELETE' THEN {note.format(one.format('NEW'))}; END IF; "
        f"IF TG_OP <> 'INSERT' THEN {note.format(one.format('OLD'))}; END IF; "
        "RETURN NULL; END $flowrun$"
    )


def private(shape: Shape, names: Names) -> str:
    """PostgreSQL: nobody else can have a trigger call it."""
    return f"REVOKE ALL ON FUNCTION {quoted(shape.database, names.outbox, names.schema)}() FROM PUBLIC"


def always(shape: Shape, names: Names, event: str) -> str:
    """PostgreSQL: the trigger fires for what replication brings, too."""
    table = quoted(shape.database, str(shape.table.name), names.schema)
    return f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quoted(shape.database, names.trigger(event))}"


def removal(shape: Shape, names: Names, there: frozenset[str]) -> Iterator[str]:
    """What takes triggers, function and outbox away, as far as they are there. The keys stay: firings rest on them."""
    table = quoted(shape.database, str(shape.table.name), names.schema)
    for event in events(shape.database):
        if names.trigger(event) in there:
            if shape.database == "postgresql":
                yield f"DROP TRIGGER {quoted(shape.database, names.trigger(event))} ON {table}"
            else:
                yield f"DROP TRIGGER {quoted(shape.database, names.trigger(event), names.schema)}"
    outbox = quoted(shape.database, names.outbox, names.schema)
    if shape.database == "postgresql":
        yield f"DROP FUNCTION IF EXISTS {outbox}()"
    yield f"DROP TABLE IF EXISTS {outbox}"


_THERE = {
    "postgresql": (
        "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n "
        "ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name AND t.tgenabled IN ('A', 'O')"
    ),
    "mysql": (
        "SELECT trigger_name FROM information_schema.triggers WHERE event_object_table = :name "
        "AND event_object_schema = COALESCE(:schema, DATABASE())"
    ),
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name AND :schema IS NULL",
}


def there(connection: Connection, shape: Shape, names: Names) -> frozenset[str]:
    """The names of the table's triggers."""
    found = connection.execute(text(_THERE[shape.database]), {"schema": names.schema, "name": str(shape.table.name)})
    return frozenset(str(one) for one in found.scalars())
