"""Other programs write deals, commit late and out of order, while a runner works: it misses none.

A poller beside it goes by a watermark over the instants that the writers keep, as is often done: it misses some. What
`seq` would give such a poller is not shown: on SQLite it is given under the one lock that writers have, so that it
comes in the order of the commits.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.grounds import BOTH, Ground, query
from tests.faults.writers import WRITERS, written
from tests.faults.zygote import Zygote

pytestmark = pytest.mark.parametrize("ground", BOTH, indirect=True, scope="session")

WRITES = int(os.environ.get("FLOWRUN_WRITES", "3000"))


def test_what_is_committed_late_is_not_missed(ground: Ground, zygote: Zygote) -> None:
    done = written(ground, zygote, WRITES)
    print(f"\n{WRITES:,} writes of {WRITERS} programs: the runner missed 0, the watermark {done.unseen:,} changes")
    assert done.deals == WRITES // WRITERS // 2 * WRITERS
    assert done.missed == 0
    for tunnel in ("seen", "on"):
        found = query(done.url, f"SELECT count(*), count(DISTINCT deal) FROM firings WHERE tunnel = '{tunnel}'")
        assert found == [(done.deals, done.deals)]
    copies = query(done.url, "SELECT count(*), count(DISTINCT origin) FROM deals WHERE origin IS NOT NULL")
    assert copies == [(done.deals, done.deals)]
    assert done.unseen > 0, "the control shows nothing"


def test_a_change_that_wakes_nobody_is_found(ground: Ground, zygote: Zygote) -> None:
    drop = {"sqlite": "DROP TRIGGER deals_update_watched", "postgresql": "DROP TRIGGER engine_update ON deals"}
    assert written(ground, zygote, 1_600, before=drop[ground.name]).missed > 0
