"""The register of runners: who runs without end on this store, since when, and when it was last seen.

It is for people (`status`, `doctor`, metrics) and decides nothing: a deal belongs to whoever holds its lock, so a
runner that isn't registered works like any other, and one that is registered may be dead.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select, update

from flowrun.store.tables import runners

GONE = 60_000
"""Milliseconds after which a runner that wasn't seen counts as gone; it signs six times in that time."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One runner. Instants are milliseconds, UTC; `ticks` and `fired` are what it did since `started_at`."""

    id: str
    host: str
    pid: int
    version: str
    started_at: int
    seen_at: int
    ticks: int = 0
    fired: int = 0

    def gone(self, now: int) -> bool:
        """Whether it hasn't been seen for so long that it counts as gone."""
        return now - self.seen_at > GONE


def sign(connection: Connection, runner: Registered) -> None:
    """Write down that the runner was seen; it need not be registered yet, or any more."""
    values = asdict(runner)
    if not connection.execute(update(runners).where(runners.c.id == runner.id).values(values)).rowcount:
        connection.execute(insert(runners).values(values))


def sign_off(connection: Connection, id_: str) -> None:
    """Take the runner out; it may be out already."""
    connection.execute(delete(runners).where(runners.c.id == id_))


def forget_gone(connection: Connection, now: int) -> int:
    """Take those out that count as gone; how many they were."""
    return int(connection.execute(delete(runners).where(runners.c.seen_at < now - GONE)).rowcount)


def registered(connection: Connection) -> tuple[Registered, ...]:
    """All of them, those that count as gone too, the oldest first."""
    return tuple(Registered(**row._mapping) for row in connection.execute(_ALL))


_ALL = select(*(runners.c[name] for name in Registered.__dataclass_fields__)).order_by(
    runners.c.started_at, runners.c.id
)
