"""The guards of the SQL source, each taken away: the conformance suite then says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flowrun.errors import FlowrunError
from flowrun.sources.interface import Bad, Later, Page, Unknown
from flowrun.sources.sql import comparing, marks, outbox, rows, writing
from flowrun.testing import CHECKS, Broken
from tests.unit.sources.sql.bench import SqlBench
from tests.unit.sources.sql.grounds import Ground

Patch = Callable[[pytest.MonkeyPatch], None]


def _a_watermark(patch: pytest.MonkeyPatch) -> None:
    def changes(self: outbox.Outbox, mark: str | None) -> Iterator[Page]:
        last = int(marks.parts(mark).get("last", -1))
        if mark is None:
            yield from self._everything(None)
        with self.database.reading() as connection:
            noted = self._read(connection, (last, "~"))
            changed = self.rows.by_ids(connection, [id_ for _, id_ in noted])
        yield Page(changed, marks.written(last=max([last, *(number for number, _ in noted)])))

    patch.setattr(outbox.Outbox, "changes", changes)


def _consumed_at_once(patch: pytest.MonkeyPatch) -> None:
    original = outbox.Outbox._noted

    def noted(self: outbox.Outbox, *, consumed: bool) -> Iterator[Page]:
        pages = list(original(self, consumed=consumed))
        for page in pages:
            self._consume(marks.parts(page.mark))
        yield from pages

    patch.setattr(outbox.Outbox, "_noted", noted)


def _no_overlap(patch: pytest.MonkeyPatch) -> None:
    original = comparing.Comparing._bound

    def bound(self: comparing.Comparing, since: str | None) -> str | None:
        self.overlap = timedelta()
        return original(self, since)

    patch.setattr(comparing.Comparing, "_bound", bound)


def _keys_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(writing.Writing, "_done", lambda self, connection, orders: {})


def _any_stage(patch: pytest.MonkeyPatch) -> None:
    original = writing.Writing._moved

    def moved(self: writing.Writing, order: Any, standing: Any) -> Any:
        stands = standing.stages.get(order.id)
        return original(self, replace(order, from_stage=stands) if stands else order, standing)

    patch.setattr(writing.Writing, "_moved", moved)


def _certain_commits(patch: pytest.MonkeyPatch) -> None:
    original = writing.Writing.perform

    def perform(self: writing.Writing, orders: Any) -> Any:
        return [Later(one.reason) if isinstance(one, Unknown) else one for one in original(self, orders)]

    patch.setattr(writing.Writing, "perform", perform)


def _bad_rows_left_out(patch: pytest.MonkeyPatch) -> None:
    original = rows.Rows.by_ids

    def by_ids(self: rows.Rows, connection: Any, ids: Sequence[str]) -> Any:
        return [one for one in original(self, connection, ids) if not isinstance(one, Bad)]

    patch.setattr(rows.Rows, "by_ids", by_ids)


MISTAKES: Mapping[str, tuple[Patch, str, str, str]] = {
    "a number to read on from": (_a_watermark, "outbox", "late_changes", "postgresql"),
    "deleting before the page is kept": (_consumed_at_once, "outbox", "repeated_questions", "sqlite"),
    "a time without overlap": (_no_overlap, "timestamp", "late_changes", "postgresql"),
    "keys that are not looked at": (_keys_forgotten, "outbox", "repeated_orders", "sqlite"),
    "a stage that is not looked at": (_any_stage, "outbox", "stage_conflicts", "sqlite"),
    "a lost commit that counts as none": (_certain_commits, "outbox", "lost_answers", "postgresql"),
    "bad rows that are left out": (_bad_rows_left_out, "outbox", "bad_rows", "sqlite"),
}


@pytest.mark.parametrize(
    ("mistake", "ground"), [(name, mistake[3]) for name, mistake in MISTAKES.items()], indirect=["ground"]
)
def test_a_guard_that_is_taken_away_is_missed(mistake: str, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    patch, notice, check, _ = MISTAKES[mistake]
    patch(monkeypatch)
    bench = SqlBench(ground, notice)
    try:
        with pytest.raises((Broken, FlowrunError)):
            CHECKS[check](bench)
    finally:
        bench.close()
