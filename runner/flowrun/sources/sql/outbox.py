"""Noticing by an outbox: triggers note each change in the very transaction that makes it, so none can be missed.

There is no watermark. A transaction that commits late appears in the outbox late, wherever its number stands, and is
read then. What was read is deleted, exactly that, once its page is certain to be kept: when the next question comes
with the mark that names it. A mark names the numbers seen since the question began, and how far into the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    and_,
    bindparam,
    delete,
    or_,
    select,
)
from sqlalchemy.sql.elements import quoted_name

from flowrun.sources.interface import Page
from flowrun.sources.sql import marks
from flowrun.sources.sql.database import Database
from flowrun.sources.sql.marks import MOST, Numbers
from flowrun.sources.sql.rows import Cursor, Rows
from flowrun.sources.sql.shape import AsItIs
from flowrun.sources.sql.triggers import Names, quoted

PAGE = 2_000
"""Changes of a page."""
_TOGETHER = 500
"""Numbers deleted by one statement."""


@dataclass(slots=True)
class Outbox:
    """The outbox of a table."""

    database: Database
    rows: Rows
    names: Names
    page: int = PAGE
    _table: Table = field(init=False)

    def __post_init__(self) -> None:
        schema = self.names.schema
        self._table = Table(
            quoted_name(self.names.outbox, quote=True),
            MetaData(),
            Column("seq", BigInteger),
            Column("deal", AsItIs()),
            schema=None if schema is None else quoted_name(schema, quote=True),
        )

    def changes(self, mark: str | None) -> Iterator[Page]:
        """Every change since that mark; everything, then all changes meanwhile, without one."""
        kept = marks.parts(mark)
        if kept.get("by") != "outbox":
            kept = {}
        if not kept or "at" in kept:
            # Nothing of the outbox is deleted before its own turn: it has what changes while all rows are read.
            yield from self._everything(kept.get("at"))
            kept = {}
        consumed = self._consume(kept)
        yield from self._noted(consumed=consumed)

    def _everything(self, last: Cursor) -> Iterator[Page]:
        while True:
            with self.database.reading() as connection:
                rows = self.rows.after(connection, last, self.page)
                changes = [self.rows.change(row) for row in rows]
            if len(rows) < self.page:
                yield Page(changes, marks.written(by="outbox", seen=""), last=False)
                return
            last = self.rows.cursor(rows[-1])
            yield Page(changes, marks.written(by="outbox", at=last), last=False)

    def _noted(self, *, consumed: bool) -> Iterator[Page]:
        seen = Numbers()
        at: tuple[int, str] | None = None
        amid = False
        while seen.size < MOST:
            with self.database.reading() as connection:
                noted = self._read(connection, at)
                # Read after the notes: so what is read is at least as new as what they are of.
                changes = self.rows.by_ids(connection, list(dict.fromkeys(deal for _, deal in noted if deal)))
            if amid and at is not None and (not noted or noted[0][0] != at[0]):
                seen.add(at[0])
            if not noted:
                if amid or (at is None and consumed):
                    yield Page((), marks.written(by="outbox", seen=seen.text()))
                return
            amid = len(noted) == self.page and self._many
            for number in dict.fromkeys(number for number, _ in noted):
                if seen.size < MOST and not (amid and number == noted[-1][0]):
                    seen.add(number)
            at = noted[-1]
            mark = marks.written(by="outbox", seen=seen.text(), within=list(at) if amid else None)
            yield Page(changes, mark, last=len(noted) < self.page)
            if len(noted) < self.page:
                return

    @property
    def _many(self) -> bool:
        """Whether many rows have one number, that of their transaction."""
        return self.database.name == "postgresql"

    def _read(self, connection: Connection, at: tuple[int, str] | None) -> Sequence[tuple[int, str]]:
        seq, deal = self._table.c.seq, self._table.c.deal
        chosen = select(seq, deal).order_by(seq, deal).limit(self.page)
        if at is not None:
            after: ColumnElement[bool] = seq > at[0]
            if self._many:
                after = and_(seq >= at[0], or_(after, deal > at[1]))
            chosen = chosen.where(after)
        return [(int(number), str(id_)) for number, id_ in connection.execute(chosen)]

    def _consume(self, kept: Mapping[str, Any]) -> bool:
        """Delete what is kept: each number by itself, since what stands between two of them may not be committed."""
        numbers = list(Numbers.of(str(kept.get("seen", ""))))
        within = kept.get("within")
        if not numbers and within is None:
            return False
        with self.database.changing() as connection:
            for start in range(0, len(numbers), _TOGETHER):
                self._delete(connection, numbers[start : start + _TOGETHER])
            if within is not None:
                seq, deal = self._table.c.seq, self._table.c.deal
                connection.execute(delete(self._table).where(seq == int(within[0]), deal <= str(within[1])))
        return True

    def _delete(self, connection: Connection, numbers: list[int]) -> None:
        if self.database.name != "mysql":
            connection.execute(
                delete(self._table).where(self._table.c.seq.in_(bindparam("seen", numbers, expanding=True)))
            )
            return
        # A list may be searched for by passing over the table, which waits for rows that are not committed.
        table = quoted("mysql", self.names.outbox, self.names.schema)
        seen = " UNION ALL ".join(["SELECT %s AS seq"] + ["SELECT %s"] * (len(numbers) - 1))
        statement = f"DELETE o FROM ({seen}) s STRAIGHT_JOIN {table} o FORCE INDEX (PRIMARY) ON o.seq = s.seq"
        connection.exec_driver_sql(statement, tuple(numbers))
