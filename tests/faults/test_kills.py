"""Runners are killed at random, 200 on SQLite and 50 on PostgreSQL, and nothing is lost or doubled.

`make soak` kills 10,000 and 2,000.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.faults.grounds import BOTH, Ground
from tests.faults.kills import kill_at_random
from tests.faults.zygote import Zygote

pytestmark = pytest.mark.parametrize("ground", BOTH, indirect=True, scope="session")

KILLS = {
    "sqlite": int(os.environ.get("FLOWRUN_KILLS", "200")),
    "postgresql": int(os.environ.get("FLOWRUN_KILLS_POSTGRES", "50")),
}


def test_runners_that_die_lose_and_double_nothing(ground: Ground, zygote: Zygote) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    kills = KILLS[ground.name]
    done = kill_at_random(ground, zygote, kills, seed)
    assert done.found == []
    print(f"{done.kills} kills, {done.amid} of them amid the work, on {done.stores} stores; {done.firings:,} firings")
    assert done.kills == kills
    assert done.amid >= kills / 2, "the kills missed the middle"


def test_an_effect_that_is_committed_apart_is_found(ground: Ground, zygote: Zygote) -> None:
    mutant = "the journal is committed before its effects"
    assert kill_at_random(ground, zygote, {"sqlite": 200, "postgresql": 20}[ground.name], seed=1, mutant=mutant).found
