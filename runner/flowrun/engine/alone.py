"""What a tick must have to itself while other runners work on the same PostgreSQL store.

The claimed deals are locked by claiming. What reaches beyond them is locked here, before it is read, each in a
statement of its own, so that what is read afterwards is what the last one left:

- the tunnels that take turns or have a breaker: their rows;
- the pipelines in which `unless_exists` looks: an advisory lock each;
- the deals that a `which: origin` tunnel would move, and the first deal of each lineage that would copy: their rows.

Locks of one kind are taken in one order, so that two ticks rarely wait for each other in a circle; where they do, the
database ends one of them, and its runner begins that tick anew. On SQLite whoever writes is alone already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from flowrun.engine.batch import acts, candidates, rules
from flowrun.engine.effects import rotates
from flowrun.engine.judge import Route, Verdict
from flowrun.engine.statement import Statement
from flowrun.flow.model import Action, Tunnel
from flowrun.store.database import WRITING
from flowrun.store.tables import deals_table, tunnels

_PIPELINE = text(
    "SELECT pg_advisory_xact_lock((SELECT oid::int FROM pg_namespace WHERE nspname = current_schema()), "
    "hashtext(:pipeline))"
)
_READY = candidates.c.verdict == int(Verdict.READY)


@dataclass(frozen=True, slots=True)
class Locks:
    """The locking statements of one revision. None where it has no such tunnel."""

    tunnels: Statement | None
    origins: Statement | None
    lineages: Statement | None

    def take(self, connection: Connection) -> None:
        """Lock what deciding the judged batch looks at, but for pipelines."""
        if connection.dialect.name != "postgresql":
            return
        for statement in (self.tunnels, self.origins, self.lineages):
            if statement is not None:
                statement.run(connection).close()


def locks(order: Mapping[int, Tunnel]) -> Locks:
    """The statements for these tunnels, by file position: those of a flow that aren't off."""
    counting = [at for at, tunnel in order.items() if rotates(tunnel) or tunnel.breaker is not None]
    return Locks(
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


def _origins() -> Statement:
    deals = deals_table(None)
    copy = deals_table(None).alias("copy")
    moved = (
        select(copy.c.origin)
        .join(candidates, candidates.c.seq == copy.c.seq)
        .where(_READY, candidates.c.kind == Route.ORIGIN.value)
    )
    return Statement(select(deals.c.seq).where(deals.c.id.in_(moved)).order_by(deals.c.seq).with_for_update())


def _lineages() -> Statement:
    """A deal that is no copy is the first of its lineage itself, and locked already."""
    deals = deals_table(None)
    copy = deals_table(None).alias("copy")
    roots = (
        select(func.distinct(copy.c._root))
        .join(candidates, candidates.c.seq == copy.c.seq)
        .where(_READY, candidates.c.kind == Route.COPY.value, copy.c._root.is_not(None))
    )
    return Statement(select(deals.c.seq).where(deals.c.id.in_(roots)).order_by(deals.c.seq).with_for_update())
