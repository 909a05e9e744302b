"""How it stands with the place where deals live, if that isn't the store: what is on its way there, and what came back.

For people and monitors; nothing rests on it. Everything is read from small tables, and counted no further than `MOST`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from flowrun.engine.calls import CALLING, DUE, PARKED, UNKNOWN
from flowrun.flow.codec import source_digest
from flowrun.flow.model import Flow
from flowrun.store.tables import bad_records, calls, firings, rereads, sources

MOST = 100_000
"""Where counting ends: a number that is this high means that many or more."""

STATES = (DUE, CALLING, UNKNOWN, PARKED)
_SOME = 5


@dataclass(frozen=True, slots=True)
class Bad:
    """Something there that can't be read as a deal (`deal`, if it says of which), last seen at that instant."""

    place: str
    reason: str
    deal: str | None
    seen_at: int


@dataclass(frozen=True, slots=True)
class Stuck:
    """A call that waits for a person, or has been tried in vain so often, and what the source said of it last."""

    tunnel: str
    deal: str
    state: str
    attempts: int
    said: str | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The source at one instant. Instants are ms, UTC, null where it never was.

    `calls` counts by state, all of them. `oldest` is since when the first of those that are on their way is.
    `asked_at`, `read_at`, `whole_at`: when changes were last asked for, a page was last kept, a full read last ended.
    `stuck` and `bad` are some of `calls` and of the `bad_count` records that can't be read.
    """

    type: str
    calls: Mapping[str, int]
    oldest: int | None
    asked_at: int | None
    read_at: int | None
    whole_at: int | None
    paused_until: int | None
    trouble: str | None
    trouble_at: int | None
    rereads: int
    bad_count: int
    bad: tuple[Bad, ...] = ()
    stuck: tuple[Stuck, ...] = ()

    @property
    def on_way(self) -> int:
        """How many firings are on their way."""
        return sum(self.calls[state] for state in STATES if state != PARKED)


def by_state(connection: Connection) -> dict[str, int]:
    """How many calls there are in each state, zeros included."""
    some = select(calls.c.state).limit(MOST).subquery()
    found: dict[str, int] = dict(connection.execute(select(some.c.state, func.count()).group_by(some.c.state)).all())
    return {state: found.get(state, 0) for state in STATES}


def elsewhere(connection: Connection, flow: Flow) -> Elsewhere | None:
    """How it stands; None where deals live in the store. `flow` is the applied one."""
    if not flow.source.elsewhere:
        return None
    mine = select(sources).where(sources.c.id == source_digest(flow.source))
    known: dict[str, Any] = dict(row) if (row := connection.execute(mine).mappings().one_or_none()) else {}
    pending = select(func.min(firings.c.fired_at)).select_from(firings.join(calls, calls.c.firing == firings.c.seq))
    bad = select(bad_records).order_by(bad_records.c.place).limit(_SOME)
    stuck = (
        select(calls.c.tunnel, calls.c.deal, calls.c.state, calls.c.attempts, calls.c.reason)
        .where(calls.c.reason.is_not(None))
        .order_by(calls.c.state != PARKED, calls.c.attempts.desc(), calls.c.firing)
        .limit(_SOME)
    )
    return Elsewhere(
        type=flow.source.type,
        calls=by_state(connection),
        oldest=connection.execute(pending.where(calls.c.state != PARKED)).scalar_one(),
        asked_at=known.get("asked_at"),
        read_at=known.get("read_at"),
        whole_at=known.get("whole_at"),
        paused_until=known.get("paused_until"),
        trouble=known.get("trouble"),
        trouble_at=known.get("trouble_at"),
        rereads=_count(connection, select(rereads.c.deal)),
        bad_count=_count(connection, select(bad_records.c.place)),
        bad=tuple(Bad(one.place, one.reason, one.deal, one.seen_at) for one in connection.execute(bad)),
        stuck=tuple(Stuck(*one) for one in connection.execute(stuck)),
    )


def _count(connection: Connection, rows: Select[tuple[str]]) -> int:
    return int(connection.execute(select(func.count()).select_from(rows.limit(MOST).subquery())).scalar_one())
