"""kill -9 of the runner, again and again: each firing happens exactly once, none is lost, none is done twice."""

from __future__ import annotations

import random
from pathlib import Path

from tests.acceptance.killing import killed


def test_ten_deaths_change_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    outcome = killed(tmp_path, deals=50_000, kills=10, seed=seed)
    assert outcome.firings > 50_000
    assert len(outcome.amid) >= 5, f"the kills missed the middle: {outcome}"
