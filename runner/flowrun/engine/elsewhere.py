"""How it stands with the place where deals live, if that isn't the store: what is on its way there, and what came back.

For people and monitors; nothing rests on it. Everything is read from small tables, and counted no further than `MOST`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select, union_all

from flowrun.engine.calls import CALLING, DUE, PARKED, UNKNOWN
from flowrun.flow.codec import source_digest
from flowrun.flow.model import Flow
from flowrun.store.tables import bad_records, calls, firings, rereads, sources

MOST = 100_000
"""Where counting ends: a number that is this high means that many or more."""

STATES = (DUE, CALLING, UNKNOWN, PARKED)
_SOME = 5
_FIRST = 1_000
"""Of many calls, those that are looked into: the ones that are due first."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Something there that can't be read as a deal (`deal`, if it says of which), last seen at that instant."""

    place: str
    reason: str
    deal: str | None
    seen_at: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """All that can't be read as deals: how many, and some or all of them."""

    count: int
    records: tuple[Bad, ...]


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

    `calls` counts by state, each no further than `MOST`. `oldest` is since when the first of those that are on their
    way is.
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
    return {state: _count(connection, select(calls.c.state).where(calls.c.state == state)) for state in STATES}


def elsewhere(connection: Connection, flow: Flow) -> Elsewhere | None:
    """How it stands; None where deals live in the store. `flow` is the applied one."""
    if not flow.source.elsewhere:
        return None
    mine = select(sources).where(sources.c.id == source_digest(flow.source))
    known: dict[str, Any] = dict(row) if (row := connection.execute(mine).mappings().one_or_none()) else {}
    return Elsewhere(
        type=flow.source.type,
        calls=by_state(connection),
        oldest=_oldest(connection),
        asked_at=known.get("asked_at"),
        read_at=known.get("read_at"),
        whole_at=known.get("whole_at"),
        paused_until=known.get("paused_until"),
        trouble=known.get("trouble"),
        trouble_at=known.get("trouble_at"),
        rereads=_count(connection, select(rereads.c.deal)),
        bad_count=_count(connection, select(bad_records.c.place)),
        bad=_bad(connection, _SOME),
        stuck=_stuck(connection),
    )


def unreadable(connection: Connection, limit: int | None) -> Unreadable:
    """What there can't be read as a deal, at most so many of them (null: all that are kept)."""
    return Unreadable(_count(connection, select(bad_records.c.place)), _bad(connection, limit))


def _bad(connection: Connection, limit: int | None) -> tuple[Bad, ...]:
    """In the order of their places; one that is longer comes after a shorter one, so that lines stand as in a file."""
    rows = select(bad_records).order_by(func.length(bad_records.c.place), bad_records.c.place).limit(limit)
    return tuple(Bad(one.place, one.reason, one.deal, one.seen_at) for one in connection.execute(rows))


def _oldest(connection: Connection) -> int | None:
    """Since when the first firing is on its way, of those that are due first in each state."""
    found = []
    for state in (DUE, CALLING, UNKNOWN):
        since = select(func.min(firings.c.fired_at)).where(firings.c.seq.in_(_first(state)))
        found.append(connection.execute(since).scalar_one())
    return min((at for at in found if at is not None), default=None)


def _stuck(connection: Connection) -> tuple[Stuck, ...]:
    """Some that a person should see: parked ones before others, of each what was tried most."""
    found: list[Stuck] = []
    for states in ((PARKED,), (DUE, CALLING, UNKNOWN)):
        firsts = [_first(state).subquery() for state in states]
        some = union_all(*(select(one.c.firing) for one in firsts)).subquery()
        names = (calls.c.tunnel, calls.c.deal, calls.c.state, calls.c.attempts, calls.c.reason)
        rows = select(*names).select_from(some.join(calls, calls.c.firing == some.c.firing))
        rows = rows.where(calls.c.reason.is_not(None)).order_by(calls.c.attempts.desc(), calls.c.firing)
        rows = rows.limit(_SOME - len(found))
        found += [Stuck(*one) for one in connection.execute(rows)]
    return tuple(found)


def _first(state: str) -> Select[tuple[int]]:
    return select(calls.c.firing).where(calls.c.state == state).order_by(calls.c.next_at, calls.c.firing).limit(_FIRST)


def _count(connection: Connection, rows: Select[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(rows.limit(MOST).subquery())).scalar_one())
