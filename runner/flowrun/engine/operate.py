"""Operations on tunnels and parked firings: pause, resume, retry."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select, update

from flowrun.engine import calls as calling
from flowrun.engine.journalling import PARKED, PENDING
from flowrun.engine.waking import wake
from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow, Reason
from flowrun.store import revisions
from flowrun.store.connection import Transaction
from flowrun.store.tables import activity, calls, deals_table, firings, tunnels


def pause(transaction: Transaction, tunnel: str) -> bool:
    """Let the tunnel wait; False if it was paused already. Raises WorkFailed for a tunnel that isn't there."""
    _known(transaction, tunnel)
    done = transaction.connection.execute(
        update(tunnels).where(tunnels.c.id == tunnel, tunnels.c.paused_at.is_(None)).values(paused_at=transaction.now)
    )
    return bool(done.rowcount)


def resume(transaction: Transaction, tunnel: str) -> bool:
    """Let a paused or tripped tunnel go on, its breaker counting anew; False if it was neither."""
    flow = _known(transaction, tunnel)
    connection = transaction.connection
    state = connection.execute(select(tunnels.c.paused_at, tunnels.c.tripped_at).where(tunnels.c.id == tunnel)).one()
    if state.paused_at is None and state.tripped_at is None:
        return False
    connection.execute(update(tunnels).where(tunnels.c.id == tunnel).values(paused_at=None, tripped_at=None))
    if state.tripped_at is not None:
        connection.execute(delete(activity).where(activity.c.tunnel == tunnel))
    deals = deals_table(flow)
    wake(connection, deals, deals.c.stage.in_(flow.tunnels[tunnel].sources), transaction.now)
    return True


def retry(transaction: Transaction, deal: str | None) -> int:
    """Let parked firings try again, once past the budgets that parked them: those of one deal, or all (None).

    Returns how many. A retried firing still needs everything else: the deal in its stage and entry, its condition, and
    its time. One of which nobody knows whether it happened where deals live is on its way again instead, and looked up
    there first. Raises WorkFailed for a deal that isn't there.
    """
    connection = transaction.connection
    applied = revisions.current(connection)
    deals = deals_table(applied.flow if applied else None)
    if deal is not None and connection.execute(select(deals.c.seq).where(deals.c.id == deal)).first() is None:
        raise WorkFailed(f"there is no deal '{deal}'")
    parked = (firings.c.result == PARKED, firings.c._retry == 0)
    mine = parked if deal is None else (*parked, firings.c.deal == deal)
    looked_up = _look_up(transaction, mine)
    standing = select(deals.c.seq).where(deals.c.id == firings.c.deal, deals.c.entry == firings.c.entry).exists()
    # What the source refused is made anew, with the values that it has by then.
    connection.execute(delete(calls).where(calls.c.firing.in_(select(firings.c.seq).where(*mine, standing))))
    ids = select(firings.c.deal).where(*mine, standing)
    wake(connection, deals, deals.c.id.in_(ids), transaction.now)
    again = connection.execute(update(firings).where(*mine, standing).values(_retry=1)).rowcount
    return looked_up + int(again)


def _look_up(transaction: Transaction, mine: Sequence[ColumnElement[bool]]) -> int:
    """Have those of these parked firings looked up whose outcome is unknown; how many."""
    connection = transaction.connection
    unknown = select(firings.c.seq).where(*mine, firings.c.reason == Reason.UNKNOWN.value)
    asked = calls.c.state == calling.PARKED, calls.c.firing.in_(unknown)
    fresh = {"state": calling.UNKNOWN, "attempts": 0, "finds": 0, "next_at": transaction.now}
    found = list(connection.execute(select(calls.c.firing).where(*asked)).scalars())
    for part in calling.parts(found):
        connection.execute(update(calls).where(calls.c.firing.in_(part)).values(fresh))
        pending = {"result": PENDING, "reason": None}
        connection.execute(update(firings).where(firings.c.seq.in_(part)).values(pending))
    return len(found)


def _known(transaction: Transaction, tunnel: str) -> Flow:
    applied = revisions.current(transaction.connection)
    if applied is None:
        raise WorkFailed("no revision is applied in this store yet", "apply one with 'flowrun apply'")
    if tunnel not in applied.flow.tunnels:
        from flowrun.diagnostics import did_you_mean

        raise WorkFailed(f"there is no tunnel '{tunnel}'", did_you_mean(tunnel, applied.flow.tunnels))
    return applied.flow
