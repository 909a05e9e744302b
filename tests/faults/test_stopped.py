"""A runner that is stopped (SIGSTOP) amid a tick, for longer than anyone waits, and continued.

On SQLite the others wait for it, and it ends what it has begun. On PostgreSQL the server ends its session, another
runner does the work, and what the stopped one had begun has not happened when it goes on.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.grounds import BOTH, Ground, Picture, Server, differences, picture, query, value
from tests.faults.ticks import NOW, settled
from tests.faults.zygote import Ended, Zygote

SIZE = 6
SILENCE = 0.2
"""Seconds after which the server ends the session of a stopped runner: 15 as users have it."""

on_sqlite = pytest.mark.parametrize("ground", BOTH[:1], indirect=True, scope="session")
on_postgresql = pytest.mark.parametrize("ground", BOTH[1:], indirect=True, scope="session")


@pytest.fixture(scope="module")
def ran(ground: Ground, zygote: Zygote) -> tuple[str, Picture, list[str]]:
    """A store, what an undisturbed run makes of it, and the points that it crosses."""
    before = settled(ground)
    zygote.warm(ground.copy(before), now=NOW)
    calm = ground.copy(before)
    points = zygote.run("run", url=calm, now=NOW, size=SIZE).fine().json
    return before, picture(calm), points


def stopped_amid(ground: Ground, zygote: Zygote, before: str, at: int, mutant: str | None = None) -> tuple[str, Ended]:
    """A runner is stopped there; one that comes then gives up, another waits till the first goes on. The store, and
    what the one that gave up said."""
    url = ground.copy(before)
    holder = zygote.start("stop", url=url, now=NOW, size=SIZE, at=at, mutant=mutant)
    try:
        assert zygote.stopped(holder)
        gave_up = zygote.run("wait", url=url, now=NOW, size=SIZE, patience=0.2)
        if mutant is None:
            assert gave_up.status == 1
            assert f"pid {holder} (flowrun run) since " in gave_up.err.splitlines()[-1]
        waiter = zygote.start("wait", url=url, now=NOW, size=SIZE, patience=60)
    finally:
        os.kill(holder, signal.SIGCONT)
    first, second = zygote.wait(holder), zygote.wait(waiter)
    assert [first.status, second.status] == [0, 0], (first, second)
    return url, gave_up


@on_sqlite
@pytest.mark.parametrize("part", range(8))
def test_a_stopped_writer_is_named_and_nothing_is_lost_or_doubled(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, list[str]], part: int
) -> None:
    before, after, points = ran
    url, gave_up = stopped_amid(ground, zygote, before, at=len(points) * part // 8 + 1)
    assert differences(after, picture(url)) == []
    told, *_, said = gave_up.err.splitlines()
    assert told.startswith("waiting for ")
    assert "is locked: " in said
    assert said.endswith("wait until it is done, or end it, and try again")


@on_sqlite
def test_a_writer_that_is_stopped_and_killed_lets_the_others_go_on(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, list[str]]
) -> None:
    before, after, points = ran
    url = ground.copy(before)
    holder = zygote.start("stop", url=url, now=NOW, size=SIZE, at=len(points) // 2)
    assert zygote.stopped(holder)
    waiter = zygote.start("wait", url=url, now=NOW, size=SIZE, patience=60)
    assert zygote.kill(holder).killed
    zygote.wait(waiter).fine()
    assert differences(after, picture(url)) == []


@on_sqlite
def test_a_lock_that_is_let_go_early_is_found(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, list[str]]
) -> None:
    before, _, points = ran
    _, gave_up = stopped_amid(ground, zygote, before, at=len(points) // 2, mutant="the lock is let go early")
    assert "pid" not in gave_up.err, "nobody can be named who holds no lock"


def taken_over(
    server: Ground, zygote: Zygote, ran: tuple[str, Picture, list[str]], at: int, mutant: str | None = None
) -> tuple[list[str], Ended]:
    """A runner is stopped at that point until its session has ended; another one does the work; the first goes on.

    What is then not as an undisturbed run has it; and what became of the first.
    """
    assert isinstance(server, Server)
    url = server.copy(ran[0])
    first = zygote.start("stop_amid", url=url, now=NOW, size=SIZE, at=at, silence=SILENCE, mutant=mutant)
    assert zygote.stopped(first)
    server.released(url)
    other = zygote.run("run", url=url, now=NOW, size=SIZE)
    found = [] if other.status == 0 else [other.err]
    found += differences(ran[1], picture(url))
    os.kill(first, signal.SIGCONT)
    query(url, f"SELECT set_config('flowrun.now', '{NOW}', true)", _LATE)
    give_up = time.monotonic() + 30
    while value(url, f"SELECT count(*) FROM queue WHERE wake_at <= {NOW}") and not zygote.ended(first):
        assert time.monotonic() < give_up, "it never went on"
        time.sleep(0.01)
    os.kill(first, signal.SIGTERM)
    ended = zygote.wait(first, patience=30)
    query(url, "DELETE FROM deals WHERE id = 'late'")
    found += differences(ran[1], picture(url))
    found += [] if ended.status == 0 else [ended.err]
    server.drop(url)
    return found, ended


_LATE = "INSERT INTO deals (id, stage) VALUES ('late', 'sales.talks')"
"""A deal that is looked at, and put off by two days."""


def amid(points: list[str]) -> list[int]:
    """The points that are within a transaction."""
    return [at for at, label in enumerate(points) if label not in {"before BEGIN", "after the commit"}]


@on_postgresql
@pytest.mark.parametrize("part", range(8))
def test_what_a_stopped_runner_had_begun_is_done_by_another_and_it_goes_on_with_the_next(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, list[str]], part: int
) -> None:
    points = amid(ran[2])
    found, ended = taken_over(ground, zygote, ran, at=points[len(points) * part // 8 + 1])
    assert found == []
    assert ended.err.count("has ended this session") == ended.err.count("waiting for it") == 1


@on_postgresql
@pytest.mark.parametrize("mutant", ["the journal is committed before its effects", "a lost connection is the end"])
def test_a_runner_that_may_not_be_stopped_is_found(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, list[str]], mutant: str
) -> None:
    points = amid(ran[2])[1 :: max(1, len(ran[2]) // 12)]
    assert any(taken_over(ground, zygote, ran, at, mutant)[0] for at in points)
