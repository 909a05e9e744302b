"""The way in: what a source says, page by page, into the store, each page in one transaction with its mark.

One runner reads at a time, by a lease in the row of `sources`. Nothing rests on it: a page is kept only if the mark is
still the one that it follows, so a reader that was thought dead and isn't keeps nothing that another has overtaken.

**Stale news.** A page may have been written before a call that is settled by now, or while one is on its way. What it
says of such a deal isn't taken; the deal is read again. That is told without a clock: `asked` is the counter of the
source when the question began, and each call raises the counter when it is settled, and leaves it on its deal.

A full read also says what is gone. It counts only when its last page has come, in the process that has all pages: the
mark of a full read is kept with the last one, so whoever dies in between begins anew. If more are gone than the rail
allows (`rails.deleted`), none is, its mark isn't kept either, and the place stands among the bad records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Column, Connection, MetaData, Table, delete, exists, func, or_, select, update

from flowrun.diagnostics import excerpt
from flowrun.engine.calls import copies_by_key, in_flight
from flowrun.engine.rereads import lock_deals, read_again, was_read
from flowrun.engine.settlement import Result, Told, settle_calls
from flowrun.engine.source import Budget, ask, locked_source
from flowrun.errors import FlowrunError, SourceTrouble
from flowrun.flow.codec import source_digest
from flowrun.flow.model import Flow
from flowrun.sources.batches import Batch
from flowrun.sources.interface import Bad, Change, Page, Source
from flowrun.sources.merging import Merge, Stages, Tally, fresh
from flowrun.sources.pages import Sorted, batch_of, fits, sort
from flowrun.sources.registry import said
from flowrun.sources.vanishing import too_many
from flowrun.store.connection import Store, Transaction
from flowrun.store.tables import Text, bad_records, calls, deals_table, flowrun, rereads, sources
from flowrun.store.upsert import upsert

LEASE = 60_000
"""Milliseconds that a reader has for a page before another may begin."""

ROWS = 10_000
"""Records that are merged at once."""

AGAIN = 500
"""Deals that are read again by one question."""

MOST_BAD = 10_000
"""Bad records that are kept: more of them say nothing more."""

MARK_CHARACTERS = 10_000
_STORABLE = re.compile("[^\0\ud800-\udfff]*")

Answer = TypeVar("Answer")

_named = Table(
    "named", MetaData(), Column("id", Text, primary_key=True), sqlite_with_rowid=False, prefixes=["TEMPORARY"]
)
"""The ids that the pages of a full read have named so far."""


class Superseded(Exception):
    """Another revision or source is applied, or another reader is ahead: what was asked is of no use any more."""


@dataclass(slots=True)
class Pulled:
    """What a question brought in. `stale` are deals that weren't taken and are to be read again; `wait` is how many ms
    the source's budget, or another reader, wants to be waited for: then nothing was asked. `whole`: it was a full read
    that came to its end; `refused`: one that did, and by which too many deals would be gone. `example` is one of the
    bad records, in words; null where there are none."""

    tally: Tally = field(default_factory=Tally)
    pages: int = 0
    gone: int = 0
    bad: int = 0
    stale: int = 0
    confirmed: int = 0
    wait: int = 0
    whole: bool = False
    refused: bool = False
    example: str | None = None

    @property
    def news(self) -> bool:
        """Whether the store is other than before."""
        return bool(self.tally.added or self.tally.changed or self.tally.moved or self.gone or self.confirmed)


class Intake:
    """Reads one source into one store, over one connection, for one applied revision.

    `stopped` is asked between pages. Methods raise `Superseded`, and what the source raises, as SourceTrouble where it
    is none of flowrun's own errors.
    """

    def __init__(
        self,
        store: Store,
        connection: Connection,
        revision: int,
        flow: Flow,
        source: Source,
        runner: str,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._connection = connection
        self._revision = revision
        self._flow = flow
        self._source = source
        self._runner = runner
        self._stopped = stopped
        self._since = 0
        self._troubled = self._first = False
        self._id = source_digest(flow.source)
        ability = source.ability
        self._budget = Budget(ability.per_second, ability.burst)
        with store.read(connection):
            self._merge = Merge(connection, flow, Stages.FOLLOWED, copies=True)
            fresh(connection, _named)

    def changes(self) -> Pulled:
        """Ask for what has changed since the mark."""
        return self._pull(self._source.changes)

    def everything(self) -> Pulled:
        """Ask for all deals, to take away those that aren't there."""
        return self._pull(lambda _mark: self._source.everything())

    def again(self) -> Pulled:
        """Ask for deals that the store may have wrong; none that a call is on its way for."""
        pulled = Pulled()
        with self._store.write(self._connection) as transaction:
            ids = self._waiting(transaction.connection)
            if not ids:
                return pulled
            _, asked, pulled.wait = self._begin(transaction, reader=False)
        if pulled.wait:
            return pulled
        changes = self._given(lambda: tuple(self._source.read(ids)), "read")
        answered = {change.id for change in changes if fits(change)}
        with self._store.write(self._connection) as transaction:
            self._check(transaction.connection)
            self._keep(transaction, changes, asked, pulled)
        if lacking := [id_ for id_ in ids if id_ not in answered]:
            raise SourceTrouble(
                f"asked for {len(ids)} deals, the source gave no answer for {len(lacking)} of them, "
                f"'{excerpt(lacking[0], 40)}' for one",
                "that is a defect of the source: `read` answers for each deal, and Gone for one that isn't there",
            )
        return pulled

    def release(self) -> None:
        """Let others read at once."""
        mine = update(sources).where(sources.c.id == self._id, sources.c.reader == self._runner)
        with self._store.write(self._connection) as transaction:
            transaction.connection.execute(mine.values(reader=None, reader_until=None))

    def _pull(self, question: Callable[[str | None], Iterator[Page]]) -> Pulled:
        pulled = Pulled()
        with self._store.write(self._connection) as transaction:
            mark, asked, pulled.wait = self._begin(transaction, reader=True)
            self._since = transaction.now
            transaction.connection.execute(delete(_named))
        if pulled.wait:
            return pulled
        pages = self._given(lambda: iter(question(mark)), "changes")
        while not self._stopped():
            page = self._given(lambda: next(pages, None), "changes")
            if page is None:
                break
            _check_page(page)
            with self._store.write(self._connection) as transaction:
                self._keep(transaction, page.changes, asked, pulled)
                ends = page.whole and page.last
                if page.whole:
                    self._name(transaction.connection, page.changes)
                if ends:
                    pulled.whole = self._take_away(transaction, asked, pulled)
                    pulled.refused = not pulled.whole
                keeps = page.mark is not None and (pulled.whole if page.whole else True)
                into = page.mark if keeps else mark
                self._go_on(transaction, mark, into, whole=pulled.whole)
            mark = into
            pulled.pages += 1
        if (self._first or self._troubled) and not self._stopped():
            self._went_well()
        return pulled

    def _went_well(self) -> None:
        mine = update(sources).where(sources.c.id == self._id)
        with self._store.write(self._connection) as transaction:
            transaction.connection.execute(mine.values(read_at=transaction.now))
            if self._troubled:
                note_trouble(transaction, self._flow, None)

    def _begin(self, transaction: Transaction, *, reader: bool) -> tuple[str | None, int, int]:
        """The mark to ask from, the counter that the answer will be as old as, and how long to wait first (ms)."""
        connection, now = transaction.connection, transaction.now
        self._check(connection)
        known = locked_source(connection, self._flow)
        if known is None:
            raise Superseded
        self._troubled, self._first = known.trouble is not None, known.read_at is None
        if reader and known.reader not in {None, self._runner} and (known.reader_until or 0) > now:
            return None, 0, int(known.reader_until - now)
        if wait := ask(transaction, self._flow, self._budget):
            return None, 0, wait
        values = {"reader": self._runner, "reader_until": now + LEASE, "asked_at": now} if reader else {}
        if values:
            connection.execute(update(sources).where(sources.c.id == self._id).values(values))
        return known.mark, known.counter, 0

    def _check(self, connection: Connection) -> None:
        if connection.execute(select(flowrun.c.revision)).scalar_one() != self._revision:
            raise Superseded

    def _go_on(self, transaction: Transaction, before: str | None, into: str | None, *, whole: bool) -> None:
        """Keep the mark of a page, if nobody is ahead."""
        connection, now = transaction.connection, transaction.now
        self._check(connection)
        values = {"mark": into, "read_at": now, "reader_until": now + LEASE} | ({"whole_at": now} if whole else {})
        mine = update(sources).where(sources.c.id == self._id, sources.c.mark.is_not_distinct_from(before))
        if connection.execute(mine.values(values)).rowcount == 0:
            raise Superseded

    def _keep(self, transaction: Transaction, changes: Sequence[Change], asked: int, pulled: Pulled) -> None:
        connection, now = transaction.connection, transaction.now
        page = sort(changes, self._flow.source.type)
        pulled.confirmed += self._confirm(transaction, page)
        stale = self._stale(connection, page.named, asked)
        taken = page.named - stale
        if stale:
            read_again(connection, stale, self._counter(connection))
            pulled.stale += len(stale)
        bad = [one for one in page.bad if one.id not in stale]
        records = [one for one in page.records if one.id in taken]
        for start in range(0, len(records), ROWS):
            some = records[start : start + ROWS]
            batch = batch_of(some, self._flow, now)
            pulled.tally.add(self._merge.merge(connection, batch, now))
            bad += _faulty(batch)
        pulled.gone += self._forget(connection, page.gone & taken)
        self._remember(connection, bad, taken, now, pulled)
        was_read(connection, self._flow, taken, asked, now)

    def _confirm(self, transaction: Transaction, page: Sorted) -> int:
        """A deal that carries the key of a copy that is on its way is that copy."""
        if not page.keys:
            return 0
        made = copies_by_key(transaction.connection, page.keys)
        results = [Result(call, Told.DONE, id=page.keys[call.key]) for call in made]
        return settle_calls(transaction, self._flow, self._runner, results).count("fired") if results else 0

    def _stale(self, connection: Connection, ids: set[str], asked: int) -> set[str]:
        """Of these deals, which it locks, those that the answer may know less of than the store does."""
        held = lock_deals(connection, ids)
        stale = {id_ for id_, row in held.items() if row._settled is not None and row._settled > asked}
        flying = select(calls.c.target, calls.c.new_id).where(in_flight())
        stale.update(ids.intersection(id_ for row in connection.execute(flying) for id_ in row if id_ is not None))
        newer = select(rereads.c.deal).where(rereads.c.number > asked)
        stale.update(ids.intersection(connection.execute(newer).scalars()))
        return stale

    def _counter(self, connection: Connection) -> int:
        return int(connection.execute(select(sources.c.counter).where(sources.c.id == self._id)).scalar() or 0)

    def _waiting(self, connection: Connection) -> list[str]:
        flying = exists().where(in_flight(), or_(calls.c.target == rereads.c.deal, calls.c.new_id == rereads.c.deal))
        rows = select(rereads.c.deal).where(~flying).order_by(rereads.c.number, rereads.c.deal).limit(AGAIN)
        return list(connection.execute(rows).scalars())

    def _forget(self, connection: Connection, ids: set[str]) -> int:
        deal = deals_table(None)
        count = 0
        for some in _parts(sorted(ids)):
            count += connection.execute(delete(deal).where(deal.c.id.in_(some))).rowcount
        return count

    def _name(self, connection: Connection, changes: Sequence[Change]) -> None:
        rows = [{"id": change.id} for change in changes if fits(change)]
        if rows:
            connection.execute(upsert(_named).on_conflict_do_nothing(), rows)

    def _take_away(self, transaction: Transaction, asked: int, pulled: Pulled) -> bool:
        """The end of a full read: what it didn't name is gone, unless the store knows it from later. False where that
        is too many: then nothing is."""
        connection, now = transaction.connection, transaction.now
        deal = deals_table(None)
        is_missing = deal.c.id.not_in(select(_named.c.id))
        count = connection.execute(select(func.count()).select_from(deal).where(is_missing)).scalar_one()
        before = connection.execute(select(func.count()).select_from(deal)).scalar_one() if count else 0
        if problem := too_many(count, before, self._flow.rails.deleted):
            self._remember(connection, [Bad(f"the source '{self._flow.source.type}'", problem)], set(), now, pulled)
            return False
        missing = set(connection.execute(select(deal.c.id).where(is_missing)).scalars())
        stale = self._stale(connection, missing, asked) if missing else set()
        if stale:
            read_again(connection, stale, self._counter(connection))
            pulled.stale += len(stale)
        pulled.gone += self._forget(connection, missing - stale)
        was_read(connection, self._flow, missing - stale, asked, now)
        unnamed = or_(bad_records.c.deal.not_in(select(_named.c.id)), bad_records.c.deal.is_(None))
        connection.execute(delete(bad_records).where(unnamed, bad_records.c.seen_at < self._since))
        return True

    def _remember(self, connection: Connection, bad: Sequence[Bad], taken: set[str], now: int, pulled: Pulled) -> None:
        """Keep what can't be read, and forget what can be again."""
        for some in _parts(sorted(taken)):
            connection.execute(delete(bad_records).where(bad_records.c.deal.in_(some)))
        if not bad:
            return
        pulled.bad += len(bad)
        pulled.example = pulled.example or f"{excerpt(bad[0].where)}: {excerpt(bad[0].reason, 300)}"
        there = connection.execute(select(func.count()).select_from(bad_records)).scalar_one()
        rows = {
            (place := excerpt(str(one.where), 500)): {
                "place": place,
                "reason": excerpt(str(one.reason), 500),
                "deal": one.id,
                "seen_at": now,
            }
            for one in bad[: max(0, MOST_BAD - there)]
        }
        if rows:
            statement = upsert(bad_records)
            renewed = {name: statement.excluded[name] for name in ("reason", "deal", "seen_at")}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["place"], set_=renewed), list(rows.values())
            )

    def _given(self, question: Callable[[], Answer], method: str) -> Answer:
        """What the source answers; whatever it raises that isn't flowrun's is its trouble."""
        try:
            return question()
        except (FlowrunError, Superseded):
            raise
        except Exception as error:
            raise SourceTrouble(f"`{method}` of the source '{self._flow.source.type}' failed: {said(error)}") from error


def note_trouble(transaction: Transaction, flow: Flow, trouble: str | None) -> None:
    """Keep what is wrong with the source of that flow, for `status`; None: all is well again."""
    mine = update(sources).where(sources.c.id == source_digest(flow.source))
    transaction.connection.execute(mine.values(trouble=trouble, trouble_at=transaction.now))


def _check_page(page: object) -> None:
    defect = "that is a defect of the source"
    if not isinstance(page, Page) or not isinstance(getattr(page, "changes", None), Sequence):
        raise SourceTrouble(f"the source gave {excerpt(repr(page))} for a page of changes", defect)
    mark: object = page.mark
    if mark is None:
        return
    if not isinstance(mark, str) or not _STORABLE.fullmatch(mark):
        raise SourceTrouble(f"the source gave {excerpt(repr(mark))} for a mark, which can't be kept", defect)
    if len(mark) > MARK_CHARACTERS:
        raise SourceTrouble(
            f"the source gave a mark of {len(mark):,} characters; at most {MARK_CHARACTERS:,} are kept",
            defect,
        )


def _faulty(batch: Batch) -> Iterator[Bad]:
    for line, reasons in sorted(batch.faults.items()):
        id_ = batch.ids[line - 1]
        yield Bad(f"deal '{excerpt(id_)}'", "; ".join(reasons), id_)


def _parts(ids: Sequence[str], size: int = 1_000) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
