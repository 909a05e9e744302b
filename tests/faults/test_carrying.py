"""A runner that is stopped (SIGSTOP) between taking a call and making it, for longer than its lease: another one makes
it, and the first makes none when it goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flowrun.sources.carrier import LEASE
from tests.faults.grounds import BOTH, Ground, at, query
from tests.faults.roles import elsewhere
from tests.faults.ticks import START
from tests.faults.zygote import Zygote

pytestmark = pytest.mark.parametrize("ground", BOTH, indirect=True, scope="session")


def lines(ground: Ground, zygote: Zygote, ledger: Path, mutant: str | None = None) -> list[str]:
    """Who made which call, when the first runner is stopped and the second comes after its lease."""
    url = ground.empty()
    at(url, START, elsewhere, create=True)
    first = zygote.start("carry", url=url, now=START, ledger=str(ledger), name="first", stops=True, mutant=mutant)
    try:
        assert zygote.stopped(first)
        zygote.run("carry", url=url, now=START + LEASE + 1, ledger=str(ledger), name="second").fine()
        assert query(url, "SELECT count(*) FROM calls") == [(0,)]
    finally:
        os.kill(first, signal.SIGCONT)
    zygote.wait(first).fine()
    assert query(url, "SELECT DISTINCT result FROM firings") == [("fired",)]
    return ledger.read_text().splitlines()


def test_a_runner_that_was_stopped_past_its_lease_makes_no_call(ground: Ground, zygote: Zygote, tmp_path: Path) -> None:
    assert sorted(lines(ground, zygote, tmp_path / "ledger")) == [f"second d{n}" for n in range(3)]


def test_a_lease_that_is_not_looked_at_again_is_found(ground: Ground, zygote: Zygote, tmp_path: Path) -> None:
    made = lines(ground, zygote, tmp_path / "ledger", "the lease is not looked at again")
    assert len(made) == 6, "each call was made twice"
