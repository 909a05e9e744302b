"""Deals that other systems send to `flowrun run --listen`: into the store as imports go into it, set-based.

An existing deal has its fields updated where they are named. Its stage is set where it differs from the one that was
last sent for it, so that a system that sends the same again never fights the tunnels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from flowrun.errors import Interfered, WorkFailed
from flowrun.flow.model import Flow
from flowrun.sources.here import writable
from flowrun.sources.merging import Merge, Stages, Tally
from flowrun.sources.posted import Fault, Form
from flowrun.store import deals, revisions
from flowrun.store.connection import Transaction
from flowrun.store.deals import Deal
from flowrun.store.tables import flowrun


class NoRevision(WorkFailed):
    """No revision is applied yet, so nobody knows what a deal is."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one object: what it did, a row; or what is wrong with it."""

    id: str
    did: Tally
    faults: Sequence[Fault] = ()


class Receiver:
    """Takes deals over one connection, under the revision that is applied at that moment."""

    def __init__(self) -> None:
        self._revision: int | None = None
        self._flow: Flow | None = None
        self._form: Form | None = None
        self._merges: dict[Stages, Merge] = {}

    def flow(self, connection: Connection) -> tuple[int, Flow]:
        """The applied revision's number and flow. Raises NoRevision before the first."""
        number = connection.execute(select(flowrun.c.revision)).scalar_one()
        if number is None:
            raise NoRevision("no revision is applied in this store yet", "apply one with 'flowrun apply'")
        if self._flow is None or number != self._revision:
            self._flow, self._revision, self._form = revisions.revision(connection, number).flow, number, None
            self._merges.clear()
        return number, self._flow

    def undone(self) -> None:
        """Know that a transaction came to nothing; the working table may have gone with it."""
        self._merges.clear()

    def take(self, transaction: Transaction, items: Sequence[object], *, restage: bool) -> list[Taken]:
        """Make these deals, or change those that are there; what came of each, in their order.

        `restage`: a stage that is named is always set. Raises DealsElsewhere where deals live elsewhere, Interfered
        where another one has made the same deal at that moment.
        """
        connection = transaction.connection
        flow = writable(self.flow(connection)[1])
        self._form = self._form or Form(flow)
        stages = Stages.ALWAYS if restage else Stages.FOLLOWED
        if stages not in self._merges:
            self._merges[stages] = Merge(connection, flow, stages)
        merge = self._merges[stages]
        posted = self._form.read(items, transaction.now)
        before = {line: len(reasons) for line, reasons in posted.batch.faults.items()}
        try:
            merge.merge(connection, posted.batch, transaction.now)
        except IntegrityError as error:
            raise Interfered("another one has made the same deal at this moment", "try again") from error
        for line, reasons in posted.batch.faults.items():
            late = reasons[before.get(line, 0) :]
            posted.faults.setdefault(line, []).extend(Fault(reason) for reason in late)
        did = dict(merge.each(connection))
        return [
            Taken(id_, did.get(line, Tally(rows=1, rejected=1)), posted.faults.get(line, ()))
            for line, id_ in enumerate(posted.batch.ids)
        ]

    def find(self, connection: Connection, id_: str) -> tuple[Deal | None, Flow]:
        """The deal of that id, or None, and the applied flow."""
        flow = self.flow(connection)[1]
        return deals.find(connection, flow, id_), flow

    def remove(self, transaction: Transaction, id_: str) -> bool:
        """Delete the deal of that id; False where there is none. Raises DealsElsewhere where deals live elsewhere."""
        flow = writable(self.flow(transaction.connection)[1])
        if deals.find(transaction.connection, flow, id_) is None:
            return False
        deals.remove(transaction, flow, id_)
        return True
