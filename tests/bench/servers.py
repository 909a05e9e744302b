"""Stores to measure on: SQLite files, or databases of a real PostgreSQL server that is started for the benchmark.

The server waits for the disk at each commit and has its own defaults otherwise. A store that was made once is copied
for each measurement, so that all begin with the same, and is on disk before it is measured.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).parents[2]))

import psycopg

from flowrun.store.connection import files_of
from tests.postgres import ADDRESS, Databases, Server, databases

DATABASES = ("sqlite", "postgresql")

USUAL = {"timezone": "UTC", "datestyle": "ISO, MDY", "intervalstyle": "postgres"}
"""What the tests set otherwise, and others' programs rely on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is. `url` is its address for flowrun and, on PostgreSQL, for any driver; `path` is the file on
    SQLite, `name` the database on PostgreSQL."""

    url: str
    path: Path | None = None
    name: str = ""


class Places(Protocol):
    """Places of one database."""

    def fresh(self) -> AbstractContextManager[Place]:
        """A place with nothing in it, that is gone in the end."""
        ...

    def copy(self, place: Place) -> AbstractContextManager[Place]:
        """A copy of a store that nobody is connected to, that is gone in the end."""
        ...


class Files:
    """SQLite files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    @contextmanager
    def fresh(self) -> Iterator[Place]:
        """A path without a file."""
        self._count += 1
        path = self._folder / f"{self._count}.db"
        try:
            yield Place(f"sqlite:///{path}", path=path)
        finally:
            for file in files_of(f"sqlite:///{path}"):
                file.unlink(missing_ok=True)

    @contextmanager
    def copy(self, place: Place) -> Iterator[Place]:
        """A copied file."""
        assert place.path is not None
        with self.fresh() as made:
            assert made.path is not None
            shutil.copyfile(place.path, made.path)
            with made.path.open("rb+") as file:
                os.fsync(file.fileno())
            yield made


class OnServer:
    """Databases of a PostgreSQL server."""

    def __init__(self, made: Databases) -> None:
        self._databases = made

    @contextmanager
    def fresh(self) -> Iterator[Place]:
        """An empty database."""
        with self._databases.fresh() as database:
            yield Place(database.url, name=database.name)

    @contextmanager
    def copy(self, place: Place) -> Iterator[Place]:
        """A database that has the other as its template."""
        with self._databases.fresh(place.name) as database:
            with psycopg.connect(database.admin, autocommit=True) as admin:
                admin.execute("CHECKPOINT")
            yield Place(database.url, name=database.name)


@contextmanager
def places(database: str, folder: Path) -> Iterator[Places]:
    """Places of that database ('sqlite', 'postgresql'); files go into the folder.

    Raises tests.postgres.NoServer where no PostgreSQL can be started.
    """
    if database == "sqlite":
        yield Files(folder)
        return
    if os.environ.get(ADDRESS):
        with databases(durable=True) as given:
            yield OnServer(given)
        return
    with Server(USUAL) as server, Databases(server.url) as made:
        yield OnServer(made)
