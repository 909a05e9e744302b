"""What a tick must have to itself while other runners work on the same PostgreSQL store.

The claimed deals are locked by claiming. What reaches beyond them is locked here, before it is read, each in a
statement of its own, so that what is read afterwards is what the last one left:

- the tunnels that take turns or have a breaker: their rows;
- the pipelines in which `unless_exists` looks: an advisory lock each;
- the deals that a `which: origin` tunnel would move, and the first deal of each lineage that would copy: their rows.

A deal is never waited for, as in claiming: while someone else has it, who knows for how long, those of the batch that
need it are left for a later tick. Other locks of one kind are taken in one order, so that two ticks rarely wait for
each other in a circle; where they do, the database ends one of them, and its runner begins that tick anew. On SQLite
whoever writes is alone already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, FromClause, bindparam, delete, select, text

from flowrun.engine.batch import acts, batch, candidates, rules
from flowrun.engine.effects import rotates
from flowrun.engine.judge import Route, Verdict
from flowrun.engine.statement import Statement
from flowrun.flow.model import Action, Tunnel
from flowrun.store.database import WRITING
from flowrun.store.tables import aliased, deals_table, tunnels

_PIPELINE = text(
    "SELECT pg_advisory_xact_lock((SELECT oid::int FROM pg_namespace WHERE nspname = current_schema()), "
    "hashtext(:pipeline))"
)
_READY = candidates.c.verdict == int(Verdict.READY)


@dataclass(frozen=True, slots=True)
class Locks:
    """The locking statements of one revision. None where it has no such tunnel.

    Those for origins and lineages find the deals of the batch (by seq) whose other deal someone else has. `counting`
    are the positions of the tunnels that take turns or have a breaker.
    """

    counting: frozenset[int]
    tunnels: Statement | None
    origins: Statement | None
    lineages: Statement | None

    def take(self, connection: Connection, ready: Collection[tuple[str, int]]) -> Collection[int]:
        """Lock what deciding the judged batch looks at, but for pipelines; the deals (by seq) that had to leave it.

        `ready` are the kinds and positions of its ready candidates.
        """
        if connection.dialect.name != "postgresql":
            return ()
        kinds, positions = {kind for kind, _ in ready}, {at for _, at in ready}
        left: set[int] = set()
        if self.origins is not None and Route.ORIGIN in kinds:
            left.update(self.origins.run(connection).scalars())
        if self.lineages is not None and Route.COPY in kinds:
            left.update(self.lineages.run(connection).scalars())
        if left:
            for leave in _LEAVE:
                connection.execute(leave, {"left": sorted(left)})
        if self.tunnels is not None and not positions.isdisjoint(self.counting):
            self.tunnels.run(connection).close()
        return left


def locks(order: Mapping[int, Tunnel]) -> Locks:
    """The statements for these tunnels, by file position: those of a flow that aren't off."""
    counting = [at for at, tunnel in order.items() if rotates(tunnel) or tunnel.breaker is not None]
    return Locks(
        counting=frozenset(counting),
        tunnels=_tunnels(counting) if counting else None,
        origins=_origins() if any(tunnel.origin for tunnel in order.values()) else None,
        lineages=_lineages() if any(tunnel.action is Action.COPY for tunnel in order.values()) else None,
    )


def lock_pipelines(connection: Connection, pipelines: Collection[str]) -> None:
    """Let no other tick look for deals like its own in these pipelines until this one is done; nothing in a read."""
    if connection.dialect.name == "postgresql" and connection.get_execution_options().get(WRITING):
        for pipeline in sorted(pipelines):
            connection.execute(_PIPELINE, {"pipeline": pipeline}).close()


def lock_counters(connection: Connection) -> None:
    """Lock the rows of the tunnels that are about to be counted."""
    if connection.dialect.name == "postgresql":
        _COUNTERS.run(connection).close()


_COUNTERS = Statement(
    select(tunnels.c.id)
    .where(tunnels.c.id.in_(select(rules.c.tunnel).join(acts, acts.c.pos == rules.c.pos)))
    .order_by(tunnels.c.id)
    .with_for_update()
)


def _tunnels(counting: Collection[int]) -> Statement:
    asked = select(rules.c.tunnel).join(candidates, candidates.c.pos == rules.c.pos)
    ready = asked.where(_READY, candidates.c.pos.in_(sorted(counting)))
    return Statement(select(tunnels.c.id).where(tunnels.c.id.in_(ready)).order_by(tunnels.c.id).with_for_update())


_LEFT = bindparam("left", expanding=True, type_=BigInteger)
_LEAVE = (delete(candidates).where(candidates.c.seq.in_(_LEFT)), delete(batch).where(batch.c.deal.in_(_LEFT)))


def _origins() -> Statement:
    copy = aliased(deals_table(None), "copy")
    return _locking(copy, copy.c.origin, candidates.c.kind == Route.ORIGIN.value)


def _lineages() -> Statement:
    """A deal that is no copy is the first of its lineage itself, and locked already."""
    copy = aliased(deals_table(None), "copy")
    return _locking(copy, copy.c._root, candidates.c.kind == Route.COPY.value)


def _locking(copy: FromClause, other: Column[str], which: ColumnElement[bool]) -> Statement:
    """Lock the deal that `other` of each such candidate's names, if it is free; the candidates whose it isn't.

    One that is there no more is nothing to lock.
    """
    deals, there = deals_table(None), aliased(deals_table(None), "there")
    ready = (_READY, which, other.is_not(None))
    ids = select(other).join_from(copy, candidates, candidates.c.seq == copy.c.seq).where(*ready)
    free = select(deals.c.id).where(deals.c.id.in_(ids)).with_for_update(skip_locked=True).cte("free")
    wanted = copy.join(candidates, candidates.c.seq == copy.c.seq).join(there, there.c.id == other)
    return Statement(
        select(copy.c.seq)
        .distinct()
        .select_from(wanted.outerjoin(free, free.c.id == other))
        .where(*ready, free.c.id.is_(None))
    )
