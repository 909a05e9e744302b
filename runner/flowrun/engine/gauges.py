"""The store in numbers, for whoever watches it: cheap enough to be asked every few seconds.

Each number comes from an index and is counted no further than `MOST`, so that the answer takes some milliseconds
whether ten deals wait or ten million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Integer, Select, func, literal_column, select

from flowrun.engine.elsewhere import MOST, by_state
from flowrun.engine.journalling import PARKED
from flowrun.store.connection import Store
from flowrun.store.runners import registered
from flowrun.store.tables import firings, flowrun, queue, tunnels

_ONE = select(literal_column("1", Integer)).select_from(queue)


@dataclass(frozen=True, slots=True)
class Gauges:
    """At `now` (ms, UTC). `lag` is the age in ms of the oldest awake deal, 0 where none is awake.

    `revision` is null where none is applied. `waiting` are the deals that time alone will wake; `parked` the firings
    that wait for `retry`, by tunnel (those without any left out); `tripped` and `paused` are by tunnel, all of them.
    `calls` are what is on its way to where deals live, or parked, by state.
    """

    now: int
    revision: int | None
    lag: int
    awake: int
    waiting: int
    parked: Mapping[str, int]
    tripped: Mapping[str, bool]
    paused: Mapping[str, bool]
    runners: int
    calls: Mapping[str, int] = field(default_factory=dict)


def gauges(store: Store) -> Gauges:
    """The numbers now. Raises WorkFailed where the store can't be read."""
    with store.read() as connection:
        return read(connection, store.clock.now())


def read(connection: Connection, now: int) -> Gauges:
    """The numbers at that instant (ms, UTC), in the transaction that is open on the connection."""
    revision = connection.execute(select(flowrun.c.revision)).scalar_one()
    oldest = connection.execute(select(func.min(queue.c.wake_at))).scalar_one()
    states = connection.execute(select(tunnels.c.id, tunnels.c.tripped_at, tunnels.c.paused_at)).all()
    some = select(firings.c.tunnel).where(firings.c.result == PARKED, firings.c._retry == 0).limit(MOST).subquery()
    parked = connection.execute(select(some.c.tunnel, func.count()).group_by(some.c.tunnel)).all()
    return Gauges(
        now=now,
        revision=revision,
        lag=max(0, now - oldest) if oldest is not None else 0,
        awake=_count(connection, _ONE.where(queue.c.wake_at <= now)),
        waiting=_count(connection, _ONE.where(queue.c.wake_at > now)),
        parked=dict(map(tuple, parked)),
        tripped={row.id: row.tripped_at is not None for row in states},
        paused={row.id: row.paused_at is not None for row in states},
        runners=sum(not runner.gone(now) for runner in registered(connection)),
        calls=by_state(connection),
    )


def _count(connection: Connection, rows: Select[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(rows.limit(MOST).subquery())).scalar_one())
