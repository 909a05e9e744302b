"""Noticing by comparison: rows are read, and those told of that are not as they were.

Of all rows (`notice: compare`), or of those that a column of timestamps says have changed since shortly before the last
question (`notice: timestamp`). A mark can't hold a digest for each row, so it holds sums of them for 256 buckets; a
bucket whose sum has changed is told of whole. The process that made the mark remembers the digests themselves, and
tells of just what has changed, and of what has gone.

Rows are read once to be compared and once more when their page is asked for: what a page says is never older than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select, types

from flowrun.sources.interface import Bad, Change, Page
from flowrun.sources.sql import marks
from flowrun.sources.sql.database import Database
from flowrun.sources.sql.marks import Buckets, bucket_of, digest
from flowrun.sources.sql.rows import Cursor, Rows
from flowrun.sources.sql.shape import Cell
from flowrun.sources.sql.values import Sort, moment
from flowrun.sources.vanishing import too_many

PAGE = 2_000
"""Changes of a page; a bucket is not split for it."""
MOST = 10_000
"""Changes of a page, whatever the bucket."""
_EAST = timedelta(hours=14)
"""No local time is further ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A row that was read: its digest, and when it was last changed, as far as that can be told."""

    digest: int
    at: datetime | None


@dataclass(slots=True)
class Comparing:
    """The comparison of a table's rows. `changed_at` with `overlap` bounds it; without, it is of all rows. `most`
    percent of these may be gone: where more are, that is left to the full read."""

    database: Database
    rows: Rows
    changed_at: Cell | None = None
    overlap: timedelta = timedelta()
    most: int = 20
    page: int = PAGE
    _known: tuple[str | None, Mapping[str, Compared]] | None = field(default=None, init=False)

    def changes(self, mark: str | None) -> Iterator[Page]:
        """Every change since that mark, as far as the comparison can tell; everything without one."""
        kept = marks.parts(mark)
        if kept.get("by") != self._by:
            kept = {}
        if self.changed_at is not None and "rows" not in kept:
            yield from self._everything(kept, self.changed_at)
        else:
            yield from self._compared(kept, mark)

    @property
    def _by(self) -> str:
        return "compare" if self.changed_at is None else "timestamp"

    def _everything(self, kept: Mapping[str, Any], column: Cell) -> Iterator[Page]:
        """All rows by their ids, at first. What changes meanwhile is not before the time noted in the beginning."""
        last: Cursor = kept.get("at")
        since: str | None = kept.get("since")
        if last is None:
            with self.database.reading() as connection:
                since = self._latest(connection, column)
        while True:
            with self.database.reading() as connection:
                rows = self.rows.after(connection, last, self.page)
                changes = [self.rows.change(row) for row in rows]
            if len(rows) < self.page:
                break
            last = self.rows.cursor(rows[-1])
            yield Page(changes, marks.written(by=self._by, since=since, at=last), last=False)
        yield Page(changes, marks.written(by=self._by, since=since, rows=Buckets().text()))

    def _compared(self, kept: Mapping[str, Any], mark: str | None) -> Iterator[Page]:
        before = Buckets.of(kept.get("rows"))
        since: str | None = kept.get("since")
        found, latest = self._read(since)
        now = _summed(found)
        if mark is not None and now.sums == before.sums and latest == since:
            self._known = (mark, found)
            return
        problem: str | None = None
        if self._known is not None and self._known[0] == mark:
            known = self._known[1]
            told = [id_ for id_, one in found.items() if id_ not in known or known[id_].digest != one.digest]
            gone = [id_ for id_ in known if id_ not in found]
            if self.changed_at is None:
                problem = too_many(len(gone), len(known), self.most)
            told += gone if problem is None else []
        else:
            told = [id_ for id_ in found if now.sums[bucket_of(id_)] != before.sums[bucket_of(id_)]]
        told.sort(key=bucket_of)
        after = self._after(found, latest)
        final = marks.written(by=self._by, since=latest, rows=_summed(after).text())
        bad: list[Change] = [] if problem is None else [Bad(str(self.rows.shape.table.name), problem)]
        for ids, complete, last in _paged(told, self.page):
            with self.database.reading() as connection:
                changes = [*self.rows.by_ids(connection, ids), *(bad if last else ())]
            for number in complete:
                before.take(number, now)
            yield Page(
                changes, final if last else marks.written(by=self._by, since=since, rows=before.text()), last=last
            )
        if not told:
            yield Page(bad, final)
        self._known = (final, after)

    def _read(self, since: str | None) -> tuple[dict[str, Compared], str | None]:
        """The rows to be compared, and the latest time of any, but times to come: a row from the future must not hide
        what happens until then."""
        column, bound = self.changed_at, self._bound(since)
        where = [] if column is None or bound is None else [column.column >= bound]
        found: dict[str, Compared] = {}
        latest, latest_at = since, None if since is None else moment(since)
        last: Cursor = None
        with self.database.reading() as connection:
            most = None if column is None else self._now(connection, column)
        while True:
            with self.database.reading() as connection:
                rows = self.rows.after(connection, last, MOST, *where)
            for row in rows:
                raw = None if column is None else self.rows.raw(row, column.name)
                at = None if raw is None else moment(str(raw))
                if at is not None and most is not None and at <= most and (latest_at is None or at > latest_at):
                    latest, latest_at = str(raw), at
                if (id_ := self.rows.id_of(row)) is not None:
                    found[id_] = Compared(digest(row), at)
            if len(rows) < MOST:
                return found, latest
            last = self.rows.cursor(rows[-1])

    def _after(self, found: Mapping[str, Compared], latest: str | None) -> Mapping[str, Compared]:
        """Of the rows read, those that the next question will read again."""
        bound = None if self.changed_at is None else self._bound(latest)
        if bound is None:
            return found
        first = moment(bound)
        assert first is not None
        return {id_: one for id_, one in found.items() if one.at is None or one.at >= first}

    def _bound(self, since: str | None) -> str | None:
        """The time from which on rows are read, as the database writes times."""
        at = None if since is None else moment(since)
        if since is None or at is None:
            return None
        try:
            first = at - self.overlap
        except OverflowError:
            return None
        zoned = self.database.name == "postgresql" and self.changed_at is not None
        offset = "+00:00" if zoned and self.changed_at and self.changed_at.sort is Sort.INSTANT else ""
        return first.isoformat("T" if "T" in since else " ") + offset

    def _latest(self, connection: Connection, column: Cell) -> str | None:
        """The latest time of any row that is no time to come."""
        found: Any = func.max(column.column)
        found = found if self.database.name == "sqlite" else cast(found, _text(self.database.name))
        most = self._now(connection, column).isoformat(" ")
        offset = "+00:00" if self.database.name == "postgresql" and column.sort is Sort.INSTANT else ""
        raw = connection.execute(select(found).where(column.column <= most + offset)).scalar()
        return None if raw is None or moment(str(raw)) is None else str(raw)

    def _now(self, connection: Connection, column: Cell) -> datetime:
        """The latest time that a row may have by now: the database's, in whatever zone local times may be."""
        now: Any = func.utc_timestamp(6) if self.database.name == "mysql" else func.current_timestamp()
        found = now if self.database.name == "sqlite" else cast(now, _text(self.database.name))
        at = moment(str(connection.execute(select(found)).scalar_one()))
        assert at is not None
        return at if column.sort is Sort.INSTANT else at + _EAST


def _text(database: str) -> Any:
    return Text if database == "postgresql" else types.CHAR


def _summed(found: Mapping[str, Compared]) -> Buckets:
    sums = Buckets()
    for id_, one in found.items():
        sums.add(id_, one.digest)
    return sums


def _paged(told: Sequence[str], page: int) -> Iterator[tuple[Sequence[str], Sequence[int], bool]]:
    """Pages of ids that are in the order of their buckets: the ids, the buckets that are then complete, and whether it
    is the last page."""
    start = at = 0
    complete: list[int] = []
    while at < len(told):
        bucket, end = bucket_of(told[at]), at
        while end < len(told) and bucket_of(told[end]) == bucket:
            end += 1
        if complete and end - start > page:
            yield told[start:at], complete, False
            start, complete = at, []
        while end - start > MOST:
            yield told[start : start + MOST], (), False
            start += MOST
        complete.append(bucket)
        at = end
    if start < len(told):
        yield told[start:], complete, True
