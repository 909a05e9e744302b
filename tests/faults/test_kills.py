"""200 runners are killed at random, and nothing is lost or doubled; `make soak` kills 10,000."""

from __future__ import annotations

import os
import random

from tests.faults.grounds import Ground
from tests.faults.kills import kill_at_random
from tests.faults.zygote import Zygote

KILLS = int(os.environ.get("FLOWRUN_KILLS", "200"))


def test_runners_that_die_lose_and_double_nothing(ground: Ground, zygote: Zygote) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    done = kill_at_random(ground, zygote, KILLS, seed)
    assert done.found == []
    print(f"{done.kills} kills, {done.amid} of them amid the work, on {done.stores} stores; {done.firings:,} firings")
    assert done.kills == KILLS
    assert done.amid >= KILLS / 2, "the kills missed the middle"


def test_an_effect_that_is_committed_apart_is_found(ground: Ground, zygote: Zygote) -> None:
    mutant = "the journal is committed before its effects"
    assert kill_at_random(ground, zygote, 200, seed=1, mutant=mutant).found
