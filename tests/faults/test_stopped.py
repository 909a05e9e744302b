"""A runner that is stopped (SIGSTOP) amid a tick, for longer than anyone waits, and continued."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.grounds import Ground, Picture, differences, picture
from tests.faults.ticks import NOW, settled
from tests.faults.zygote import Ended, Zygote

SIZE = 6


@pytest.fixture(scope="module")
def ran(ground: Ground, zygote: Zygote) -> tuple[str, Picture, int]:
    """A store, what an undisturbed run makes of it, and the points that it crosses."""
    before = settled(ground)
    zygote.warm(ground.copy(before), now=NOW)
    calm = ground.copy(before)
    points = zygote.run("run", url=calm, now=NOW, size=SIZE).fine().json
    return before, picture(calm), len(points)


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


@pytest.mark.parametrize("part", range(8))
def test_a_stopped_writer_is_named_and_nothing_is_lost_or_doubled(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, int], part: int
) -> None:
    before, after, points = ran
    url, gave_up = stopped_amid(ground, zygote, before, at=points * part // 8 + 1)
    assert differences(after, picture(url)) == []
    told, *_, said = gave_up.err.splitlines()
    assert told.startswith("waiting for ")
    assert "is locked: " in said
    assert said.endswith("wait until it is done, or end it, and try again")


def test_a_writer_that_is_stopped_and_killed_lets_the_others_go_on(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture, int]
) -> None:
    before, after, points = ran
    url = ground.copy(before)
    holder = zygote.start("stop", url=url, now=NOW, size=SIZE, at=points // 2)
    assert zygote.stopped(holder)
    waiter = zygote.start("wait", url=url, now=NOW, size=SIZE, patience=60)
    assert zygote.kill(holder).killed
    zygote.wait(waiter).fine()
    assert differences(after, picture(url)) == []


def test_a_lock_that_is_let_go_early_is_found(ground: Ground, zygote: Zygote, ran: tuple[str, Picture, int]) -> None:
    before, _, points = ran
    _, gave_up = stopped_amid(ground, zygote, before, at=points // 2, mutant="the lock is let go early")
    assert "pid" not in gave_up.err, "nobody can be named who holds no lock"
