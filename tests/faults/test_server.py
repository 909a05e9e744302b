"""PostgreSQL goes away under runners, or a runner is cut off from it: the work goes on, none lost and none doubled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.faults.grounds import Ground, fill, foreign, make, query, value
from tests.faults.proxy import Cut, Proxy
from tests.faults.writers import FLOW
from tests.faults.zygote import Zygote
from tests.postgres import Server

pytestmark = pytest.mark.parametrize("ground", ["postgresql"], indirect=True, scope="session")

LONGEST = 35
"""Seconds after which the deals of a runner that was cut off are another's at the latest."""
_NEW = text("INSERT INTO deals (id, stage, note) SELECT :name || i, 'sales.new', 'go' FROM generate_series(1, :n) AS i")


def write(url: str, name: str, deals: int) -> None:
    """Some deals, by a program that tries again until it knows that they are there."""
    engine = foreign(url)
    while True:
        try:
            with engine.begin() as connection:
                there = text("SELECT count(*) FROM deals WHERE id LIKE :name || '%' AND origin IS NULL")
                if connection.execute(there, {"name": name}).scalar_one() == 0:
                    connection.execute(_NEW, {"name": name, "n": deals})
                return
        except DBAPIError:
            time.sleep(0.05)


def all_done(url: str, deals: int, patience: float) -> float:
    """Wait until each deal has been copied and moved; the seconds that took."""
    began = time.monotonic()
    while value(url, "SELECT count(*) FROM firings WHERE result = 'fired'") < 2 * deals:
        assert time.monotonic() - began < patience, "it never happened"
        time.sleep(0.05)
    return time.monotonic() - began


def check(url: str, deals: int) -> None:
    """That each deal has done both, once, and that their rows and their effects are the same."""
    each = "SELECT tunnel, count(*), count(DISTINCT deal) FROM firings WHERE result = 'fired' GROUP BY 1 ORDER BY 1"
    assert query(url, each) == [("on", deals, deals), ("seen", deals, deals)]
    stages = "SELECT stage, count(*), count(DISTINCT coalesce(origin, id)) FROM deals GROUP BY 1 ORDER BY 1"
    assert query(url, stages) == [("sales.next", deals, deals), ("work.done", deals, deals)]
    assert query(url, "SELECT id, fired FROM tunnels ORDER BY id") == [("on", deals), ("seen", deals)]
    assert query(url, "SELECT count(*) FROM queue") == [(0,)]


def end(zygote: Zygote, runners: Sequence[int]) -> list[str]:
    """Stop them, which they do well; what they said."""
    for pid in runners:
        os.kill(pid, signal.SIGTERM)
    return [zygote.wait(pid, patience=30).fine().err for pid in runners]


@pytest.mark.usefixtures("ground")
def test_a_server_that_is_killed_is_waited_for(own_postgres: Server, zygote: Zygote) -> None:
    per, deals = 150, 0
    url = own_postgres.url
    fill(url, FLOW, 0)
    runners = [zygote.start("watch", url=url) for _ in range(2)]
    write(url, "warm", per)
    all_done(url, per, 60)
    deals += per
    for death in range(4):
        for part in range(3):
            write(url, f"d{death}-{part}-", per)
            deals += per
        time.sleep(0.05 * death)
        own_postgres.kill()
        time.sleep(0.3)
        own_postgres.start()
    write(url, "last", per)
    deals += per
    all_done(url, deals, 60)
    said = end(zygote, runners)
    check(url, deals)
    assert all("can't be reached" in one and "waiting for it" in one for one in said), said


@pytest.fixture
def proxied(ground: Ground) -> Iterator[tuple[str, Proxy]]:
    """A store, and a proxy before it."""
    url = make(ground, FLOW, 0)
    with Proxy(url) as proxy:
        yield url, proxy


@pytest.mark.parametrize("how", [Cut.BEFORE, Cut.AFTER])
def test_a_commit_of_unknown_outcome_is_settled_by_what_is_there(
    proxied: tuple[str, Proxy], zygote: Zygote, how: Cut
) -> None:
    url, proxy = proxied
    runner = zygote.start("watch", url=proxy.url)
    write(url, "warm", 10)
    all_done(url, 10, 60)
    deals = 10
    for turn in range(3):
        proxy.cut(how, "COMMIT")
        write(url, f"d{turn}-", 40)
        assert proxy.done.wait(60)
        all_done(url, deals + 40, 60)
        write(url, f"back{turn}-", 1)  # what was cut may be done; that this is too shows that the runner is back
        deals += 41
        all_done(url, deals, 60)
    (said,) = end(zygote, [runner])
    check(url, deals)
    assert said.count("waiting for it") == 3


def test_a_runner_that_takes_a_lost_connection_for_the_end_is_found(proxied: tuple[str, Proxy], zygote: Zygote) -> None:
    url, proxy = proxied
    runner = zygote.start("watch", url=proxy.url, mutant="a lost connection is the end")
    write(url, "warm", 10)
    all_done(url, 10, 60)
    proxy.cut(Cut.BEFORE, "COMMIT")
    write(url, "d", 40)
    assert zygote.wait(runner).status == 1


def test_the_deals_of_a_runner_that_is_cut_off_go_on_with_another(proxied: tuple[str, Proxy], zygote: Zygote) -> None:
    url, proxy = proxied
    deals = 1_200
    write(url, "d", deals)
    proxy.cut(Cut.HOLE, "INSERT INTO firings")
    lost = zygote.start("watch", url=proxy.url)
    assert proxy.done.wait(60), "it should be amid a tick"
    began = time.monotonic()
    other = zygote.start("watch", url=url)
    all_done(url, 700, 20)
    assert value(url, "SELECT count(*) FROM queue") > 0, "those of the one that is cut off are still its own"
    all_done(url, deals, LONGEST)
    print(f"\nthe deals of a runner that was cut off went on after {time.monotonic() - began:.1f} s")
    proxy.heal()
    write(url, "more", 100)
    all_done(url, deals + 100, 30)
    said = end(zygote, [lost, other])
    assert "waiting for it" in said[0]
    assert said[1] == ""
    check(url, deals + 100)
