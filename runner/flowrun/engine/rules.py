"""The rules of one applied revision, compiled: everything a tick needs that does not change between ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import insert, select

from flowrun.engine.act import Acting, acting
from flowrun.engine.alone import Locks, locks
from flowrun.engine.batch import batch, candidates
from flowrun.engine.deliveries import noting
from flowrun.engine.gather import Gathering, gathering
from flowrun.engine.guards import Beyond, Guard, guards, sensitive
from flowrun.engine.judge import Ground, judging
from flowrun.engine.outgoing import Outgoing, outgoing
from flowrun.engine.statement import Statement
from flowrun.flow.model import Flow, Mode, Tunnel
from flowrun.store.tables import aliased, deals_table, routes

CHUNK = 48
"""Tunnels per statement: a CASE with an arm for each must stay well within SQLite's limits on a statement."""

Chunk = tuple[int, int]
"""A range of file positions: the first, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A revision, ready to run. `order` are its tunnels by file position; `judge` is by chunk; `routed` are the stages
    that a tunnel leaves which isn't off. `outgoing` takes the place of acting where what fires is carried elsewhere;
    `noting` writes down what webhooks are to be told."""

    revision: int
    flow: Flow
    order: tuple[Tunnel, ...]
    judge: Mapping[Chunk, Statement]
    chunks_of_batch: Statement
    acting: Acting
    gathering: Gathering
    guards: tuple[Guard, ...]
    locks: Locks
    routed: frozenset[str]
    outgoing: Outgoing | None = None
    noting: Statement | None = None


def rules_of(revision: int, flow: Flow, beyond: Beyond | None = None, *, live: bool = False) -> Rules:
    """Compile a revision. `beyond`: deals that stand beside those of the store.

    `live`: where deals live elsewhere, what fires is to be carried there, and webhooks are told; else it happens at
    once, and nobody is told, as in a scratch.
    """
    away = live and flow.source.elsewhere
    order = tuple(flow.tunnels.values())
    on = {at: tunnel for at, tunnel in enumerate(order) if tunnel.mode is not Mode.OFF}
    chunks = chunked(on)
    delicate = [at for at, tunnel in sensitive(order).items() if tunnel.mode is not Mode.OFF]
    ground = ground_of_batch(flow)
    columns = [column.name for column in candidates.c]
    return Rules(
        revision=revision,
        flow=flow,
        order=order,
        judge={
            span: Statement(insert(candidates).from_select(columns, judging(flow, mine, ground)))
            for span, mine in chunks.items()
        },
        chunks_of_batch=Statement(
            select(ground.route.c.position - ground.route.c.position % CHUNK).select_from(ground.source).distinct()
        ),
        acting=acting(flow, chunks, delicate),
        gathering=gathering(flow, order),
        guards=guards(flow, order, beyond),
        locks=locks(on),
        routed=frozenset(stage for tunnel in on.values() for stage in tunnel.sources),
        outgoing=outgoing(flow, chunks) if away else None,
        noting=noting(flow, order, away=away) if live else None,
    )


def ground_of_batch(flow: Flow) -> Ground:
    """The deals of the working table `batch`, in its order, beside the applied routes."""
    deal = aliased(deals_table(flow), "d")
    route = aliased(routes, "r")
    return Ground(
        source=batch.join(deal, deal.c.seq == batch.c.deal).join(route, route.c.stage == deal.c.stage),
        deal=deal,
        route=route,
        order=batch.c.ord,
    )


def chunked(tunnels: Mapping[int, Tunnel]) -> dict[Chunk, dict[int, Tunnel]]:
    """Tunnels by file position, in ranges of at most `CHUNK`."""
    chunks: dict[Chunk, dict[int, Tunnel]] = {}
    for at, tunnel in tunnels.items():
        start = at // CHUNK * CHUNK
        chunks.setdefault((start, start + CHUNK), {})[at] = tunnel
    return chunks
