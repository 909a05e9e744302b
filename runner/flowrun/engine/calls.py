"""Calls: firings on their way to where deals live, taken by a runner to be carried out, within the source's budget.

Nothing is held while a source is asked: a call is leased to a runner in one transaction (`claim`), made outside any,
and settled in another (`engine.settlement`). Whoever loses its lease in the middle of a call leaves an outcome that
nobody knows: such a call is looked up in the source before anything else.

The lease is no lock. It only says who is expected to come back, and is looked at once more before the source is asked
(`still_held`); that nothing happens twice rests on the call's key, on looking up before repeating, and on the deal's
entry, which a settlement compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from flowrun.engine.source import Budget, allowance, locked_source, next_token, spend
from flowrun.engine.waking import wake
from flowrun.flow.model import Action, Flow
from flowrun.store.connection import Transaction
from flowrun.store.tables import calls, deals_table, firings, flowrun, routes, sources, waiters

DUE = "due"
CALLING = "calling"
UNKNOWN = "unknown"
PARKED = "parked"
"""The states of a call. `PARKED` ones wait for a person; the others are on their way."""

_LAPSED = "its runner went away in the middle of the call"

Stored: TypeAlias = str | int | None
"""A value as the store has it (`expr.values.encode`)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was claimed. `content` has stored values (`expr.values.decode` reads them).

    `target` is the deal that moves or is copied, which stood in `from_stage` with that `entry`; `new_id` what flowrun
    would call a copy, null for a move. `lease` is the instant (ms, UTC) until which it is its runner's.
    """

    firing: int
    key: str
    action: Action
    deal: str
    target: str
    entry: int
    from_stage: str
    to_stage: str
    content: Mapping[str, Stored]
    new_id: str | None
    tunnel: str
    attempts: int
    finds: int
    lease: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a runner got. `to_find` are calls whose outcome is unknown: they are looked up, not made.

    `again_at` is when it may pay to ask again (ms, UTC; null: when a call is added). `current` is false where another
    source, or another revision, than the runner's is applied by now: it gets nothing, and is to open the source anew.
    """

    to_perform: tuple[Call, ...] = ()
    to_find: tuple[Call, ...] = ()
    again_at: int | None = None
    current: bool = True

    def __bool__(self) -> bool:
        return bool(self.to_perform or self.to_find)


def claim_calls(
    transaction: Transaction, revision: int, flow: Flow, runner: str, *, limit: int, lease: int, budget: Budget
) -> Claimed:
    """Lease at most `limit` of the calls that are due to that runner, for `lease` milliseconds.

    `revision` and `flow` are what the runner has opened its source for. Calls that have become void, since their deal
    has moved on before anything was asked of the source, are taken back.
    """
    connection, now = transaction.connection, transaction.now
    if connection.execute(select(flowrun.c.revision)).scalar_one() != revision:
        return Claimed(current=False)
    known = locked_source(connection, flow)
    if known is None:
        return Claimed(current=False)
    lapse(connection, now)
    if known.paused_until is not None and known.paused_until > now:
        return Claimed(again_at=known.paused_until)
    allowed = allowance(known, budget, now)
    rows = _due(connection, now, limit if allowed else 0)
    void = [row for row in rows if row.state == DUE and row.action == Action.MOVE.value and row.stands is None]
    if void:
        take_back(connection, flow, calls.c.firing.in_([row.firing for row in void]), now)
    mine = [row for row in rows if row not in void]
    if allowed == 1 and mine:
        # One batch, so one question: what is to be made or what is to be looked up.
        mine = [row for row in mine if row.state == mine[0].state]
    if budget.per_second is not None and mine:
        spend(connection, known, budget, len({row.state for row in mine}), now)
    until = now + lease
    # By number alone: with their state beside it, SQLite goes through all calls that are in that state.
    for state, into in ((DUE, CALLING), (UNKNOWN, UNKNOWN)):
        if ids := [row.firing for row in mine if row.state == state]:
            taken = update(calls).where(calls.c.firing.in_(ids))
            connection.execute(taken.values(state=into, runner=runner, leased_until=until))
    return Claimed(
        tuple(_call(row, until) for row in mine if row.state == DUE),
        tuple(_call(row, until) for row in mine if row.state == UNKNOWN),
        _again_at(connection, known, budget, allowed, now),
    )


def still_held(connection: Connection, claimed: Sequence[Call], runner: str, now: int) -> list[Call]:
    """Of these calls, those that are still that runner's: a runner that was stopped for longer than its lease finds
    that another one has them, or may have at any moment."""
    leases, mine = {call.firing: call.lease for call in claimed}, set[int]()
    for part in parts(list(leases)):
        held = (calls.c.firing.in_(part), calls.c.state == CALLING, calls.c.runner == runner)
        rows = connection.execute(select(calls.c.firing, calls.c.leased_until).where(*held, calls.c.leased_until > now))
        mine.update(firing for firing, until in rows if leases[firing] == until)
    return [call for call in claimed if call.firing in mine]


def copies_by_key(connection: Connection, keys: Iterable[str]) -> list[Call]:
    """The copies on their way that have these keys, whoever has them; not claimed by that."""
    found: list[Call] = []
    for part in parts(sorted(set(keys))):
        made = select(calls).where(calls.c.key.in_(part), calls.c.action == Action.COPY.value)
        found += [_call(row, row.leased_until or 0) for row in connection.execute(made)]
    return found


def runners_calling(connection: Connection) -> list[str]:
    """Who has calls."""
    return list(connection.execute(select(calls.c.runner).where(calls.c.runner.is_not(None)).distinct()).scalars())


def give_up(connection: Connection, runner: str, now: int) -> None:
    """That runner is certainly gone: what it had need not be waited for."""
    mine = and_(calls.c.runner == runner, calls.c.leased_until > now)
    connection.execute(update(calls).where(mine).values(leased_until=now))
    connection.execute(update(sources).where(sources.c.reader == runner).values(reader=None, reader_until=None))


def lapse(connection: Connection, now: int) -> int:
    """Calls whose runner hasn't come back: nobody knows what became of them. How many."""
    gone = update(calls).where(calls.c.state == CALLING, calls.c.leased_until <= now)
    fresh = {"state": UNKNOWN, "next_at": now, "runner": None, "leased_until": None, "reason": _LAPSED}
    return int(connection.execute(gone.values(fresh)).rowcount)


def on_their_way() -> ColumnElement[bool]:
    """Whether a call isn't parked."""
    return calls.c.state != PARKED


def in_flight() -> ColumnElement[bool]:
    """Whether a call may have an effect in the source that the store doesn't know of."""
    return calls.c.state.in_([CALLING, UNKNOWN])


def take_back(connection: Connection, flow: Flow, which: ColumnElement[bool], now: int) -> int:
    """Undo the intent of calls that certainly had no effect: their deals are judged anew. How many."""
    rows = connection.execute(select(calls.c.firing, calls.c.deal, calls.c.target, calls.c.to_stage).where(which)).all()
    for part in parts([row.firing for row in rows]):
        connection.execute(delete(firings).where(firings.c.seq.in_(part), firings.c.result == "pending"))
        connection.execute(delete(calls).where(calls.c.firing.in_(part)))
    held = [id_ for row in rows for id_ in (row.deal, row.target)]
    wake_after(connection, flow, held, [row.to_stage for row in rows], now)
    return len(rows)


def wake_after(connection: Connection, flow: Flow, held: Iterable[str], stages: Iterable[str], now: int) -> None:
    """Look again at what a call held back: these deals, copies that would move one of them, and whoever waits for what
    comes into one of these stages."""
    deals = deals_table(None)
    routed = exists().where(routes.c.stage == deals.c.stage)
    origins = any(tunnel.origin for tunnel in flow.tunnels.values())
    for part in parts(sorted(set(held))):
        wake(connection, deals, and_(deals.c.id.in_(part), routed), now)
        if origins:
            wake(connection, deals, and_(deals.c.origin.in_(part), routed), now)
    pipelines = sorted({stage.partition(".")[0] for stage in stages})
    waiting = waiters.c.pipeline.in_(pipelines)
    if pipelines and connection.execute(select(waiters.c.deal).where(waiting).limit(1)).first() is not None:
        wake(connection, deals, deals.c.seq.in_(select(waiters.c.deal).where(waiting)), now)
        connection.execute(delete(waiters).where(waiting))


def _ready(state: str, now: int) -> ColumnElement[bool]:
    """Whether a call in that state may be taken now. Each state is asked for apart, in the order of its index."""
    free = or_(calls.c.leased_until.is_(None), calls.c.leased_until <= now)
    return and_(calls.c.state == state, calls.c.next_at <= now, *([free] if state == UNKNOWN else []))


def _due(connection: Connection, now: int, limit: int) -> list[Row[Any]]:
    """The calls that may be taken, oldest first, at most half of them to be looked up where others can be made.

    `stands` is null where the deal has left its entry.
    """
    unknown = _oldest(connection, UNKNOWN, now, (limit + 1) // 2)
    due = _oldest(connection, DUE, now, limit - len(unknown))
    return [*unknown, *due]


def _oldest(connection: Connection, state: str, now: int, limit: int) -> list[Row[Any]]:
    if limit <= 0:
        return []
    deals = deals_table(None)
    stands = select(deals.c.seq).where(deals.c.id == calls.c.target, deals.c.entry == calls.c.entry).scalar_subquery()
    statement = select(calls, stands.label("stands")).where(_ready(state, now))
    statement = statement.order_by(calls.c.next_at, calls.c.firing).limit(limit)
    if connection.dialect.name == "postgresql":
        statement = statement.with_for_update(of=calls, skip_locked=True)
    return list(connection.execute(statement))


def _again_at(connection: Connection, known: Any, budget: Budget, allowed: int, now: int) -> int | None:
    """When there may be something to take, after what was just taken."""
    for state in (DUE, UNKNOWN):
        if connection.execute(select(calls.c.firing).where(_ready(state, now)).limit(1)).first() is not None:
            return now if allowed else next_token(known, budget, now)
    later = select(func.min(calls.c.next_at)).where(calls.c.state == DUE, calls.c.next_at > now)
    # Of these there are few: as many as runners have in hand, and what they can't tell.
    back = func.min(func.coalesce(calls.c.leased_until, calls.c.next_at))
    taken = select(back).where(calls.c.state.in_([CALLING, UNKNOWN]))
    found = [at for one in (later, taken) if (at := connection.execute(one).scalar_one()) is not None]
    return min(found, default=None)


def _call(row: Row[Any], until: int) -> Call:
    return Call(
        firing=row.firing,
        key=row.key,
        action=Action(row.action),
        deal=row.deal,
        target=row.target,
        entry=row.entry,
        from_stage=row.from_stage,
        to_stage=row.to_stage,
        content=json.loads(row.content),
        new_id=row.new_id,
        tunnel=row.tunnel,
        attempts=row.attempts,
        finds=row.finds,
        lease=until,
    )


def parts(items: list[Any], size: int = 1_000) -> Iterator[list[Any]]:
    """The list in parts that a statement can name one by one."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
