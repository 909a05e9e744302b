"""The columns of `deals` that hold fields: added, renamed, converted, set aside and dropped as flows come and go.

A field that is removed, or whose type becomes another, leaves its values behind in a column that no flow sees. It is
*set aside* under a name that no field can have and that says what is in it: `_was_decimal2_amount_7` are the values
that `amount`, a decimal of 2 places, had under revision 7, the last that declared it so. The values come back when the
field does, until `prune --fields` drops the column: the latest ones; and where those were made of values of the type
that it has now, and nobody has changed them since, these.

What a value becomes is said once, by `succession`; it serves `apply`, which writes it, and the rails, which count what
would be lost before anything is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Text, inspect, select
from sqlalchemy.exc import DBAPIError

from flowrun.errors import WorkFailed
from flowrun.expr.convert import keeps_all
from flowrun.expr.types import DIGITS, Kind, Type
from flowrun.flow.model import Field, Flow
from flowrun.store import revisions
from flowrun.store.ddl import differs, drop_indexes_on, quoted, run, stored_literal, text_literal
from flowrun.store.dependents import dependents, staying
from flowrun.store.revisions import Revision
from flowrun.store.tables import builtin_columns, column_type
from flowrun.store.tables import revisions as revisions_table

_NAME = re.compile(rf"_was_({'|'.join(Kind)})(\d?)_(.+)_(\d+)")
_COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_xinfo('deals')",
    "postgresql": "SELECT attname FROM pg_attribute WHERE attrelid = 'deals'::regclass AND attnum > 0 "
    "AND NOT attisdropped",
}
_OWN = frozenset(column.name for column in builtin_columns())


@dataclass(frozen=True, slots=True)
class Aside:
    """A column set aside: the values of a field, of that type (an enum without its values), as of that revision."""

    column: str
    field: str
    type: Type
    revision: int


def present(connection: Connection) -> frozenset[str]:
    """The columns of `deals`, other than those of every flow.

    It is the table that a statement would find which names no schema: beside a scratch, the live one.
    """
    names = run(connection, _COLUMNS[connection.dialect.name]).scalars()
    return frozenset(names) - _OWN


def asides(columns: Iterable[str], renamed: Mapping[str, str] | None = None) -> dict[str, tuple[Aside, ...]]:
    """Those of the columns that are set aside, by field (by its new id where it is `renamed`), the latest first."""
    new_ids = renamed or {}
    found: dict[str, list[Aside]] = {}
    for column in sorted(columns):
        if match := _NAME.fullmatch(column):
            kind, places, field, revision = match.groups()
            aside = Aside(column, field, Type(Kind(kind), int(places or 0)), int(revision))
            found.setdefault(new_ids.get(field, field), []).append(aside)
    return {field: tuple(sorted(some, key=lambda aside: -aside.revision)) for field, some in found.items()}


def unseen(connection: Connection, flow: Flow) -> tuple[Aside, ...]:
    """The columns of `deals` with values of fields that the flow (the applied one) doesn't declare, or not so: those
    set aside, and plain ones that an older flowrun left. Columns that no revision knows are other programs' own."""
    columns = present(connection)
    found = [aside for some in asides(columns).values() for aside in some]
    for column in sorted(columns - flow.fields.keys()):
        if not column.startswith("_") and (declared := _last_declared(connection, column)):
            field, number = declared
            found.append(Aside(column, field.id, field.type, number))
    return tuple(found)


def foreign(connection: Connection, base: Flow, wanted: Flow) -> tuple[str, ...]:
    """The columns of `deals` that other programs made and that have the name of a field of `wanted`, in any case of
    letters: SQLite knows no difference. `base` is the applied flow."""
    found = sorted(present(connection) - base.fields.keys())
    same = [column for column in found if not column.startswith("_") and column.lower() in wanted.fields]
    return tuple(column for column in same if _last_declared(connection, column) is None)


def coming_back(connection: Connection, base: Flow, wanted: Flow, renamed: Mapping[str, str]) -> dict[str, str]:
    """What deals get in the fields that come back if `wanted` takes the place of `base`, as SQL by field.

    `base` is the applied flow, `renamed` are the fields' renames. Defaults are not in it.
    """
    columns = present(connection)
    found = asides(columns, renamed)
    known = {renamed.get(id_, id_) for id_ in base.fields}
    values: dict[str, str] = {}
    for field in wanted.fields.values():
        latest = next(iter(found.get(field.id, ())), None)
        if field.id in known:
            continue
        if field.id in columns and (declared := _last_declared(connection, field.id)):
            latest = Aside(field.id, field.id, declared[0].type, declared[1])
        if latest is not None:
            old = Field(field.id, latest.type)
            values[field.id] = succession(old, field, latest.column, to_come_back(field, found), wanted.timezone)
    return values


def succession(old: Field, new: Field, column: str, aside: Aside | None, zone: str) -> str:
    """What becomes of a field's stored value, as SQL; NULL where nothing of it is left. Defaults are not in it.

    `column` has the values of `old`. `aside` (None: there is none) has those from when the field was of the new type
    already: they are taken for deals whose value is still the one that was made of it then.
    """
    kept = _converted(column, old.type, new.type, zone)
    if aside is None or old.type.kind is new.type.kind:
        return kept
    then = f"coalesce({_converted(aside.column, aside.type, old.type, zone)}, {stored_literal(old)})"
    same = f"({quoted(column)} = {then} OR ({quoted(column)} IS NULL AND {then} IS NULL))"
    untouched = f"{quoted(aside.column)} IS NOT NULL AND {same}"
    return f"CASE WHEN {untouched} THEN {_converted(aside.column, aside.type, new.type, zone)} ELSE {kept} END"


def to_come_back(field: Field, found: Mapping[str, tuple[Aside, ...]]) -> Aside | None:
    """The column set aside with the field's values of the same type, the latest one."""
    return next((aside for aside in found.get(field.id, ()) if aside.type.kind is field.type.kind), None)


def install(connection: Connection, base: Revision | None, flow: Flow, renamed: Mapping[str, str]) -> None:
    """Have a column for each of the flow's fields, with the values that it takes over from `base`, the applied revision
    (None: the first is being applied). `renamed` are the fields' renames. The triggers must be off.
    """
    builder = _Builder(connection, flow)
    number = 0 if base is None else base.number
    before = {} if base is None else {renamed.get(id_, id_): field for id_, field in base.flow.fields.items()}
    known = set() if base is None else set(base.flow.fields)
    for column in sorted(builder.columns - known):
        if declared := None if column.startswith("_") else _last_declared(connection, column):
            builder.set_aside(*declared)
        elif column.lower() in flow.fields:
            builder.put_out_of_the_way(column, number)
    for old, new in renamed.items():
        builder.rename_field(old, new)
    for id_, field in before.items():
        if id_ not in flow.fields:
            builder.set_aside(replace(field, id=id_), number)
    for field in flow.fields.values():
        old_field = before.get(field.id)
        builder.take_over(None if old_field is None else replace(old_field, id=field.id), field, number)


def drop(connection: Connection, column: str) -> None:
    """Drop a column, and the indexes that have it. Raises WorkFailed where something of another program forbids it."""
    drop_indexes_on(connection, column)
    for one in dependents(connection, column):
        if one.kind == "index":  # one that has it in an expression or a condition
            run(connection, f"DROP INDEX {quoted(one.name)}")
    _alter(connection, f"DROP COLUMN {quoted(column)}")


def _alter(connection: Connection, change: str) -> None:
    try:
        run(connection, f"ALTER TABLE deals {change}")
    except DBAPIError as error:
        raise WorkFailed(
            f"the table 'deals' can't be changed: {error.orig}",
            "a view, trigger or index that another program made is in the way: drop or change it first",
        ) from error


class _Builder:
    """Makes the columns of one flow."""

    def __init__(self, connection: Connection, flow: Flow) -> None:
        self._connection = connection
        self._zone = flow.timezone
        self.columns = set(present(connection))

    def rename_field(self, old: str, new: str) -> None:
        """Give a field's column, and those set aside for it, the new name."""
        self._rename(old, new)
        for aside in asides(self.columns).get(old, ()):
            name = _set_aside_name(Field(new, aside.type), aside.revision)
            if name not in self.columns:
                self._rename(aside.column, name)

    def set_aside(self, field: Field, number: int) -> str:
        """Set the field's column aside; the name that it has then."""
        name = _set_aside_name(field, number)
        self._rename(field.id, name)
        return name

    def put_out_of_the_way(self, column: str, number: int) -> None:
        """Rename a column that nobody knows: another program's own. The rails see to it that it holds nothing."""
        self._rename(column, f"_former_{column}_{number}")

    def take_over(self, old: Field | None, new: Field, number: int) -> None:
        """Have the column of `new`, with the values of `old` (None: the field is new, or comes back)."""
        found = asides(self.columns)
        latest = next(iter(found.get(new.id, ())), None)
        if old is not None and old.type.kind is new.type.kind:
            if not keeps_all(old.type, new.type) or (old.default is None and new.default is not None):
                self._fill(new, succession(old, new, new.id, None, self._zone))
        elif old is not None:
            with staying(self._connection, new.id):
                self._convert(old, self.set_aside(old, number), new, to_come_back(new, found))
        elif latest is None:
            self._add(new)
        elif latest.type.kind is new.type.kind:
            self._rename(latest.column, new.id)
            self._fill(new, _converted(new.id, latest.type, new.type, self._zone))
        else:
            self._convert(Field(new.id, latest.type), latest.column, new, to_come_back(new, found))
        self._keep_default(new)

    def _convert(self, old: Field, column: str, new: Field, aside: Aside | None) -> None:
        """Have the column of `new` with what becomes of the values of `old`, of another type, in that column."""
        if aside is None:
            self._add(new)
        else:
            self._rename(aside.column, new.id)
            aside = replace(aside, column=new.id)
        self._fill(new, succession(old, new, column, aside, self._zone))

    def _fill(self, field: Field, value: str) -> None:
        if field.default is not None:
            value = f"coalesce({value}, {stored_literal(field)})"
        name = quoted(field.id)
        run(self._connection, f"UPDATE deals SET {name} = {value} WHERE {differs(name, value)}")

    def _keep_default(self, field: Field) -> None:
        """Have the column's own default, which other programs' inserts get, be that of the field.

        SQLite can't change it. A value that it gives looks to the triggers like a given one.
        """
        if self._connection.dialect.name == "postgresql":
            _alter(self._connection, f"ALTER COLUMN {quoted(field.id)} SET DEFAULT {stored_literal(field)}")
            return
        columns = inspect(self._connection).get_columns("deals")
        default = next(column["default"] for column in columns if column["name"] == field.id)
        if (default or "NULL") == stored_literal(field):
            return
        former = f"_former_{field.id}"
        with staying(self._connection, field.id):
            self._rename(field.id, former)
            self._add(field)
            run(self._connection, f"UPDATE deals SET {quoted(field.id)} = {quoted(former)}")
            drop(self._connection, former)
        self.columns.discard(former)

    def _add(self, field: Field) -> None:
        type_ = column_type(field.type.kind).compile(dialect=self._connection.dialect)
        default = f" DEFAULT {stored_literal(field)}" if field.default is not None else ""
        _alter(self._connection, f"ADD COLUMN {quoted(field.id)} {type_}{default}")
        self.columns.add(field.id)

    def _rename(self, old: str, new: str) -> None:
        # The engine's indexes are named for their columns, and are made anew.
        drop_indexes_on(self._connection, old, "engine_")
        _alter(self._connection, f"RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        self.columns.remove(old)
        self.columns.add(new)


def _set_aside_name(field: Field, number: int) -> str:
    places = field.type.places if field.type.kind is Kind.DECIMAL else ""
    return f"_was_{field.type.kind}{places}_{field.id}_{number}"


def _converted(column: str, old: Type, new: Type, zone: str) -> str:
    if keeps_all(old, new):
        return quoted(column)
    if (plain := _plainly_converted(quoted(column), old, new)) is not None:
        return plain
    types = ", ".join(text_literal(type_text(one)) for one in (old, new))
    made = f"fr_converted({quoted(column)}, {types}, {text_literal(zone)})"
    type_ = column_type(new.kind)
    # PostgreSQL's function gives a text, whatever the type.
    return made if isinstance(type_, Text) else f"CAST({made} AS {type_.compile()})"


def _plainly_converted(value: str, old: Type, new: Type) -> str | None:
    """`expr.convert.converted` as SQL alone, where that can say it: a call of Python for each of a million deals takes
    most of a minute. None where it can't."""
    match old.kind, new.kind:
        case Kind.ENUM, Kind.ENUM:
            return f"CASE WHEN {value} IN ({', '.join(map(text_literal, new.values))}) THEN {value} END"
        case Kind.DECIMAL, Kind.INTEGER:
            unit = 10**old.places
            return f"CASE WHEN CAST({value} AS BIGINT) = {value} AND {value} % {unit} = 0 THEN {value} / {unit} END"
        case ((Kind.DECIMAL | Kind.INTEGER), Kind.DECIMAL) if new.places >= old.places:
            unit = 10 ** (new.places - old.places)
            most = (10**DIGITS - 1) // unit
            fits = f"CAST({value} AS BIGINT) = {value} AND {value} BETWEEN -{most} AND {most}"
            return f"CASE WHEN {fits} THEN {value} * {unit} END"
        case Kind.DECIMAL, Kind.DECIMAL:
            unit = 10 ** (old.places - new.places)
            whole, twice = f"{value} / {unit}", f"abs({value} % {unit}) * 2"
            up = f"CASE WHEN {twice} > {unit} OR ({twice} = {unit} AND {whole} % 2 <> 0) THEN 1 ELSE 0 END"
            away = f"({up}) * (CASE WHEN {value} > 0 THEN 1 ELSE -1 END)"
            return f"CASE WHEN CAST({value} AS BIGINT) = {value} THEN {whole} + {away} END"
        case _:
            return None


def type_text(type_: Type) -> str:
    """A type as a function of the database takes it."""
    return json.dumps([type_.kind, type_.places, type_.values], ensure_ascii=False)


def _last_declared(connection: Connection, id_: str) -> tuple[Field, int] | None:
    """The field as the latest revision had it that declared it, and that revision; None where none is kept."""
    numbers = connection.execute(select(revisions_table.c.number).order_by(revisions_table.c.number.desc()))
    for number in numbers.scalars().all():
        field = revisions.revision(connection, number).flow.fields.get(id_)
        if field is not None:
            return field, number
    return None
