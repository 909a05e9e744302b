"""An empty database of each sort: `ground` in all of them, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.mariadb import fresh
from tests.postgres import Databases
from tests.unit.sources.sql.grounds import ADDRESS, Ground, sqlite_ground


@pytest.fixture(scope="package")
def postgresql_url(fast_postgres_server: Databases) -> Iterator[tuple[str, str]]:
    """A database of PostgreSQL, emptied for each test: its address, and that of a superuser."""
    with fast_postgres_server.fresh() as database:
        yield database.url, database.admin


@pytest.fixture(scope="package")
def mysql_url(mariadb_server: str) -> Iterator[tuple[str, str]]:
    """A database of MariaDB, as `postgresql_url`."""
    with fresh(mariadb_server) as url:
        yield url, url


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """An empty database."""
    monkeypatch.setenv(ADDRESS, "")
    if request.param == "sqlite":
        made = sqlite_ground(tmp_path)
    else:
        url, admin = request.getfixturevalue(f"{request.param}_url")
        made = Ground(request.param, url, tmp_path, admin)
        if request.param == "postgresql":
            made.run("DROP SCHEMA IF EXISTS public CASCADE")
            made.run("CREATE SCHEMA public")
        else:
            name = urlsplit(made.url).path.strip("/")
            made.run(f"DROP DATABASE {name}")
            made.run(f"CREATE DATABASE {name}")
            made.run(f"USE {name}")
    yield made
    made.close()
