"""The health of the whole: revision, deals, what is awake or parked, and the state of each tunnel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from flowrun.engine.deliveries import WebhookStatus, webhook_status
from flowrun.engine.elsewhere import Elsewhere, elsewhere
from flowrun.engine.journalling import PARKED
from flowrun.expr.types import Value
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.deals import Total, totals
from flowrun.store.revisions import Revision
from flowrun.store.runners import Registered, registered
from flowrun.store.tables import firings, queue, tunnels


@dataclass(frozen=True, slots=True)
class TunnelStatus:
    """One tunnel. `state` is live, paused or tripped; `parked` counts firings that wait for `retry`."""

    id: str
    mode: str
    state: str
    fired: int
    parked: int
    last_fired_at: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """The store at one instant. `next_at` is when time alone may next change something; None: it won't.

    `board` counts the deals of every stage, zeros included; `sums` has the sums of their numbers, by stage and field,
    where they were asked for. `runners` are those that run without end, or did and have
    gone without a word (`Registered.gone`). `source` is None where deals live in the store.
    """

    now: int
    revision: Revision
    deals: int
    awake: int
    parked: int
    next_at: int | None
    tunnels: tuple[TunnelStatus, ...]
    board: dict[str, int]
    runners: tuple[Registered, ...] = ()
    source: Elsewhere | None = None
    webhooks: tuple[WebhookStatus, ...] = ()
    sums: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether nothing waits for a person: no tunnel tripped, no firing parked, no webhook told in vain, no source
        in trouble."""
        told = not any(one.dead or one.disabled_at is not None for one in self.webhooks)
        reached = self.source is None or self.source.trouble is None
        return told and reached and not self.parked and all(tunnel.state != "tripped" for tunnel in self.tunnels)


def status(store: Store) -> Status:
    """The status now. Raises WorkFailed where no revision is applied."""
    with store.read() as connection:
        return read(connection, revisions.applied(connection), store.clock.now())


def read(connection: Connection, applied: Revision, now: int, *, sums: bool = False) -> Status:
    """The status under the applied revision at that instant (ms, UTC), in the transaction that is open.

    `sums`: also the sums of the deals' numbers.
    """
    by_stage = totals(connection, applied.flow if sums else None)
    waits = select(firings.c.tunnel, func.count()).where(firings.c.result == PARKED, firings.c._retry == 0)
    parked: dict[str, int] = dict(connection.execute(waits.group_by(firings.c.tunnel)).all())
    states = {row.id: row for row in connection.execute(select(tunnels))}
    awake = connection.execute(select(func.count()).where(queue.c.wake_at <= now)).scalar_one()
    present = registered(connection)
    source = elsewhere(connection, applied.flow)
    hooks = webhook_status(connection, applied.flow)
    next_at = connection.execute(select(func.min(queue.c.wake_at))).scalar_one()
    none = Total(0)
    return Status(
        now=now,
        revision=applied,
        deals=sum(one.deals for one in by_stage.values()),
        awake=awake,
        parked=sum(parked.values()),
        next_at=None if next_at is None else max(next_at, now),
        tunnels=tuple(
            TunnelStatus(
                id=id_,
                mode=tunnel.mode.value,
                state=_state(states[id_].paused_at, states[id_].tripped_at),
                fired=states[id_].fired,
                parked=parked.get(id_, 0),
                last_fired_at=states[id_].last_fired_at,
            )
            for id_, tunnel in applied.flow.tunnels.items()
        ),
        board={stage: by_stage.get(stage, none).deals for stage in applied.flow.stages},
        runners=present,
        source=source,
        webhooks=hooks,
        sums={stage: by_stage.get(stage, none).sums for stage in applied.flow.stages} if sums else {},
    )


def _state(paused_at: int | None, tripped_at: int | None) -> str:
    if tripped_at is not None:
        return "tripped"
    return "live" if paused_at is None else "paused"
