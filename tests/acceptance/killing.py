"""Killing the runner: many deals through moves, copies and chains, killed in between, beside the same undisturbed.

Shared by the test of 50,000 deals and the soak of a million. Both runs work on a copy of one store at one fixed
instant, so they must leave the same rows, byte for byte: whatever is lost, doubled or torn by a death shows.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.place import Place

NOW = "2040-01-01T12:00Z"
"""After all that the fill can leave behind."""

FLOW = """\
flowrun: 1
project: killing
fields:
  amount: {type: decimal, places: 2}
  seats: integer
  account: text
pipelines:
  intake: {stages: [new, sorted, {id: dropped, outcome: lost}]}
  work: {stages: [todo, doing, {id: done, outcome: won}]}
  billing: {stages: [open, {id: paid, outcome: won}, {id: waived, outcome: lost}]}
tunnels:
  to-work:
    from: intake.new
    to: work.todo
    action: copy
    when: deal.amount >= 20
    unless_exists: {same: [account]}
    set: {title: "Work for {{ deal.account }}"}
  sort: {from: intake.new, to: intake.sorted, action: move, when: deal.amount >= 20}
  drop: {from: intake.new, to: intake.dropped, action: move, after: 1h, when: deal.amount < 20}
  assign:
    from: work.todo
    to: work.doing
    action: move
    set: {owner: {rotate: [ann, bob, cem, dee, eve, fay, gus]}}
  bill:
    from: work.doing
    to: billing.open
    action: copy
    once: deal
    set: {amount: "{{ deal.amount * 2 }}"}
  pay: {from: billing.open, to: billing.paid, action: move, when: deal.seats >= 50}
  waive: {from: billing.open, to: billing.waived, action: move, when: deal.seats < 10}
  finish: {from: billing.paid, to: work.done, action: move, which: origin}
  archive: {from: intake.sorted, to: billing.waived, action: copy, when: deal.seats == 7}
"""

_FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :deals)
INSERT INTO deals (id, title, stage, amount, seats, account)
SELECT 'd' || i, 'Deal ' || i, 'intake.new', i * 7919 % 10000, i * 40503 % 100, 'account ' || i * 69069 % :accounts
FROM n
"""


@dataclass(frozen=True, slots=True)
class Death:
    """One kill. `before` and `after` are the rows of the journal when that runner started and when it was dead."""

    before: int
    after: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the two runs left: `firings` rows in the undisturbed one's journal, and how the other one died."""

    firings: int
    deaths: tuple[Death, ...]
    seconds: float

    @property
    def amid(self) -> tuple[Death, ...]:
        """The kills of a runner that had committed something, and not yet all."""
        return tuple(death for death in self.deaths if death.before < death.after < self.firings)


def fill(place: Place, deals: int) -> None:
    """Apply the flow, and write the deals as any program would: with SQL."""
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes", measured=False).fine()
    with place.sql() as connection:
        connection.execute(_FILL, {"deals": deals, "accounts": max(1, deals // 2)})
    with place.sql() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def killed(folder: Path, deals: int, kills: int, seed: int) -> Outcome:
    """Run undisturbed and run killed; fails where the two differ in any row, or any death leaves a torn store."""
    place = Place(folder)
    fill(place, deals)
    calm, torn = Place(folder / "calm"), Place(folder / "torn")
    for other in (calm, torn):
        other.folder.mkdir()
        shutil.copyfile(place.store, other.store)
    calm_run = calm.run("run", "--until-idle", now=NOW, measured=False, patience=3600).fine()
    firings = _journal(calm.store)
    chance = random.Random(seed)
    deaths = []
    for number in range(kills):
        pause = chance.uniform(0, min(calm_run.seconds / kills, 0.2)) if number % 2 else 0
        deaths.append(_die(torn, int(firings * (number + 1) / (kills + 1)), pause))
        assert_whole(torn)
    torn.run("run", "--until-idle", now=NOW, measured=False, patience=3600).fine()
    _same(calm, torn)
    return Outcome(firings, tuple(deaths), calm_run.seconds)


def _die(place: Place, rows: int, pause: float) -> Death:
    """Start the runner, and kill it that many seconds after the journal shows so many rows.

    Without a pause it dies at the very moment at which others see its rows: the worst one, were anything committed
    apart from them. With one it dies somewhere within a later batch.
    """
    before = _journal(place.store)
    began = time.monotonic()
    with place.running("run", "--until-idle", now=NOW, measured=False) as runner:
        while runner.going and _journal(place.store) < rows:
            time.sleep(0.002)
        time.sleep(pause)
        runner.kill()
    return Death(before, _journal(place.store), time.monotonic() - began)


def _journal(store: Path) -> int:
    connection = sqlite3.connect(store, timeout=60)
    try:
        return int(connection.execute("SELECT coalesce(max(seq), 0) FROM firings").fetchone()[0])
    finally:
        connection.close()


def assert_whole(place: Place) -> None:
    """A death leaves no effect without its row of the journal, and no row without its effect."""
    unmade = """SELECT count(*) FROM firings f LEFT JOIN deals d ON d.id = f.target
                WHERE f.action = 'copy' AND f.result = 'fired' AND d.id IS NULL"""
    unsaid = """SELECT count(*) FROM deals d LEFT JOIN firings f ON f.target = d.id AND f.action = 'copy'
                WHERE d.origin IS NOT NULL AND f.seq IS NULL"""
    # A deal's entry is 1 and one more for each of its moves.
    moved = """SELECT count(*) FROM deals d LEFT JOIN
               (SELECT target, count(*) AS moves FROM firings
                WHERE action = 'move' AND result = 'fired' GROUP BY target) m
               ON m.target = d.id WHERE d.entry <> 1 + coalesce(m.moves, 0)"""
    for query in (unmade, unsaid, moved):
        assert place.value(query) == 0, query


def _same(calm: Place, torn: Place) -> None:
    """Every row of the two stores is the same; and in the journal each firing stands once, by its own account."""
    doubled = "SELECT deal, entry, tunnel FROM firings GROUP BY deal, entry, tunnel HAVING count(*) > 1"
    copied = """SELECT origin, origin_tunnel, count(*) FROM deals WHERE origin IS NOT NULL
                GROUP BY origin, origin_tunnel HAVING count(*) > 1"""
    assert torn.rows(doubled) == []
    assert torn.rows(copied) == []
    assert torn.value("PRAGMA integrity_check") == "ok"
    with torn.sql() as connection:
        connection.execute("ATTACH ? AS calm", (str(calm.store),))
        for table in ("deals", "firings", "tunnels", "queue", "activity"):
            for one, other in (("calm", "main"), ("main", "calm")):
                query = f"SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {other}.{table} LIMIT 3"
                difference: list[Any] = connection.execute(query).fetchall()
                assert difference == [], f"only in {one}.{table}"
