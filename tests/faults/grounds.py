"""Where the stores of fault tests are, and what can be seen of them without flowrun's own reading.

A ground makes stores and copies of them, and hands out their addresses; nothing else here knows what database it is.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from flowrun.clock import FixedClock
from flowrun.config import load_texts
from flowrun.engine.live import apply_flow
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from tests.postgres import Database, Databases

Rows = list[tuple[Any, ...]]
Picture = Mapping[str, Rows]
"""What a store holds, by table; deals are named by their ids, since numbers of their own may have gaps."""

_PICTURE = {
    "deals": "SELECT {deals} FROM deals ORDER BY deals.seq",
    "firings": (
        "SELECT deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at, fired_at, revision, "
        "reason, _lineage, _retry FROM firings ORDER BY seq"
    ),
    "tunnels": "SELECT * FROM tunnels ORDER BY id",
    "activity": "SELECT * FROM activity ORDER BY tunnel, at",
    "queue": (
        "SELECT deals.id, queue.wake_at, queue.round FROM queue LEFT JOIN deals ON deals.seq = queue.deal "
        "ORDER BY queue.wake_at, queue.round, deals.seq"
    ),
}


BOTH = ("sqlite", "postgresql")
"""The grounds, for modules whose tests are for each of them."""


class Ground(Protocol):
    """A kind of database, with room for any number of stores."""

    @property
    def name(self) -> str:
        """One of `BOTH`."""
        ...

    def empty(self) -> str:
        """The address of a new store that is yet to be made."""
        ...

    def copy(self, url: str) -> str:
        """The address of a copy of that store, which nobody writes to meanwhile."""
        ...

    def abandoned(self, url: str) -> None:
        """Wait until the database has noticed the death of those that were connected to that store."""
        ...

    def drop(self, url: str) -> None:
        """Make room: the store isn't needed any more."""
        ...

    def sound(self, url: str) -> bool:
        """Whether the database finds nothing wrong with itself."""
        ...


@dataclass(slots=True)
class Files:
    """SQLite: a file for each store."""

    folder: Path
    name: str = "sqlite"
    _numbers: count[int] = field(default_factory=count)

    def empty(self) -> str:
        """A file that is not there yet."""
        return f"sqlite:///{self.folder / f'{next(self._numbers)}.db'}"

    def copy(self, url: str) -> str:
        """A copy of the file, and of what is still in its log."""
        other = self.empty()
        source, target = path_of(url), path_of(other)
        for tail in ("", "-wal"):
            if Path(f"{source}{tail}").exists():
                shutil.copyfile(f"{source}{tail}", f"{target}{tail}")
        return other

    def abandoned(self, url: str) -> None:
        """Nothing: the system has dropped the locks of a process when it is seen to be dead."""

    def drop(self, url: str) -> None:
        """Remove the files."""
        for file in path_of(url).parent.glob(f"{path_of(url).name}*"):
            file.unlink()

    def sound(self, url: str) -> bool:
        """SQLite's own check."""
        with closing(sqlite3.connect(path_of(url))) as connection:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


@dataclass(slots=True)
class Server:
    """PostgreSQL: a database of one server for each store; close it when done."""

    databases: Databases
    name: str = "postgresql"
    _made: dict[str, tuple[Database, ExitStack]] = field(default_factory=dict)

    def empty(self) -> str:
        """A new database with nothing in it."""
        return self._new("template1")

    def copy(self, url: str) -> str:
        """The database again; nobody may be connected to it."""
        self.abandoned(url)
        return self._new(self._made[url][0].name)

    def abandoned(self, url: str) -> None:
        """Until no session is left: that of a dead process goes on to the end of its statement."""
        give_up = time.monotonic() + 30
        with create_engine(driven(self._made[url][0].admin), poolclass=NullPool).connect() as connection:
            while connection.execute(_SESSIONS).scalar_one():
                assert time.monotonic() < give_up, "sessions of dead processes are left"
                connection.rollback()
                time.sleep(0.001)

    def released(self, url: str) -> None:
        """Until no session of that store is amid a transaction: the server ends those that say nothing for too long."""
        give_up = time.monotonic() + 30
        with create_engine(driven(self._made[url][0].admin), poolclass=NullPool).connect() as connection:
            while connection.execute(_AMID).scalar_one():
                assert time.monotonic() < give_up, "the server waits for a silent session"
                connection.rollback()
                time.sleep(0.005)

    def drop(self, url: str) -> None:
        """Drop the database."""
        self._made.pop(url)[1].close()

    def sound(self, url: str) -> bool:
        """Whether what is unique is so in the tables themselves, whatever the indexes say."""
        return query(url, "SET enable_indexscan = off", "SET enable_indexonlyscan = off", _DOUBLED) == [(0,)]

    def close(self) -> None:
        """Drop all that is left."""
        for url in tuple(self._made):
            self.drop(url)

    def _new(self, template: str) -> str:
        stack = ExitStack()
        database = stack.enter_context(self.databases.fresh(template))
        self._made[database.url] = database, stack
        return database.url


_SESSIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)
_AMID = text(_SESSIONS.text + " AND xact_start IS NOT NULL")
_DOUBLED = (
    "SELECT (SELECT count(*) - count(DISTINCT id) FROM deals) "
    "+ (SELECT count(*) - count(DISTINCT (deal, entry, tunnel, shadow)) FROM firings)"
)


def path_of(url: str) -> Path:
    """The file of a store in SQLite."""
    return Path(url.removeprefix("sqlite:///"))


def make(ground: Ground, flow: str, now: int) -> str:
    """A new store with that flow applied at that instant; its address."""
    url = ground.empty()
    fill(url, flow, now)
    return url


def fill(url: str, flow: str, now: int) -> None:
    """Make the store at that address, with that flow applied at that instant."""
    with open_store(url, FixedClock(now), create=True) as store:
        loaded = load_texts({"flow.yaml": flow.encode()})
        assert loaded.flow is not None, loaded.findings
        with store.write() as transaction:
            apply_flow(transaction, loaded.flow, {}, Author())


def at(url: str, now: int, work: Callable[[Store], object], *, create: bool = False) -> None:
    """Do something with flowrun's own hands, at that instant."""
    with open_store(url, FixedClock(now), create=create) as store:
        work(store)


def add(store: Store, deals: Iterable[Mapping[str, object]]) -> None:
    """Write deals as any program would: with SQL."""
    rows = list(deals)
    names = list(rows[0])
    statement = text(f"INSERT INTO deals ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})")
    with store.write() as transaction:
        transaction.connection.execute(statement, [dict(row) for row in rows])


def foreign(url: str) -> Engine:
    """Connections of a program that knows nothing of flowrun; it waits for a minute for those that write."""
    arguments = {"timeout": 60} if url.startswith("sqlite") else {}
    return create_engine(driven(url), connect_args=arguments, poolclass=NullPool)


def driven(url: str) -> str:
    """The address as SQLAlchemy has it, with the driver named."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def query(url: str, statement: str, *more: str) -> Rows:
    """What queries find; the last one's rows."""
    engine = foreign(url)
    with engine.begin() as connection:
        answers = [connection.execute(text(one)) for one in (statement, *more)]
        return [tuple(row) for row in answers[-1]] if answers[-1].returns_rows else []


def value(url: str, statement: str) -> Any:
    """The first value that a query finds."""
    return query(url, statement)[0][0]


def picture(url: str) -> Picture:
    """All that a run can change, in order."""
    engine = foreign(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM deals WHERE 1 = 0")).keys()
        columns = sorted(name for name in found if name != "seq")  # an upgrade adds columns at the end
        named = ", ".join(f'deals."{name}"' for name in columns)
        return {
            table: [tuple(row) for row in connection.execute(text(query.format(deals=named)))]
            for table, query in _PICTURE.items()
        }


def differences(one: Picture, other: Picture) -> Sequence[str]:
    """The first rows in which two pictures differ, for a failure that can be read; empty where they don't."""
    found = []
    for table in _PICTURE:
        left, right = one[table], other[table]
        if left != right:
            found += [f"{table}: only in the one: {row}" for row in left if row not in right][:3]
            found += [f"{table}: only in the other: {row}" for row in right if row not in left][:3]
            found = found or [f"{table}: the same rows in another order, or another number of times"]
    return found
