"""Eight writers whose transactions commit late and out of order: triggers miss nothing, whatever the reader goes
through.

`FLOWRUN_SQL_CHANGES=100000` is the full run; it says on standard output what a column of timestamps without overlap
would have missed of the same changes, as the control.
"""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from flowrun.expr.types import INTEGER
from flowrun.flow.model import Field, Flow, Pipeline, Stage
from flowrun.sources.interface import Record
from flowrun.sources.sql.comparing import Comparing
from flowrun.sources.sql.installing import install
from flowrun.sources.sql.source import SqlSource
from tests.unit.sources.sql.grounds import Ground, opened, options, place

CHANGES = int(os.environ.get("FLOWRUN_SQL_CHANGES", "1200"))
WRITERS = 8
FLOW = Flow(
    project="late",
    fields={"n": Field("n", INTEGER)},
    pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"),))},
)
TABLE = {
    "postgresql": "id text PRIMARY KEY, stage text, n int, changed_at timestamptz DEFAULT now()",
    "mysql": "id VARCHAR(40) PRIMARY KEY, stage TEXT, n INT, changed_at TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6)",
}
NOW = {"postgresql": "now()", "mysql": "CURRENT_TIMESTAMP(6)"}
KEYS = "table: deals\nstage: stage\ncolumns: {n: n}\n"


class Writer(threading.Thread):
    """Makes its share of the changes: each transaction of a few, which waits a while before it commits."""

    def __init__(self, ground: Ground, name: str, changes: int) -> None:
        super().__init__(daemon=True)
        self._ground, self._who, self._left = ground, name, changes
        self._random = random.Random(name)
        self.final: dict[str, int] = {}
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            connection = self._ground.connect(autocommit=False)
            while self._left > 0:
                self._transaction(connection, min(self._left, self._random.choice((1, 1, 2, 5, 20))))
        except Exception as error:  # noqa: BLE001 - told by the test
            self.error = error

    def _transaction(self, connection: Any, size: int) -> None:
        now = NOW[self._ground.name]
        wanted = dict(self.final)
        with closing(connection.cursor()) as cursor:
            for _ in range(size):
                if wanted and self._random.random() < 0.5:
                    id_ = self._random.choice(list(wanted)[-50:])
                    wanted[id_] += 1
                    change = f"UPDATE deals SET n = n + 1, changed_at = {now} WHERE id = %s"
                    cursor.execute(change, (id_,))
                else:
                    id_ = f"{self._who}-{len(wanted)}"
                    wanted[id_] = 0
                    cursor.execute("INSERT INTO deals (id, stage, n) VALUES (%s, 'sales.new', 0)", (id_,))
        if self._random.random() < 0.3:
            time.sleep(self._random.random() * 0.05)
        if self._random.random() < 0.05:
            connection.rollback()
            return
        connection.commit()
        self.final = wanted
        self._left -= size


class Reader:
    """Asks for changes again and again. One that forgets now and then dies before it has kept what it was told."""

    def __init__(self, source: SqlSource, *, forgetful: bool = False) -> None:
        self._source, self._forgetful = source, forgetful
        self._random = random.Random(1)
        self._mark: str | None = None
        self.seen: dict[str, int] = {}

    def ask(self) -> None:
        for page in self._source.changes(self._mark):
            if self._forgetful and self._random.random() < 0.1:
                return
            for change in page.changes:
                assert isinstance(change, Record)
                n = change.fields["n"]
                assert isinstance(n, int)
                self.seen[change.id] = n
            self._mark = page.mark

    def missed(self, final: dict[str, int]) -> int:
        return sum(self.seen.get(id_) != n for id_, n in final.items())


@pytest.mark.no_cover
@pytest.mark.parametrize("ground", ["postgresql", "mysql"], indirect=True)
def test_triggers_miss_none_of_many_changes_by_eight_writers(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    ground.run(f"CREATE TABLE deals ({TABLE[ground.name]})")
    outbox = KEYS + "notice: outbox\n"
    install(options(outbox), place(ground, FLOW))
    with (
        closing(opened(ground, FLOW, outbox)) as source,
        closing(opened(ground, FLOW, KEYS + "notice: timestamp\nchanged_at: changed_at\n")) as control,
    ):
        assert isinstance(control.noticing, Comparing)
        control.noticing.overlap = timedelta()
        reader, other = Reader(source, forgetful=True), Reader(control)
        reader.ask()
        other.ask()
        writers = [Writer(ground, f"w{n}", CHANGES // WRITERS) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            reader.ask()
            other.ask()
            time.sleep(0.01)
        assert [writer.error for writer in writers if writer.error] == []
        final = {id_: n for writer in writers for id_, n in writer.final.items()}
        for _ in range(30):  # some of these die; the last page is kept for certain
            reader.ask()
        reader._forgetful = False
        reader.ask()
        reader.ask()
        other.ask()
        (left,) = ground.ask("SELECT count(*) FROM flowrun_outbox_deals")
    assert reader.missed(final) == 0
    assert left == (0,)
    missed = other.missed(final)
    with capsys.disabled():
        if CHANGES >= 10_000:
            print(
                f"\n{ground.name}: {CHANGES:,} changes of {len(final):,} deals; missed by triggers 0, by timestamps "
                f"without overlap {missed:,} deals ({missed / len(final):.1%})"
            )
