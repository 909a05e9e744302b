"""A real MariaDB or MySQL server for the tests, started by the tests themselves; nobody needs to be root.

Which one: that of `FLOWRUN_TEST_MARIADB` (a URL, `mysql://user:password@host:port/`, of a user who may create
databases), else the `mariadbd` or `mysqld` of the machine. Nothing of a server that the tests start can be reached from
elsewhere, and nothing is left of it (see `mariadb_keeper`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pymysql

ADDRESS = "FLOWRUN_TEST_MARIADB"
WANTED = (
    f"set {ADDRESS} to the URL of a server on which databases may be created, "
    "or install MariaDB 10.6 or MySQL 8 or newer (Debian: mariadb-server-core and mariadb-client-core)"
)


class NoServer(Exception):
    """There is no server, nor a program to start one with."""


def program() -> Path | None:
    """The server's program; None if there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"])
    found = shutil.which("mariadbd", path=path) or shutil.which("mysqld", path=path)
    return None if found is None else Path(found)


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server to test with, without a database. Raises NoServer."""
    if given := os.environ.get(ADDRESS):
        yield given
        return
    started = program()
    if started is None:
        raise NoServer(WANTED)
    password = secrets.token_hex(8)
    home = Path(tempfile.mkdtemp(prefix="fr-my-"))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mariadb_keeper", home, started],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        keeper.stdin.write(password + "\n")
        keeper.stdin.flush()
        answer = keeper.stdout.readline().strip()
        if not answer.startswith("port "):
            raise AssertionError(f"MariaDB: {answer.removeprefix('failed') or 'its keeper has gone'}")
        yield f"mysql://flowrun:{password}@127.0.0.1:{answer.removeprefix('port ')}/"
        keeper.stdin.close()


@contextmanager
def fresh(url: str) -> Iterator[str]:
    """The URL of an empty database on that server, which is dropped in the end."""
    name = f"flowrun_{secrets.token_hex(4)}"
    with closing(connect(url)) as admin:
        admin.cursor().execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            admin.cursor().execute(f"DROP DATABASE {name}")


def connect(url: str, *, autocommit: bool = True) -> pymysql.Connection[Any]:
    """A connection to that server or database, past flowrun."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        database=parts.path.strip("/") or None,
        charset="utf8mb4",
        autocommit=autocommit,
    )
