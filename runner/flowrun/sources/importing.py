"""Importing: batches of rows into the store, set-based, one transaction a batch.

A batch is put into a temporary table, held against the deals there, and then a handful of statements do the rest,
however many rows it has. New deals are inserted with their entry started and queued by the same rules as the
triggers' (`store.schema`), which therefore cost nothing; deals that exist are updated only where they differ, and
there the triggers do their work as for anyone else's UPDATE.

A stage is set only where the row's differs from the one last imported for that deal, which `deals._imported` keeps:
so importing again never fights the tunnels. Where nothing was imported for a deal yet, its stage stays, and the row's
is remembered.

One transaction a batch, not one for the file: other programs and the runner get their turn, and the log stays small.
An import that is interrupted has done whole batches; running it again does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    and_,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from flowrun.errors import WorkFailed
from flowrun.expr.portable import position
from flowrun.expr.types import Type
from flowrun.expr.values import encode
from flowrun.flow.model import Flow, Pipeline, Stage
from flowrun.plan.identity import renames
from flowrun.sources.batches import Batch
from flowrun.sources.cells import Stored
from flowrun.store.connection import Store, Transaction
from flowrun.store.ddl import quoted_list
from flowrun.store.deals import types
from flowrun.store.revisions import Revision
from flowrun.store.tables import Number, Text, column_type, deals_table, firings, flowrun, queue, routes
from flowrun.store.upsert import upsert

_DIFFERS, _MOVES, _KEEPS, _LAST = 1, 2, 4, 8
"""What a row does to a deal that exists: changes fields, sets the stage, leaves another stage, was last imported."""

_seen = Table(
    "seen",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("line", Integer, nullable=False),
    sqlite_with_rowid=False,
    prefixes=["TEMPORARY"],
)
"""The ids of the file so far, with the line that each came in first."""


@dataclass(slots=True)
class Tally:
    """How many rows did what. A row may change fields and set the stage; `kept` are rows that left another stage."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    unchanged: int = 0
    kept: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken."""

    line: int
    cells: Sequence[str]
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `rejects` is the file of the rows that were not taken, None if all were; `examples` are some
    of these rows."""

    tally: Tally
    rejects: Path | None
    examples: Sequence[Reject]


class Importer:
    """Imports the batches of one file over one connection, under the revision that it started with."""

    def __init__(self, store: Store, connection: Connection, revision: Revision, *, restage: bool) -> None:
        self.tally = Tally()
        self._store = store
        self._connection = connection
        self._revision = revision
        self._statements = _Statements(revision.flow, restage=restage)
        with store.read(connection):
            for table in (self._statements.incoming, _seen):
                temporary = "pg_temp" if connection.dialect.name == "postgresql" else "temp"
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {temporary}.{table.name}")
                table.create(connection, checkfirst=False)

    def take(self, batch: Batch) -> list[Reject]:
        """Import a batch; the rows that were not taken, by line.

        Raises WorkFailed if another revision has been applied since the import began.
        """
        with self._store.write(self._connection) as transaction:
            tally = self._import(transaction, batch)
        for name in Tally.__slots__:
            setattr(self.tally, name, getattr(self.tally, name) + getattr(tally, name))
        return [Reject(line, batch.originals.get(line, ()), reasons) for line, reasons in sorted(batch.faults.items())]

    def _import(self, transaction: Transaction, batch: Batch) -> Tally:
        connection, do = transaction.connection, self._statements
        if connection.execute(select(flowrun.c.revision)).scalar_one() != self._revision.number:
            message = "another revision was applied while this import ran; what was imported so far stays"
            raise WorkFailed(message, "run the import again")
        tally = Tally(rows=len(batch.originals))
        _note_repeated(connection, batch)
        do.stage(connection, batch)
        for line, id_ in connection.execute(do.unfit):
            copy = "~" in id_
            batch.fault(line, f"'{id_}' is no deal, and only flowrun makes ids with a '~'" if copy else _NO_STAGE)
        connection.execute(delete(do.incoming).where(do.is_unfit))
        names = tuple(name for name in types(self._revision.flow) if name in batch.columns)
        connection.execute(do.marking(names))
        for mark, count in connection.execute(do.marks):
            tally.changed += count if mark & _DIFFERS else 0
            tally.moved += count if mark & _MOVES else 0
            tally.kept += count if mark & _KEEPS else 0
            tally.unchanged += 0 if mark & (_DIFFERS | _MOVES) else count
        now = transaction.now
        if tally.changed:
            connection.execute(do.changing(names, now))
        if tally.moved:
            connection.execute(do.moving)
        connection.execute(do.remembering)
        last = connection.execute(do.last).scalar_one()
        tally.added = connection.execute(do.adding(now)).rowcount
        if tally.added:
            connection.execute(do.queueing(last, now))
        tally.rejected = len(batch.faults)
        return tally


_NO_STAGE = "there is no deal of that id, and a new one needs a stage"


def _note_repeated(connection: Connection, batch: Batch) -> None:
    """Faults the rows whose id came before in the file, also in a row that was not taken."""
    ids = [(id_, line) for id_, line in zip(batch.ids, batch.lines, strict=True) if id_]
    if not ids:
        return
    rows = [{"id": id_, "line": line} for id_, line in ids]
    done = connection.execute(upsert(_seen).on_conflict_do_nothing(), rows)
    if done.rowcount == len(ids):
        return
    for id_, line in ids:
        first = connection.execute(select(_seen.c.line).where(_seen.c.id == id_)).scalar_one()
        if first != line:
            batch.fault(line, f"the id '{id_}' came before, in line {first}")


def _fill(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Stored, ...]]) -> None:
    """Put the rows into the table, past what SQLAlchemy does for each."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({quoted_list(names)}) FROM STDIN") as copy:
            for one in rows:
                copy.write_row(one)
    else:
        text = str(insert(table).compile(dialect=connection.dialect, column_keys=list(names)))
        connection.exec_driver_sql(text, list(rows))


class _Statements:
    """What is done with a batch, as SQL. `incoming` holds its rows; its own columns start with `_`."""

    def __init__(self, flow: Flow, *, restage: bool) -> None:
        self._flow = flow
        self._deal = deal = deals_table(flow)
        self._types: Mapping[str, Type] = types(flow)
        self.incoming = row = Table(
            "incoming",
            MetaData(),
            Column("_line", Integer, primary_key=True, autoincrement=False),
            Column("_seq", Number),
            Column("_mark", Integer),
            Column("id", Text),
            Column("stage", Text),
            Column("entered_at", BigInteger),
            *(Column(name, column_type(type_.kind)) for name, type_ in self._types.items()),
            prefixes=["TEMPORARY"],
        )
        self.is_unfit = and_(
            row.c._seq.is_(None), or_(row.c.stage.is_(None), position(row.c.id, literal("~", Text)) > 0)
        )
        self.unfit = select(row.c._line, row.c.id).where(self.is_unfit)
        self.marks = select(row.c._mark, func.count()).where(row.c._mark.is_not(None)).group_by(row.c._mark)
        self.last = select(func.coalesce(func.max(deal.c.seq), 0))
        self.moving = update(deal).values(stage=row.c.stage).where(self._marked(_MOVES))
        self.remembering = update(deal).values(_imported=row.c.stage).where(self._marked(_LAST))
        other = and_(row.c.stage.is_not(None), deal.c.stage != row.c.stage)
        last = _renamed(flow, deal.c._imported)
        moves = and_(other, true() if restage else and_(last.is_not(None), last != row.c.stage))
        self._stage_mark = case((moves, _MOVES), (other, _KEEPS), else_=0) + case(
            (and_(row.c.stage.is_not(None), deal.c._imported.is_distinct_from(row.c.stage)), _LAST), else_=0
        )

    def stage(self, connection: Connection, batch: Batch) -> None:
        """Put the rows without faults into `incoming`, each with the `seq` of its deal where there is one."""
        row, deal = self.incoming, self._deal
        connection.execute(delete(row))
        given: dict[str, Sequence[Stored]] = {"_line": batch.lines, "id": batch.ids, **batch.columns}
        names = [column.name for column in row.c if column.name in given]
        rows: Iterable[tuple[Stored, ...]] = zip(*(given[name] for name in names), strict=True)
        if batch.faults:
            rows = (one for one in rows if one[0] not in batch.faults)
        rows = list(rows)
        if not rows:
            return
        _fill(connection, row, names, rows)
        seq = select(deal.c.seq).where(deal.c.id == row.c.id).scalar_subquery()
        connection.execute(update(row).values(_seq=seq))
        for name, lines in batch.absent.items():
            kept = select(deal.c[name]).where(deal.c.seq == row.c._seq).scalar_subquery()
            connection.execute(update(row).values({name: kept}).where(row.c._line.in_(lines)))

    def marking(self, names: Sequence[str]) -> Any:
        """Mark each row of a deal that exists with what it does to it."""
        row, deal = self.incoming, self._deal
        differs = or_(false(), *(deal.c[name].is_distinct_from(row.c[name]) for name in names))
        found = (
            select(case((differs, _DIFFERS), else_=0) + self._stage_mark)
            .where(deal.c.seq == row.c._seq)
            .scalar_subquery()
        )
        return update(row).values(_mark=found).where(row.c._seq.is_not(None))

    def changing(self, names: Sequence[str], now: int) -> Any:
        """Give these fields to the deals that differ."""
        values: dict[str, Any] = {name: self.incoming.c[name] for name in names}
        return update(self._deal).values(**values, updated_at=now).where(self._marked(_DIFFERS))

    def adding(self, now: int) -> Any:
        """Make the new deals, in the order of the file, each with its entry started."""
        row, instant = self.incoming, literal(now, BigInteger)
        entry = select(func.max(firings.c.entry)).where(firings.c.deal == row.c.id).scalar_subquery()
        values: dict[str, ColumnElement[Any]] = {
            "id": row.c.id,
            "stage": row.c.stage,
            "entry": func.coalesce(entry, 0) + 1,
            "entered_at": func.coalesce(row.c.entered_at, instant),
            "created_at": instant,
            "updated_at": instant,
            "_imported": row.c.stage,
        }
        for name in self._types:
            default = self._default(name)
            values[name] = row.c[name] if default is None else func.coalesce(row.c[name], default)
        rows = select(*values.values()).where(row.c._seq.is_(None)).order_by(row.c._line)
        return insert(self._deal).from_select(list(values), rows)

    def queueing(self, last: int, now: int) -> Any:
        """Queue the deals made since that `seq`, those that tunnels leave from."""
        deal = self._deal
        rows = select(deal.c.seq, literal(now), literal(0)).where(
            deal.c.seq > last, deal.c.stage.in_(select(routes.c.stage))
        )
        statement = upsert(queue).from_select(["deal", "wake_at", "round"], rows)
        return statement.on_conflict_do_update(
            index_elements=["deal"],
            set_={"wake_at": statement.excluded.wake_at, "round": 0},
            where=statement.excluded.wake_at < queue.c.wake_at,
        )

    def _marked(self, bit: int) -> ColumnElement[bool]:
        row = self.incoming
        return and_(self._deal.c.seq == row.c._seq, row.c._mark.op("&")(bit) != 0)

    def _default(self, name: str) -> ColumnElement[Any] | None:
        field_ = self._flow.fields.get(name)
        if field_ is None or field_.default is None:
            return None
        return literal(encode(field_.default, field_.type), column_type(field_.type.kind))


def _renamed(flow: Flow, stage: ColumnElement[str]) -> ColumnElement[str]:
    """A stage that was stored some time ago, under the id that it has today."""
    known = flow.stages
    old = [moved.old for moved in flow.moved if moved.kind == "stage"]
    old += [f"{moved.old}.{one.short}" for moved in flow.moved if moved.kind == "pipeline" for one in known.values()]
    pipelines = {
        id_.partition(".")[0]: Pipeline(id_.partition(".")[0], "", tuple(Stage(one, "") for one in old)) for id_ in old
    }
    found = renames(Flow(flow.project, pipelines=pipelines), flow).stages
    return case(found, value=stage, else_=stage) if found else stage
