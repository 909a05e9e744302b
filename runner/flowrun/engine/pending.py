"""What time will bring: the deals whose firings wait for their due instant, soonest first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, union_all

from flowrun.engine.judge import Ground, Verdict, judge_parameters, judging
from flowrun.engine.rules import chunked
from flowrun.errors import WorkFailed
from flowrun.flow.model import Mode, Tunnel
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.tables import deals_table, queue, routes


@dataclass(frozen=True, slots=True)
class Wait:
    """A deal and a tunnel. `due_at` is an instant (ms, UTC); `waits_for` is a word of semantics.md: due, condition."""

    deal: str
    tunnel: str
    due_at: int
    waits_for: str


@dataclass(frozen=True, slots=True)
class Pending:
    """All that waits for time at one instant, in the project's `timezone`.

    `next_at` is the next instant at which time may change something, or None. `count` is of all, also of those beyond
    the limit.
    """

    now: int
    timezone: str
    next_at: int | None
    count: int
    waits: tuple[Wait, ...]


def pending(store: Store, *, deal: str | None = None, tunnel: str | None = None, limit: int | None = None) -> Pending:
    """What waits, of one deal or tunnel or of all (None). Raises WorkFailed for names that aren't there."""
    now = store.clock.now()
    with store.read() as connection:
        applied = revisions.current(connection)
        if applied is None:
            raise WorkFailed("no revision is applied in this store yet", "apply one with 'flowrun apply'")
        flow = applied.flow
        order = list(flow.tunnels.values())
        if tunnel is not None and tunnel not in flow.tunnels:
            raise WorkFailed(f"there is no tunnel '{tunnel}'")
        deals = deals_table(flow).alias("d")
        if deal is not None and connection.execute(select(deals.c.seq).where(deals.c.id == deal)).first() is None:
            raise WorkFailed(f"there is no deal '{deal}'")
        next_at = connection.execute(select(func.min(queue.c.wake_at))).scalar_one()
        next_at = None if next_at is None else max(next_at, now)
        wanted = {at: one for at, one in enumerate(order) if one.mode is not Mode.OFF and tunnel in (None, one.id)}
        if not wanted:
            return Pending(now, flow.timezone, next_at, 0, ())
        route = routes.alias("r")
        source = queue.join(deals, deals.c.seq == queue.c.deal).join(route, route.c.stage == deals.c.stage)
        ground = Ground(source, deals, route, deals.c.seq)
        found = union_all(*(judging(flow, mine, ground) for mine in chunked(wanted).values())).subquery("found")
        waits = (
            select(deals.c.id, found.c.pos, found.c.due_at)
            .select_from(found.join(deals, deals.c.seq == found.c.seq))
            .where(found.c.verdict == int(Verdict.WAIT))
        )
        waits = waits.where(deals.c.id == deal) if deal is not None else waits
        moment = judge_parameters(flow, now)
        count = connection.execute(select(func.count()).select_from(waits.subquery("waits")), moment).scalar_one()
        listed = waits.order_by(found.c.due_at, found.c.seq, found.c.pos).limit(limit)
        rows = connection.execute(listed, moment).all()
        return Pending(
            now,
            flow.timezone,
            next_at,
            count,
            tuple(
                Wait(id_, order[pos].id, due_at, _waits_for(order[pos], due_at, moment)) for id_, pos, due_at in rows
            ),
        )


def _waits_for(tunnel: Tunnel, due_at: int, moment: dict[str, object]) -> str:
    by_date = tunnel.when is not None and tunnel.when.uses_today
    return "condition" if by_date and due_at == moment["midnight"] else "due"
