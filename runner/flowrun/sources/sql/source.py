"""An SQL source: a table or view of a user's database as a `Source`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text

from flowrun.config.leaves import exact
from flowrun.errors import WorkFailed
from flowrun.expr.values import BadValue
from flowrun.sources.interface import Ability, Change, Described, Order, Outcome, Page, Place
from flowrun.sources.secrets import reveal
from flowrun.sources.sql.comparing import Comparing
from flowrun.sources.sql.database import Database, open_database
from flowrun.sources.sql.installing import check_outbox
from flowrun.sources.sql.options import Notice, SqlBlock
from flowrun.sources.sql.outbox import PAGE, Outbox
from flowrun.sources.sql.rows import Cursor, Rows, Stages
from flowrun.sources.sql.shape import described
from flowrun.sources.sql.triggers import Names
from flowrun.sources.sql.values import Cells, Sort
from flowrun.sources.sql.writing import Writing

_STAGES = 200
"""Values of the stage's column that are named."""

_PATH = text("SELECT current_setting('search_path')")
_SET_PATH = text("SELECT set_config('search_path', :path, true)")

_NOTES = {
    Notice.OUTBOX: (),
    Notice.TIMESTAMP: (
        "a change is missed until the next full reading if its transaction lasts longer than `overlap`",
        "so is one that leaves the column `changed_at` as it was",
        "deleted rows are noticed by full readings alone",
    ),
    Notice.COMPARE: (
        "the whole table is read each time",
        "what changes and changes back between two questions is not noticed",
    ),
}


@dataclass(slots=True)
class SqlSource:
    """An open SQL source."""

    database: Database
    rows: Rows
    names: Names
    options: SqlBlock
    noticing: Outbox | Comparing
    writing: Writing
    page: int = PAGE
    _path: str | None = field(default=None, init=False)

    @property
    def ability(self) -> Ability:
        """By the options; every key has one effect."""
        return Ability(
            every=exact(self.options.every) / 1000,
            whole_every=exact(self.options.reconcile) / 1000,
            batch=self.options.batch,
            per_second=self.options.per_second,
            own_ids=self.rows.shape.own_ids,
            idempotent=True,
        )

    def describe(self) -> Described:
        """The values of the stage's column, and the columns with what they hold; and which rows can be no deals."""
        shape = self.rows.shape
        stage = shape.stage.column
        chosen = select(stage, func.count()).group_by(stage).order_by(func.count().desc()).limit(_STAGES)
        with self.database.reading() as connection:
            rows: dict[Any, int] = dict(connection.execute(chosen).all())
            nameless = select(func.count()).select_from(shape.table).where(shape.id.column.is_(None))
            lacking = connection.execute(nameless).scalar_one()
        stages = sorted(str(one) for one in rows if one is not None)
        fields = {name: str(cell.sort) for name, cell in shape.cells.items()}
        notes = [*self._unreadable(rows, lacking), *self._notes()]
        return Described({str(shape.table.name): stages}, fields, notes)

    def _unreadable(self, stages: Mapping[Any, int], lacking: int) -> Iterator[str]:
        """What no run will read as deals, by how many rows there are of each of their stages and without an id."""
        for stage, count in stages.items():
            try:
                self.rows.stage_of(stage)
            except BadValue as error:
                yield f"{_rows(count)} can't be read as deals: {error}"
        if lacking:
            yield f"{_rows(lacking)} can be no deals: '{self.rows.shape.id.name}' is empty"

    def _notes(self) -> Iterator[str]:
        assert self.options.notice is not None
        yield from _NOTES[self.options.notice]
        if self.options.notice is Notice.OUTBOX and self.database.name == "mysql":
            yield "what a foreign key's cascade changes, and TRUNCATE, fire no triggers: full readings find it"
        column = self.rows.shape.changed_at
        if column is not None and column.sort is Sort.LOCAL and not self.rows.cells.zone.is_utc:
            yield "when clocks go back, an hour of changes may be missed until the next full reading"

    def changes(self, mark: str | None) -> Iterator[Page]:
        """As the way of noticing tells them."""
        return self.noticing.changes(mark)

    def everything(self) -> Iterator[Page]:
        """All rows by their ids, each page as it stands when it is asked for."""
        if isinstance(self.noticing, Outbox):
            with self.database.reading() as connection:
                check_outbox(connection, self.rows.shape, self.names)
        last: Cursor = None
        while True:
            with self.database.reading() as connection:
                rows = self.rows.after(connection, last, self.page)
                changes = [self.rows.change(row) for row in rows]
            ended = len(rows) < self.page
            yield Page(changes, None, whole=True, last=ended)
            if ended:
                return
            last = self.rows.cursor(rows[-1])

    def read(self, ids: Sequence[str]) -> Sequence[Change]:
        """These deals."""
        with self.database.reading() as connection:
            return self.rows.by_ids(connection, ids)

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """In one transaction, or in one each."""
        return self.writing.perform(orders)

    def joins(self, connection: Connection) -> bool:
        """Whether that is PostgreSQL, at the same address by the same user (`interface.Joined`)."""
        mine, other = self.database.engine.url, connection.engine.url
        if self.database.name != "postgresql" or other.get_backend_name() != "postgresql":
            return False
        return all(
            getattr(mine, part) == getattr(other, part) and mine.query.get(part) == other.query.get(part)
            for part in ("username", "host", "port", "database")
        )

    def perform_in(self, connection: Connection, orders: Sequence[Order]) -> Sequence[Outcome]:
        """In a transaction of the store's. Triggers of the table find what they would find in the source's session:
        names without a schema where it looks for them."""
        if self._path is None:
            with self.database.reading() as own:
                self._path = str(own.execute(_PATH).scalar_one())
        before = str(connection.execute(_PATH).scalar_one())
        connection.execute(_SET_PATH, {"path": self._path})
        outcomes = self.writing.perform_in(connection, orders)
        connection.execute(_SET_PATH, {"path": before})
        return outcomes

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """By their keys."""
        return self.writing.find(orders)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def open_source(options: SqlBlock, place: Place) -> SqlSource:
    """The source of these options. Raises WorkFailed for what does not fit the database, SourceTrouble where that can't
    be reached."""
    if options.url is None or options.table is None or options.stage is None or options.notice is None:
        raise WorkFailed("an SQL source needs `url`, `table`, `stage` and `notice`")
    database = open_database(reveal(options.url, place.folder, "the address of the database"), place.folder)
    try:
        return _opened(database, options, place)
    except BaseException:
        database.close()
        raise


def _opened(database: Database, options: SqlBlock, place: Place) -> SqlSource:
    stages = Stages.of(options, place.flow)
    with database.reading() as connection:
        shape = described(connection, options, place.flow)
        names = Names.of(options, shape)
        if options.notice is Notice.OUTBOX:
            check_outbox(connection, shape, names)
    rows = Rows(shape, stages, Cells(database.name, place.flow.timezone), place.flow)
    noticing: Outbox | Comparing
    match options.notice:
        case Notice.OUTBOX:
            noticing = Outbox(database, rows, names)
        case Notice.TIMESTAMP:
            overlap = timedelta(milliseconds=exact(options.overlap))
            noticing = Comparing(database, rows, shape.changed_at, overlap)
        case _:
            noticing = Comparing(database, rows, most=place.flow.rails.deleted)
    return SqlSource(database, rows, names, options, noticing, Writing(database, rows, names, place.flow))
