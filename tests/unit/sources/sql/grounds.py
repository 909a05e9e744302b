"""Databases for the tests of the SQL source, and hands in them that have nothing to do with flowrun."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from flowrun import yamldoc
from flowrun.config.findings import Findings
from flowrun.config.reading import read
from flowrun.flow.model import Flow
from flowrun.sources.interface import Place
from flowrun.sources.sql.options import SqlBlock
from flowrun.sources.sql.source import SqlSource, open_source
from tests import mariadb

ADDRESS = "FLOWRUN_TEST_SQL"
"""The variable in which the source finds the address of its database."""


@dataclass(slots=True)
class Ground:
    """A database: `name` is sqlite, postgresql or mysql; `admin` the address of someone who may do anything."""

    name: str
    url: str
    folder: Path
    admin: str = ""
    opened: list[Any] = field(default_factory=list)

    def connect(self, *, autocommit: bool = True) -> Any:
        """A connection by the driver itself, closed with the ground at the latest."""
        match self.name:
            case "sqlite":
                made: Any = sqlite3.connect(self.folder / "crm.db", isolation_level=None if autocommit else "DEFERRED")
            case "postgresql":
                made = psycopg.connect(self.url, autocommit=autocommit, options="-c timezone=UTC -c datestyle=ISO")
            case _:
                made = mariadb.connect(self.url, autocommit=autocommit)
                with made.cursor() as cursor:
                    cursor.execute("SET time_zone = '+00:00'")
        self.opened.append(made)
        return made

    def run(self, statement: str, rows: Sequence[Sequence[Any]] | None = None, *, on: Any = None) -> None:
        """Run a statement written with `%s`, once or for each row."""
        with closing((on or self._own).cursor()) as cursor:
            if rows is None:
                cursor.execute(statement)
            else:
                cursor.executemany(self._marked(statement), rows)

    def ask(self, statement: str, row: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a question."""
        with closing(self._own.cursor()) as cursor:
            cursor.execute(self._marked(statement), tuple(row))
            return list(cursor.fetchall())

    def _marked(self, statement: str) -> str:
        return statement.replace("%s", "?") if self.name == "sqlite" else statement

    @property
    def _own(self) -> Any:
        return self.opened[0] if self.opened else self.connect()

    def close(self) -> None:
        """End all connections."""
        while self.opened:
            self.opened.pop().close()

    def quoted(self, name: str) -> str:
        """A name in SQL."""
        return f"`{name}`" if self.name == "mysql" else f'"{name}"'


def sqlite_ground(folder: Path) -> Ground:
    """An empty SQLite file."""
    ground = Ground("sqlite", "sqlite:///crm.db", folder)
    ground.run("PRAGMA journal_mode = WAL")
    return ground


def options(text: str) -> SqlBlock:
    """The keys of a source, as YAML writes them, but `url`."""
    document = yamldoc.read_document(f"url: {{env: {ADDRESS}}}\n{text}".encode(), "flow.yaml")
    findings = Findings()
    assert document.root is not None
    assert not document.findings
    found = read(SqlBlock, document.root, findings)
    assert not findings.all, findings.all
    assert found is not None
    return found


def place(ground: Ground, flow: Flow, url: str | None = None) -> Place:
    """What a source there is opened for. `url`: by another address, such as a proxy's."""
    os.environ[ADDRESS] = url or ground.url
    return Place(flow, ground.folder)


def opened(ground: Ground, flow: Flow, text: str, url: str | None = None) -> SqlSource:
    """A source there."""
    return open_source(options(text), place(ground, flow, url))


def yaml_map(pairs: Mapping[str, str]) -> str:
    """A mapping on one line."""
    return "{" + ", ".join(f"{one}: {other}" for one, other in pairs.items()) + "}"
