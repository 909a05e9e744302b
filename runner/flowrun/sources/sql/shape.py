"""The table of deals as the database itself describes it: a closed map from its columns to what they are to flowrun.

Every name of a table or column that ever gets into SQL is one that stood in that description, quoted. What the options
name and the description lacks is an error, with all names that are there close to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Cast,
    Column,
    ColumnElement,
    Connection,
    Inspector,
    MetaData,
    Table,
    Text,
    cast,
    collate,
    func,
    inspect,
    literal_column,
    text,
    types,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.sql.type_api import TypeEngine

from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow
from flowrun.sources.sql.options import Notice, SqlBlock
from flowrun.sources.sql.values import TEMPORAL, TEXTUAL, Sort
from flowrun.store.deals import types as settable

ENTERED_AT = "entered_at"

_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite"}
_OLDEST = {"PostgreSQL": (13,), "MySQL": (8,), "MariaDB": (10, 6), "SQLite": (3, 35)}
"""They pass over rows that are locked, and never count a number twice in an outbox."""
_TRANSACTIONAL = frozenset({"innodb", "xtradb", "rocksdb", "ndbcluster", "ndb", "tokudb"})
_IDS = TEXTUAL | {Sort.INTEGER, Sort.DECIMAL, Sort.UUID}


class AsItIs(types.UserDefinedType[Any]):
    """The type of each column: values go in and out as the driver has them, and a text that is bound has no type of its
    own, so that the database reads it as what it is compared with."""

    cache_ok = True

    def coerce_compared_value(self, op: object, value: Any) -> TypeEngine[Any]:  # noqa: ARG002
        """Itself, where others would go by the Python type of the value."""
        return self


@dataclass(frozen=True, slots=True)
class Cell:
    """A column. `computed`: the database makes its value; `given`: the database has one for rows that bring none."""

    name: str
    sort: Sort
    nullable: bool
    computed: bool
    given: bool
    column: Column[Any]

    def read(self, database: str) -> ColumnElement[Any]:
        """The column as it is selected: dates and times as text (`sql.values`)."""
        if self.sort not in TEMPORAL or database == "sqlite":
            return self.column
        found: Cast[Any] = cast(self.column, Text if database == "postgresql" else types.CHAR)
        return found.label(self.name)


@dataclass(frozen=True, slots=True)
class Shape:
    """The table or view, and which column is what. `fields` are the cells by our field (`entered_at` too)."""

    database: str
    table: Table
    is_view: bool
    id: Cell
    stage: Cell
    fields: Mapping[str, Cell]
    deleted: Cell | None
    changed_at: Cell | None
    key: Cell | None

    @property
    def cells(self) -> Mapping[str, Cell]:
        """Every cell that is read, by its column's name."""
        found = [self.id, self.stage, *self.fields.values(), self.deleted, self.changed_at, self.key]
        return {one.name: one for one in found if one is not None}

    @property
    def own_ids(self) -> bool:
        """Whether a copy's id is the database's, or that of a UUID made here: flowrun's own ids don't fit."""
        return self.id.given or self.id.sort not in TEXTUAL

    def is_exactly(self, text: str) -> ColumnElement[bool]:
        """That the id is that text by every character, whatever the column's collation takes for equal."""
        column: ColumnElement[Any] = self.id.column
        if self.id.sort not in TEXTUAL:
            return column.is_not(None)
        if self.database == "mysql":
            return func.hex(func.convert(column.op("USING")(_UTF8))) == text.encode().hex().upper()
        if self.database == "postgresql":
            return collate(cast(column, Text), "C") == text
        return collate(column, "BINARY") == text


_UTF8: ColumnElement[Any] = literal_column("utf8mb4")


def described(connection: Connection, options: SqlBlock, flow: Flow) -> Shape:
    """The table of these options. Raises WorkFailed with what is wrong with it, or with the options."""
    inspector = inspect(connection)
    database = _database(connection)
    name, schema = str(options.table), _schema(inspector, options, database)
    if not inspector.has_table(name, schema=schema):
        there = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        raise WorkFailed(f"there is no table or view '{excerpt(name)}'{_in(schema)}", did_you_mean(name, there))
    is_view = name not in inspector.get_table_names(schema)
    cells = {one.name: one for one in _cells(inspector, name, schema)}
    table = Table(
        quoted_name(name, quote=True),
        MetaData(),
        *(cell.column for cell in cells.values()),
        schema=None if schema is None else quoted_name(schema, quote=True),
    )

    def cell(wanted: str, key: str) -> Cell:
        if wanted not in cells:
            hint = did_you_mean(wanted, cells) or f"its columns are {excerpt(', '.join(cells), 300)}"
            raise WorkFailed(f"'{name}' has no column '{excerpt(wanted)}', which `{key}` names", hint)
        return cells[wanted]

    def optional(wanted: str | None, key: str) -> Cell | None:
        return None if wanted is None else cell(wanted, key)

    shape = Shape(
        database=database,
        table=table,
        is_view=is_view,
        id=cell(str(options.id), "id"),
        stage=cell(str(options.stage), "stage"),
        fields=_fields(options, flow, cell),
        deleted=optional(options.deleted, "deleted"),
        changed_at=optional(options.changed_at, "changed_at"),
        key=optional(options.key, "key"),
    )
    _check(shape, options, name)
    if not is_view:
        _check_table(inspector, shape, name, schema)
    return shape


def _database(connection: Connection) -> str:
    dialect = connection.dialect
    name = "MariaDB" if getattr(dialect, "is_mariadb", False) else _NAMES[dialect.name]
    found = dialect.server_version_info or ()
    if found < _OLDEST[name]:
        version, needed = (".".join(map(str, one)) for one in (found, _OLDEST[name]))
        raise WorkFailed(f"the database is {name} {version}; flowrun needs {needed} or newer")
    return "mysql" if name == "MariaDB" else dialect.name


def _schema(inspector: Inspector, options: SqlBlock, database: str) -> str | None:
    if options.in_schema is not None:
        return str(options.in_schema)
    # Said outright: another connection, such as the store's, may look elsewhere first.
    return inspector.default_schema_name if database == "postgresql" else None


def _in(schema: str | None) -> str:
    return "" if schema is None else f" in the schema '{excerpt(schema)}'"


def _cells(inspector: Inspector, name: str, schema: str | None) -> Iterator[Cell]:
    primary = inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
    json = _mariadb_json(inspector, name, schema)
    for one in inspector.get_columns(name, schema=schema):
        sort = Sort.JSON if one["name"] in json else sort_of(one["type"])
        counted = bool(one.get("identity")) or one.get("autoincrement") is True
        rowid = inspector.dialect.name == "sqlite" and primary == [one["name"]] and sort is Sort.INTEGER
        yield Cell(
            name=one["name"],
            sort=sort,
            nullable=bool(one.get("nullable", True)),
            computed=one.get("computed") is not None,
            given=counted or rowid or one.get("default") is not None,
            column=Column(quoted_name(one["name"], quote=True), AsItIs()),
        )


def _mariadb_json(inspector: Inspector, name: str, schema: str | None) -> frozenset[str]:
    """MariaDB: the columns of JSON, which there are texts with a condition."""
    if not getattr(inspector.dialect, "is_mariadb", False):
        return frozenset()
    asked = text(
        "SELECT constraint_name FROM information_schema.check_constraints WHERE level = 'Column' "
        "AND check_clause LIKE 'json_valid(%' AND table_name = :name "
        "AND constraint_schema = COALESCE(:schema, DATABASE())"
    )
    connection = inspector.bind
    assert isinstance(connection, Connection)
    return frozenset(connection.execute(asked, {"name": name, "schema": schema}).scalars())


def sort_of(type_: TypeEngine[Any]) -> Sort:
    """What a column of that type of the database holds."""
    match type_:
        case mysql.TINYINT(display_width=1) | types.Boolean():
            return Sort.BOOLEAN
        case mysql.BIT() | postgresql.BIT():
            return Sort.BITS
        case mysql.SET():
            return Sort.SET
        case mysql.TIMESTAMP():
            return Sort.INSTANT
        case types.Integer():
            return Sort.INTEGER
        case types.Float():
            return Sort.FLOAT
        case types.Numeric():
            return Sort.DECIMAL
        case types.DateTime():
            return Sort.INSTANT if type_.timezone else Sort.LOCAL
        case types.Date():
            return Sort.DATE
        case types.Uuid():
            return Sort.UUID
        case types.ARRAY():
            return Sort.ARRAY
        case types.JSON():
            return Sort.JSON
        case types.CHAR():
            return Sort.CHAR
        case types.String():
            return Sort.TEXT
        case _:
            return Sort.OTHER


def _fields(options: SqlBlock, flow: Flow, cell: Any) -> dict[str, Cell]:
    known = [*settable(flow), ENTERED_AT]
    found: dict[str, Cell] = {}
    for column, target in options.columns.items():
        name = str(target)
        if name not in known:
            raise WorkFailed(f"a deal has no field '{excerpt(name)}', which `columns` names", did_you_mean(name, known))
        if name in found:
            raise WorkFailed(f"`columns` has two columns for '{name}'", "leave one of them out")
        found[name] = cell(str(column), "columns")
    return found


def _check(shape: Shape, options: SqlBlock, name: str) -> None:
    if shape.id.sort not in _IDS:
        raise WorkFailed(f"the column '{shape.id.name}' holds no ids: expected whole numbers, texts or UUIDs")
    if options.notice is Notice.TIMESTAMP:
        if shape.changed_at is None:
            raise WorkFailed("`notice: timestamp` needs `changed_at`: the column with the time of the last change")
        if shape.changed_at.sort not in {Sort.INSTANT, Sort.LOCAL}:
            raise WorkFailed(
                f"the column '{shape.changed_at.name}', which `changed_at` names, holds no dates and times"
            )
    elif shape.changed_at is not None:
        raise WorkFailed("`changed_at` is for `notice: timestamp`")
    if options.notice is Notice.OUTBOX and shape.is_view:
        raise WorkFailed(
            f"'{name}' is a view, and views have no triggers", "name the table, or choose another `notice`"
        )
    if shape.key is not None and shape.key.sort not in TEXTUAL:
        raise WorkFailed(f"the column '{shape.key.name}', which `key` names, must hold texts of 64 characters")


def _check_table(inspector: Inspector, shape: Shape, name: str, schema: str | None) -> None:
    unique = list(_unique(inspector, name, schema))
    if (shape.id.name,) not in unique:
        raise WorkFailed(
            f"the column '{shape.id.name}' may hold an id twice",
            "a unique index on it makes it fit to tell deals apart",
        )
    if shape.key is not None and (shape.key.name,) not in unique:
        raise WorkFailed(
            f"the column '{shape.key.name}', which `key` names, may hold a key twice",
            "a unique index on it keeps a copy from being made twice",
        )
    if shape.database == "mysql":
        engine = str(inspector.get_table_options(name, schema=schema).get("mysql_engine", "InnoDB"))
        if engine.lower() not in _TRANSACTIONAL:
            raise WorkFailed(f"'{name}' is a table of {engine}, which has no transactions", "convert it to InnoDB")


def _unique(inspector: Inspector, name: str, schema: str | None) -> Iterator[tuple[str | None, ...]]:
    yield tuple(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])
    for constraint in inspector.get_unique_constraints(name, schema=schema):
        yield tuple(constraint["column_names"])
    every = {"include_auto_indexes": True} if inspector.dialect.name == "sqlite" else {}
    for index in inspector.get_indexes(name, schema=schema, **every):
        if index.get("unique"):
            yield tuple(index["column_names"])
