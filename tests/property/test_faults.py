"""The engine against the plain telling of the semantics, with faults: runs that break off, and deals that are refused.

The histories are those of `test_engine`. A run that breaks off at any statement, and is begun again, must come to what
the reference comes to; where a trigger of another program refuses some of the firings, batches of every size must come
to the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text

from flowrun.clock import FixedClock
from flowrun.engine.runner import Runner
from flowrun.errors import WorkFailed
from flowrun.store.database import WRITING
from tests.property.histories import IDS, Event, histories
from tests.property.test_engine import JOURNAL, SIZES, Played, Snapshot, played_by_reference, remembered_rules

EXAMPLES = int(os.environ.get("FLOWRUN_EXAMPLES", "25"))
usual = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class _Broken(Exception):
    """A run has broken off."""


class Breaking(Played):
    """Runs that break off before a statement of a tick, each time at another, and are begun again."""

    def __init__(self, size: int, left: int, step: int) -> None:
        super().__init__(size)
        self._left, self._step = left, step
        self.broken = 0

    def play(self, happened: Event, at: int) -> None:
        if happened.what == "run":
            self.store.clock = FixedClock(at)
            left = self._left

            def count(connection: Connection, *_: object) -> None:
                nonlocal left
                left -= bool(connection.get_execution_options().get(WRITING))
                if left == 0:
                    raise _Broken

            event.listen(self.store.engine, "before_cursor_execute", count)
            try:
                Runner(self.store, size=self._size).until_idle()
            except _Broken:
                self.broken += 1
                self._left = self._left % 60 + self._step
            finally:
                event.remove(self.store.engine, "before_cursor_execute", count)
        super().play(happened, at)


class Refused(Played):
    """While a run lasts, a trigger of another program refuses to have these deals moved, or copied."""

    def __init__(self, size: int, ids: Sequence[str]) -> None:
        super().__init__(size)
        self._ids = ids

    def play(self, happened: Event, at: int) -> None:
        if happened.what != "run":
            super().play(happened, at)
            return
        some = ", ".join(f"'{one}'" for one in self._ids)
        for moment, column in (("UPDATE OF entry", "id"), ("INSERT", "origin")):
            self._sql(
                f"CREATE TRIGGER other_{column} AFTER {moment} ON deals WHEN NEW.{column} IN ({some}) "
                "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        super().play(happened, at)
        for column in ("id", "origin"):
            self._sql(f"DROP TRIGGER other_{column}")

    def _sql(self, statement: str) -> None:
        with self.store.write() as transaction:
            transaction.connection.execute(text(statement))


FIGURES: Counter[str] = Counter()


@usual
@given(histories(), st.integers(1, 60), st.integers(1, 20))
def break_off(happened: list[Event], left: int, step: int) -> None:
    done, expected, _ = played_by_reference(happened)
    played = Breaking(7, left, step)
    try:
        snapshots = iter(expected)
        for one, at in done:
            played.play(one, at)
            if one.what == "run":
                assert played.snapshot() == next(snapshots)
    finally:
        played.close()
    FIGURES["runs broken off"] += played.broken


@usual
@given(histories(), st.sets(st.sampled_from(IDS), min_size=1, max_size=4))
def refuse(happened: list[Event], ids: set[str]) -> None:
    done, _, _ = played_by_reference(happened)
    found: list[list[Snapshot]] = []
    for size in SIZES:
        played = Refused(size, sorted(ids))
        found.append([])
        try:
            for one, at in done:
                # What is refused here may be gone in the reference, and the other way round.
                with suppress(WorkFailed):
                    played.play(one, at)
                if one.what == "run":
                    found[-1].append(played.snapshot())
        finally:
            played.close()
    for size, snapshots in zip(SIZES, found, strict=True):
        assert snapshots == found[0], f"in batches of {size}"
    FIGURES["refused"] += sum(row[JOURNAL.index("reason")] == "error" for row in found[0][-1][1])


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that are compiled once for all, and no pauses."""
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered_rules)
    monkeypatch.setattr("flowrun.engine.poison.time.sleep", lambda _seconds: None)


def test_a_run_that_breaks_off_and_is_begun_again_does_what_the_semantics_say() -> None:
    FIGURES.clear()
    break_off()
    print(f"\n{FIGURES}")
    assert FIGURES["runs broken off"] > EXAMPLES


def test_what_is_refused_is_the_same_in_batches_of_any_size() -> None:
    FIGURES.clear()
    refuse()
    print(f"\n{FIGURES}")
    assert FIGURES["refused"] > EXAMPLES / 3
