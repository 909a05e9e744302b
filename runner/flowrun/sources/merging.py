"""Merging: a batch of rows into `deals`, set-based: what files that are imported and sources elsewhere do alike.

A batch is put into a temporary table, held against the deals there, and then a handful of statements do the rest,
however many rows it has. New deals are inserted with their entry started and queued by the same rules as the
triggers' (`store.schema`), which therefore cost nothing; deals that exist are updated only where they differ, and
there the triggers do their work as for anyone else's UPDATE.

What a row's stage means for a deal that exists is `Stages`: `deals._imported` keeps the one last brought in for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
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

from flowrun.expr.portable import position
from flowrun.expr.types import Type
from flowrun.expr.values import encode
from flowrun.flow.model import Flow, Pipeline, Stage
from flowrun.plan.identity import renames
from flowrun.sources.batches import Batch
from flowrun.sources.cells import Stored
from flowrun.store.ddl import quoted_list
from flowrun.store.deals import types
from flowrun.store.tables import Number, Text, column_type, deals_table, firings, queue, routes
from flowrun.store.upsert import upsert

_DIFFERS, _MOVES, _KEEPS, _LAST = 1, 2, 4, 8
"""What a row does to a deal that exists: changes fields, sets the stage, leaves another stage, was last imported."""


class Stages(Enum):
    """When the stage of a row is set on a deal that exists and stands elsewhere.

    `NEW`: where it differs from the one last brought in, so that importing again never fights the tunnels; where none
    was yet, the deal stays, and the row's is remembered. `FOLLOWED`: so too, but where none was yet it is set, since
    the deal lives where the row comes from. `ALWAYS`: always.
    """

    NEW = auto()
    FOLLOWED = auto()
    ALWAYS = auto()


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

    def add(self, other: Tally) -> None:
        """Count these too."""
        for name in Tally.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_NO_STAGE = "there is no deal of that id, and a new one needs a stage"


class Merge:
    """Merges the batches of one origin over one connection, under one flow.

    `copies`: whether a new deal may have the id of a copy, as it may that comes back from where flowrun made it.
    """

    def __init__(self, connection: Connection, flow: Flow, stages: Stages, *, copies: bool = False) -> None:
        self._flow = flow
        self._do = _Statements(flow, stages, copies=copies)
        fresh(connection, self._do.incoming)

    def merge(self, connection: Connection, batch: Batch, now: int) -> Tally:
        """Merge the rows that are without faults; what can't be merged becomes a fault. `now` is in ms, UTC.

        Ids must be unique among them.
        """
        do, tally = self._do, Tally(rows=len(batch.originals) or len(batch.lines))
        do.stage(connection, batch)
        for line, id_ in connection.execute(do.unfit):
            copy = do.refuses_copies and "~" in id_
            batch.fault(line, f"'{id_}' is no deal, and only flowrun makes ids with a '~'" if copy else _NO_STAGE)
        connection.execute(delete(do.incoming).where(do.is_unfit))
        names = tuple(name for name in types(self._flow) if name in batch.columns)
        connection.execute(do.marking(names))
        for mark, count in connection.execute(do.marks):
            tally.changed += count if mark & _DIFFERS else 0
            tally.moved += count if mark & _MOVES else 0
            tally.kept += count if mark & _KEEPS else 0
            tally.unchanged += 0 if mark & (_DIFFERS | _MOVES) else count
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

    def each(self, connection: Connection) -> Iterator[tuple[int, Tally]]:
        """What each row of the last batch did that could be merged, by its line."""
        row = self._do.incoming
        for line, seq, mark in connection.execute(select(row.c._line, row.c._seq, row.c._mark)):
            marks = mark or 0
            yield (
                line,
                Tally(
                    rows=1,
                    added=int(seq is None),
                    changed=int(marks & _DIFFERS != 0),
                    moved=int(marks & _MOVES != 0),
                    unchanged=int(seq is not None and not marks & (_DIFFERS | _MOVES)),
                    kept=int(marks & _KEEPS != 0),
                ),
            )


def fresh(connection: Connection, *tables: Table) -> None:
    """Make these temporary tables anew."""
    for table in tables:
        temporary = "pg_temp" if connection.dialect.name == "postgresql" else "temp"
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {temporary}.{table.name}")
        table.create(connection, checkfirst=False)


def fill(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Stored, ...]]) -> None:
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

    def __init__(self, flow: Flow, stages: Stages, *, copies: bool) -> None:
        self._flow = flow
        self.refuses_copies = not copies
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
        copy = position(row.c.id, literal("~", Text)) > 0
        unfit = [row.c.stage.is_(None)] if copies else [row.c.stage.is_(None), copy]
        self.is_unfit = and_(row.c._seq.is_(None), or_(*unfit))
        self.unfit = select(row.c._line, row.c.id).where(self.is_unfit)
        self.marks = select(row.c._mark, func.count()).where(row.c._mark.is_not(None)).group_by(row.c._mark)
        self.last = select(func.coalesce(func.max(deal.c.seq), 0))
        self.moving = update(deal).values(stage=row.c.stage).where(self._marked(_MOVES))
        self.remembering = update(deal).values(_imported=row.c.stage).where(self._marked(_LAST))
        other = and_(row.c.stage.is_not(None), deal.c.stage != row.c.stage)
        last = _renamed(flow, deal.c._imported)
        differs = {
            Stages.NEW: and_(last.is_not(None), last != row.c.stage),
            Stages.FOLLOWED: or_(last.is_(None), last != row.c.stage),
            Stages.ALWAYS: true(),
        }
        moves = and_(other, differs[stages])
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
        fill(connection, row, names, rows)
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
