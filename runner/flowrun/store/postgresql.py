"""A store in a PostgreSQL database, 15 or newer: one schema of it, the first that the connection's search path names.

Any number of processes write at once. Each write transaction holds a shared advisory lock, `alone` an exclusive one, so
that a revision is never applied amid a tick; whoever waits for the exclusive one goes before those that come later.
Locks go with the connection that has them, and a connection goes, with what it has begun, when its host is cut off:
the keepalives and timeouts below are what "within seconds" is made of (engine.md, "Scale").

`read` is a snapshot (REPEATABLE READ), `write` is READ COMMITTED: a tick locks what it has claimed, and every later
statement of it must see what was committed meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from flowrun.clock import from_ms
from flowrun.errors import Interfered, Locked, Unreachable, WorkFailed, WrongUsage
from flowrun.store import lock as locking
from flowrun.store.database import GLANCING, NOTED_EVERY, WRITING
from flowrun.store.identity import without_password

OLDEST = 15
"""The oldest major version that has all that is used here."""

_SESSION = {
    "lock_timeout": f"{locking.PATIENCE:.0f}s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "5s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20s",
    "jit": "off",
    "client_min_messages": "error",
}
"""The server's side: a client that is cut off is noticed within 20 s."""

_BY_KEY = {
    "enable_mergejoin": "off",
    "enable_hashjoin": "off",
    "enable_material": "off",
    "join_collapse_limit": "1",
    "seq_page_cost": "50",
    "random_page_cost": "1.1",
    "plan_cache_mode": "force_generic_plan",
}
"""How ticks are planned: each deal of a batch is looked up by a key.

Of temporary tables the planner knows no sizes, and of a journal that is growing no figures; a plan that it made for a
small batch, or while there was no journal, serves a large one later. So it is kept from what pays only for known sizes:
joins that pass over the whole of one side, and passing over pages, which is made dear and so done with small tables
only.
"""


@contextmanager
def planned_by_key(connection: Connection) -> Iterator[None]:
    """Ticks amid a transaction that does other work as well are planned as a runner's; on SQLite they always are."""
    if connection.dialect.name != "postgresql":
        yield
        return
    for name, value in _BY_KEY.items():
        connection.exec_driver_sql(f"SET LOCAL {name} = '{value}'").close()
    yield
    for name in _BY_KEY:
        connection.exec_driver_sql(f"SET LOCAL {name} TO DEFAULT").close()


_STEP = "4s"
"""For how long a runner waits for a lock before it begins its tick anew, and sees whether it is asked to stop."""

SILENCE = 15.0
"""Seconds after which the server ends the session of a runner that says nothing amid a transaction, having been stopped
for instance: its deals are another's then."""

_SOCKET = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""The client's side of the same."""

_LOCK = 0x666C6F77
"""The class of flowrun's advisory locks; the schema's number is the other half of their key."""
_KEY = f"{_LOCK}, (SELECT oid::int FROM pg_namespace WHERE nspname = current_schema())"
_HOLDER = text(
    "SELECT a.application_name, a.pid, CAST(extract(epoch FROM a.xact_start) * 1000 AS BIGINT) AS since "
    "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :lock AND l.pid <> pg_backend_pid() "
    "AND l.objid = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
    "ORDER BY a.xact_start LIMIT 1"
).bindparams(lock=_LOCK)
_LATEST = text(
    "UPDATE flowrun SET latest = :now WHERE latest < :now "
    f"- CASE WHEN coalesce(current_setting('flowrun.now', true), '') = '' THEN {NOTED_EVERY} ELSE 0 END"
)
"""Every second is often enough: a row that every transaction writes would have them commit one after the other."""


@dataclass(slots=True)
class PostgreSQL:
    """A PostgreSQL database."""

    url: str
    engine: Engine
    _noted: int = 0
    _stands_still: bool = False

    @property
    def path(self) -> Path | None:
        """None: it is elsewhere."""
        return None

    def prepare(self) -> None:
        """Raises WorkFailed where the server is too old, or the schema not there."""
        with self.engine.connect() as connection:
            version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
            if version < OLDEST * 10_000:
                raise WorkFailed(
                    f"{self.url} is PostgreSQL {version // 10_000}; flowrun needs {OLDEST} or newer",
                    "upgrade the server, or name another with --store",
                )
            if connection.exec_driver_sql("SELECT current_schema()").scalar_one() is None:
                path = connection.exec_driver_sql("SHOW search_path").scalar_one()
                raise WorkFailed(
                    f"{self.url} has no schema for the store: none of its search path '{path}' is there or may be used",
                    "for example: CREATE SCHEMA flowrun; GRANT USAGE ON SCHEMA flowrun TO …; "
                    "ALTER ROLE … SET search_path = flowrun",
                )

    @contextmanager
    def held(self, patience: float | None = None) -> Iterator[None]:  # noqa: ARG002
        """Nothing: writers don't keep each other from beginning."""
        yield

    def begun(self, connection: Connection, *, alone: bool, patience: float | None = None) -> None:
        """Take the advisory lock. Raises Locked with who holds it if that takes too long."""
        kind = "" if alone else "_shared"
        if connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock{kind}({_KEY})").scalar_one():
            return
        began = time.monotonic()
        told = False
        while (left := locking.patient(patience) - (time.monotonic() - began)) > 0:
            if not told and time.monotonic() - began > locking.CALM:
                told = True
                locking.tell(f"waiting for {self._holder(connection)}")
            # Whoever waits to be alone keeps its place; the others look now and then whether they are to stop.
            wait = left if alone and told else min(left, locking.CALM)
            before = connection.begin_nested()
            try:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{wait * 1000 + 1:.0f}ms'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{kind}({_KEY})").close()
            except DBAPIError as error:
                if _state(error) != "55P03":
                    raise
                before.rollback()
            else:
                before.commit()
                return
        waited = time.monotonic() - began
        raise Locked(
            f"{self.url} is locked: {self._holder(connection)} has been writing to it for {waited:.0f} s",
            "wait until it is done, or end it, and try again",
        )

    def set_clock(self, connection: Connection, now: int | None) -> None:
        """Write it where the triggers look: into a setting of the transaction."""
        self._stands_still = now is not None
        if self._stands_still:
            connection.execute(text("SELECT set_config('flowrun.now', :now, true)"), {"now": str(now)}).close()

    def written(self, connection: Connection, now: int) -> None:
        """Note it, once a second at most."""
        if not self._stands_still and 0 <= now - self._noted < NOTED_EVERY:
            return
        self._noted = now
        connection.execute(_LATEST, {"now": now})

    def tune(self, connection: Connection, *, again: bool = False) -> None:
        """Rule out the plans that pass over whole tables: of temporary tables the planner knows no sizes."""
        limits = {"statement_timeout": "60s", "idle_in_transaction_session_timeout": f"{SILENCE * 1000:.0f}ms"}
        if again:
            limits["lock_timeout"] = _STEP
        for name, value in {**_BY_KEY, **limits}.items():
            connection.exec_driver_sql(f"SET {name} = '{value}'").close()
        connection.commit()

    def changes(self, connection: Connection) -> int | None:  # noqa: ARG002
        """None: only the tables tell."""
        return None

    def is_busy(self, error: BaseException | None) -> bool:
        """Whether it was a conflict with someone else's work, or a lock that took too long."""
        return getattr(error, "sqlstate", None) in {"40001", "40P01", "55P03"}

    def failure(self, error: DBAPIError) -> WorkFailed | None:
        """What PostgreSQL's code means (its manual, "Error codes")."""
        state = _state(error)
        said = _first_line(error)
        if state == "25P03":
            return Unreachable(
                f"{self.url} has ended this session: {said}", "was this process stopped, or its machine asleep?"
            )
        lost = state is None and isinstance(error, OperationalError | InterfaceError)
        if error.connection_invalidated or lost or (state is not None and (state[:2] == "08" or state in _GOING)):
            if any(word in said for word in _OF_PASSWORDS):
                return Unreachable(f"{self.url} doesn't let us in: {said}", _CHECK)
            return Unreachable(f"{self.url} can't be reached: {said}", "is the server running, and the address right?")
        if state is None and "connection option" in said:
            return WorkFailed(f"{self.url} has an option that there is not: {said}", "see what follows the ? in it")
        match state:
            case "28000" | "28P01":
                return WorkFailed(f"{self.url} doesn't let us in: {said}", _CHECK)
            case "3D000":
                return WorkFailed(f"{self.url} isn't there: {said}", "create the database, or name another")
            case "42501":
                return WorkFailed(
                    f"{self.url}: this role may not do that: {said}",
                    "'flowrun apply' needs the owner's role; the others need the rights of the runtime role",
                )
            case "25006":
                return WorkFailed(f"{self.url} can't be written: it is read-only", "name the primary server")
            case "53100":
                return WorkFailed(f"{self.url} can't be written: the disk is full", "make room and try again")
            case "53300":
                return WorkFailed(f"{self.url} has no connection left: {said}", "end some, or allow more")
            case "55P03" | "57014":
                return WorkFailed(f"{self.url} keeps us waiting: {said}", "see who holds it: SELECT * FROM pg_locks")
            case "40001" | "40P01":
                return Interfered(f"{self.url}: others wrote the same at once: {said}", "try again")
        if state is not None and state.startswith(_ITS_OWN):
            return WorkFailed(
                f"{self.url} can't go on: {said}", "see the server's log: it may be short of room, memory or files"
            )
        return None

    def close(self) -> None:
        """Give the connections back, and with them the locks."""
        self.engine.dispose()

    def _holder(self, connection: Connection) -> str:
        row = connection.execute(_HOLDER).one_or_none()
        if row is None:
            return "another program"
        since = from_ms(row.since).astimezone().strftime("%H:%M:%S")
        return f"{row.application_name} (backend {row.pid}) since {since}"


_ITS_OWN = ("53", "58", "XX")
"""Classes of trouble that are the server's: what it is short of, its system's, and what it never expected (files that
may not grow, damage)."""
_CHECK = "check the user and the password: in the address, PGPASSWORD or the file of PGPASSFILE"
_OF_PASSWORDS = ("password authentication failed", "no password supplied")
"""What the server says of them in English, and the client in any language, before there is a session with codes."""
_GOING = {"57P01", "57P02", "57P03", "57P05"}
"""The server is stopping, starting, or has ended the session."""


def at(address: URL) -> PostgreSQL:
    """The database of that address. Raises WrongUsage where the driver is missing. Nothing is connected to yet."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise WrongUsage("PostgreSQL needs one more package", "pip install 'flowrun[postgres]'") from None
    shown = without_password(address.render_as_string(hide_password=False))
    return PostgreSQL(shown, _engine(address))


def _engine(address: URL) -> Engine:
    given = address.query.get("options", "")
    wanted = given if isinstance(given, str) else " ".join(given)
    options = " ".join((*(f"-c {name}={value}" for name, value in _SESSION.items()), wanted)).strip()
    arguments: dict[str, Any] = {**_SOCKET, "options": options, "application_name": _name(), "autocommit": True}
    target = address.difference_update_query(["options"]).set(drivername="postgresql+psycopg")
    # How many rows an INSERT made is asked for, too.
    engine = create_engine(target, connect_args=arguments, execution_options={"preserve_rowcount": True})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(GLANCING):
            connection.exec_driver_sql("BEGIN" if options.get(WRITING) else "BEGIN ISOLATION LEVEL REPEATABLE READ")

    @event.listens_for(engine, "do_executemany")
    def _end_plainly(cursor: DBAPICursor, sql: str, rows: Sequence[Any], _context: object) -> bool:
        # The driver sends many rows in a pipeline. The server sets no limit to the silence of a session after one, and
        # a runner that is stopped there would keep its deals for as long as it is: so the last row goes by itself.
        *most, last = rows
        if most:
            cursor.executemany(sql, most)
        cursor.execute(sql, last)
        return True

    return engine


def execute_numbered(connection: Connection, sql: str, values: tuple[object, ...]) -> CursorResult[Any]:
    """Execute a statement whose parameters are `$1` and so on, which the driver passes on without reading it."""
    from psycopg import RawCursor

    driver: Any = connection.connection.dbapi_connection
    usual, driver.cursor_factory = driver.cursor_factory, RawCursor
    try:
        return connection.exec_driver_sql(sql, values)
    finally:
        driver.cursor_factory = usual


def _name() -> str:
    """What the server is told of this process; it keeps 63 characters."""
    user, host = locking.whoami()
    return f"{locking.command()} {user}@{host} pid {os.getpid()}"[:63]


def _state(error: DBAPIError) -> str | None:
    found = getattr(error.orig, "sqlstate", None)
    return None if found is None else str(found)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
