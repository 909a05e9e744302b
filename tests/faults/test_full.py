"""The disk is full amid the work: it is said, nothing is lost, and the work goes on when there is room.

How it fills up: `fill`, a database of SQLite's may have no more pages; `run_out`, files may not grow, those of a
PostgreSQL server none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import psycopg
import pytest

from tests import postgres
from tests.faults.grounds import BOTH, Ground, Picture, Server, differences, picture, query, value
from tests.faults.ticks import NOW, crowded
from tests.faults.zygote import Ended, Zygote

SIZE = 100
HOWS = [
    *(pytest.param("sqlite", how, more) for how in ("fill", "run_out") for more in (0, 1, 3, 10, 20)),
    *(pytest.param("postgresql", "run_out", more) for more in (0, 20, 100, 200, 400)),
]
"""With the pages for which there is room."""
SAYS = {
    ("sqlite", "fill"): "can't be written: the disk is full",
    ("sqlite", "run_out"): "can't be ",
    ("postgresql", "run_out"): "can't go on: could not extend file ",
}
AMID = {"sqlite": ("fill", 20), "postgresql": ("run_out", 400)}
"""Some of the work is done by then."""

both = pytest.mark.parametrize("ground", BOTH, indirect=True, scope="session")


class Disk(Protocol):
    """Where the stores are, and what fills up."""

    @property
    def ground(self) -> Ground:
        """Where stores are made."""
        ...

    def run(self, zygote: Zygote, url: str, how: str, more: int, mutant: str | None = None) -> Ended:
        """Run where there is room for so many pages more."""
        ...


@dataclass(frozen=True)
class Folder:
    """SQLite's."""

    ground: Ground

    def run(self, zygote: Zygote, url: str, how: str, more: int, mutant: str | None = None) -> Ended:
        pages, page = value(url, "PRAGMA page_count"), value(url, "PRAGMA page_size")
        room = {"pages": pages + more} if how == "fill" else {"room": (pages + more) * page}
        return zygote.run(how, url=url, now=NOW, size=SIZE, mutant=mutant, **room)


@dataclass(frozen=True)
class ServersDisk:
    """PostgreSQL's: the largest file is that of the deals."""

    ground: Ground
    server: postgres.Server = field(repr=False)

    def run(self, zygote: Zygote, url: str, how: str, more: int, mutant: str | None = None) -> Ended:
        assert how == "run_out"
        largest = value(url, "SELECT max(pg_relation_size(oid)) FROM pg_class")
        assert largest == value(url, "SELECT pg_relation_size('deals')") > LOG
        self.server.confine(largest + more * PAGE)
        try:
            return zygote.run("run", url=url, now=NOW, size=SIZE, mutant=mutant)
        finally:
            self.server.confine(None)


PAGE = 8_192
LOG = 2**20
"""Bytes of a segment of the log, the other file that must have room."""


@pytest.fixture(scope="module")
def disk(ground: Ground) -> Iterator[Disk]:
    """For PostgreSQL a server of its own."""
    if ground.name == "sqlite":
        yield Folder(ground)
        return
    try:
        server = postgres.Server({"wal_segment_size": "1", "fsync": "off", "autovacuum": "off"})
    except postgres.NoServer as error:
        pytest.skip(f"no PostgreSQL server: {error}")
    with server, postgres.Databases(server.url) as databases:
        own = Server(databases)
        yield ServersDisk(own, server)
        own.close()


@pytest.fixture(scope="module")
def ran(disk: Disk, zygote: Zygote) -> tuple[str, Picture]:
    """A store, and what an undisturbed run makes of it."""
    before = crowded(disk.ground, 1_000)
    if isinstance(disk, ServersDisk):
        query(before, "UPDATE deals SET title = repeat('-', 1500)")
        with psycopg.connect(before, autocommit=True) as connection:
            connection.execute("VACUUM FULL deals")
    zygote.warm(disk.ground.copy(before), now=NOW)
    calm = disk.ground.copy(before)
    zygote.run("run", url=calm, now=NOW, size=SIZE).fine()
    return before, picture(calm)


@pytest.mark.parametrize(("ground", "how", "more"), HOWS, indirect=["ground"], scope="session")
def test_nothing_is_lost_and_it_goes_on_when_there_is_room(
    disk: Disk, zygote: Zygote, ran: tuple[str, Picture], how: str, more: int
) -> None:
    before, after = ran
    url = disk.ground.copy(before)
    ended = disk.run(zygote, url, how, more)
    assert ended.status == 1, ended
    (line,) = ended.err.splitlines()
    assert SAYS[disk.ground.name, how] in line
    assert disk.ground.sound(url)
    zygote.run("run", url=url, now=NOW, size=SIZE).fine()
    assert differences(after, picture(url)) == []
    disk.ground.drop(url)


@both
def test_some_of_these_disks_fill_up_amid_the_work(disk: Disk, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = disk.ground.copy(ran[0])
    disk.run(zygote, url, *AMID[disk.ground.name])
    done = value(url, "SELECT count(*) FROM firings")
    assert 0 < done < len(ran[1]["firings"])


@both
def test_an_error_that_is_swallowed_is_found(disk: Disk, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = disk.ground.copy(ran[0])
    assert disk.run(zygote, url, "run_out", 3, "an error is swallowed").status == 0


HALVES = {"sqlite": "what fails halfway is kept", "postgresql": "the journal is committed before its effects"}


@both
def test_what_is_kept_of_a_tick_that_failed_is_found(disk: Disk, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = disk.ground.copy(ran[0])
    disk.run(zygote, url, *AMID[disk.ground.name], HALVES[disk.ground.name])
    zygote.run("run", url=url, now=NOW, size=SIZE)
    assert differences(ran[1], picture(url))
