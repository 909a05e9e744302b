"""Importing: the rows of a file into the store, one transaction a batch (`merging` does the work).

A stage is set only where the row's differs from the one last imported for that deal: so importing again never fights
the tunnels.

One transaction a batch, not one for the file: other programs and the runner get their turn, and the log stays small.
An import that is interrupted has done whole batches; running it again does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, Table, select

from flowrun.errors import WorkFailed
from flowrun.sources.batches import Batch
from flowrun.sources.merging import Merge, Stages, Tally, fresh
from flowrun.store.connection import Store
from flowrun.store.revisions import Revision
from flowrun.store.tables import Text, flowrun
from flowrun.store.upsert import upsert

_seen = Table(
    "seen",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("line", Integer, nullable=False),
    sqlite_with_rowid=False,
    prefixes=["TEMPORARY"],
)
"""The ids of the file so far, with the line that each came in first."""


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
        with store.read(connection):
            self._merge = Merge(connection, revision.flow, Stages.ALWAYS if restage else Stages.NEW)
            fresh(connection, _seen)

    def take(self, batch: Batch) -> list[Reject]:
        """Import a batch; the rows that were not taken, by line.

        Raises WorkFailed if another revision has been applied since the import began.
        """
        with self._store.write(self._connection) as transaction:
            connection = transaction.connection
            if connection.execute(select(flowrun.c.revision)).scalar_one() != self._revision.number:
                message = "another revision was applied while this import ran; what was imported so far stays"
                raise WorkFailed(message, "run the import again")
            _note_repeated(connection, batch)
            tally = self._merge.merge(connection, batch, transaction.now)
        self.tally.add(tally)
        return [Reject(line, batch.originals.get(line, ()), reasons) for line, reasons in sorted(batch.faults.items())]


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
