"""The control: the same work as a careful person would write it in SQL, tunnel by tunnel, over the last deals to come.

    python tests/bench/by_hand.py sqlite:///FILE
    python tests/bench/by_hand.py postgresql://…

One transaction a round, a few statements a tunnel, each over all deals at once; the same deals, the same journal and
the same counts as flowrun leaves, on the same tables with the same indexes and triggers. It knows what flowrun can't:
these tunnels alone, that nobody else works on the store, and that nothing waits for time.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.rules import CONDITIONS, NOW_MS, Rule, by_stage

_COPIED = "amount, currency, source, seats, account"


def on_sqlite(path: str) -> None:
    """Do it in that file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("copy_id", 4, copy_id, deterministic=True)
    for pragma in ("synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY", "wal_autocheckpoint = 8000"):
        connection.execute(f"PRAGMA {pragma}")
    run = connection.execute
    run("CREATE TEMP TABLE hot (stage TEXT, seq INTEGER, PRIMARY KEY (stage, seq)) WITHOUT ROWID")
    run("CREATE TEMP TABLE next (seq INTEGER PRIMARY KEY)")
    run("CREATE TEMP TABLE hit (seq INTEGER PRIMARY KEY)")
    run("INSERT INTO hot SELECT stage, seq FROM deals ORDER BY stage, seq")
    while run("SELECT count(*) FROM hot").fetchone()[0]:
        run("BEGIN IMMEDIATE")
        # A deal that moves now must not be seen again by a tunnel of its new stage in this round: last stages first.
        for rules in by_stage().values():
            for rule in rules:
                _on_sqlite(connection, rule)
        run("DELETE FROM hot")
        run("INSERT INTO hot SELECT stage, seq FROM next CROSS JOIN deals USING (seq)")
        run("DELETE FROM next")
        run("COMMIT")
    run("BEGIN IMMEDIATE")
    run("DELETE FROM queue")
    run("COMMIT")
    connection.close()


def _on_sqlite(connection: sqlite3.Connection, rule: Rule) -> None:
    run = connection.execute
    values = {"id": rule.id, "from": rule.source, "to": rule.target, "action": rule.action, "now": NOW_MS}
    run("DELETE FROM hit")
    run(
        f"""INSERT INTO hit SELECT d.seq FROM hot CROSS JOIN deals d ON d.seq = hot.seq
            WHERE hot.stage = :from AND d.stage = :from AND {CONDITIONS[rule.condition][1]}
              AND NOT EXISTS (SELECT 1 FROM firings f WHERE f.deal = d.id AND f.entry = d.entry AND f.tunnel = :id)""",
        values,
    )
    copy = rule.action == "copy"
    made = "copy_id(coalesce(d._root, d.id), d.id, :id, d.entry)"
    run(
        f"""INSERT INTO firings (deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at,
                                 fired_at, revision, _lineage)
            SELECT d.id, d.entry, :id, 0, :action, :from, :to, 'fired', {made if copy else "d.id"}, d.entered_at,
                   :now, 1, {"coalesce(d._root, d.id)" if copy else "NULL"}
            FROM hit CROSS JOIN deals d ON d.seq = hit.seq ORDER BY hit.seq""",
        values,
    )
    hops = "coalesce(_hops, '') || printf('%015d', :now)"
    if copy:
        last = run("SELECT max(seq) FROM deals").fetchone()[0]
        run(
            f"""INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, origin,
                                   origin_tunnel, _root, _hops, {_COPIED})
                SELECT {made}, title, owner, :to, 1, :now, :now, :now, id, :id, coalesce(_root, id), {hops}, {_COPIED}
                FROM hit CROSS JOIN deals d ON d.seq = hit.seq ORDER BY hit.seq""",
            values,
        )
        run("INSERT INTO next SELECT seq FROM deals WHERE seq > ?", (last,))
    else:
        run(
            f"""UPDATE deals SET stage = :to, entry = entry + 1, entered_at = :now, updated_at = :now, _hops = {hops}
                WHERE seq IN (SELECT seq FROM hit)""",
            values,
        )
        run("INSERT INTO next SELECT seq FROM hit")
    run("UPDATE tunnels SET fired = fired + (SELECT count(*) FROM hit), last_fired_at = :now WHERE id = :id", values)


def copy_id(root: str, deal: str, tunnel: str, entry: int) -> str:
    """The id of a copy (docs/explanation/exactly-once.md), for a database that has no function for it."""
    bits = int.from_bytes(hashlib.sha256(f"{deal}\0{tunnel}\0{entry}".encode()).digest()[:7]) >> 6
    return root + "~" + "".join("abcdefghijklmnopqrstuvwxyz234567"[bits >> shift & 31] for shift in range(45, -5, -5))


def on_postgresql(url: str) -> None:
    """Do it in that database. The ids of copies are made by the store's own function."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        run = connection.execute
        run("SET jit = off")
        run("SET work_mem = '64MB'")
        run("SET temp_buffers = '64MB'")
        run("CREATE TEMP TABLE hot (stage TEXT, seq BIGINT)")
        run("CREATE TEMP TABLE next (seq BIGINT)")
        run("CREATE TEMP TABLE hit (seq BIGINT PRIMARY KEY)")
        run("INSERT INTO hot SELECT stage, seq FROM deals ORDER BY stage, seq")
        run("CREATE INDEX ON hot (stage)")
        run("ANALYZE hot")
        while run("SELECT count(*) FROM hot").fetchone() != (0,):
            with connection.transaction():
                found = run("SELECT DISTINCT stage FROM hot").fetchall()
                stages = {stage for (stage,) in found}
                for source, rules in by_stage().items():
                    for rule in rules if source in stages else ():
                        _on_postgresql(connection, rule)
                run("TRUNCATE hot")
                run("ANALYZE next")
                run("INSERT INTO hot SELECT stage, seq FROM next JOIN deals USING (seq) ORDER BY stage, seq")
                run("ANALYZE hot")
                run("TRUNCATE next")
        run("DELETE FROM queue")


def _on_postgresql(connection: psycopg.Connection[Any], rule: Rule) -> None:
    def run(statement: str) -> psycopg.Cursor[Any]:
        # The statement's own values are trusted; written into it, they let the planner see them.
        return connection.execute(statement.encode())

    found = run(
        f"""INSERT INTO hit SELECT d.seq FROM hot JOIN deals d ON d.seq = hot.seq
            WHERE hot.stage = '{rule.source}' AND d.stage = '{rule.source}' AND {CONDITIONS[rule.condition][1]}
              AND NOT EXISTS (SELECT 1 FROM firings f
                              WHERE f.deal = d.id AND f.entry = d.entry AND f.tunnel = '{rule.id}' AND f.shadow = 0)
            ORDER BY d.seq"""
    ).rowcount
    if not found:
        return
    run("ANALYZE hit")
    copy = rule.action == "copy"
    made = f"fr_copy_id(coalesce(d._root, d.id), d.id, '{rule.id}', d.entry)"
    run(
        f"""INSERT INTO firings (deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at,
                                 fired_at, revision, _lineage)
            SELECT d.id, d.entry, '{rule.id}', 0, '{rule.action}', '{rule.source}', '{rule.target}', 'fired',
                   {made if copy else "d.id"}, d.entered_at, {NOW_MS}, 1,
                   {"coalesce(d._root, d.id)" if copy else "NULL"}
            FROM hit JOIN deals d ON d.seq = hit.seq ORDER BY hit.seq"""
    )
    hops = f"coalesce(_hops, '') || '{NOW_MS:015d}'"
    if copy:
        run(
            f"""WITH made AS (
                  INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, origin,
                                     origin_tunnel, _root, _hops, {_COPIED})
                  SELECT {made}, title, owner, '{rule.target}', 1, {NOW_MS}, {NOW_MS}, {NOW_MS}, id, '{rule.id}',
                         coalesce(_root, id), {hops}, {_COPIED}
                  FROM hit JOIN deals d ON d.seq = hit.seq ORDER BY hit.seq
                  RETURNING seq)
                INSERT INTO next SELECT seq FROM made"""
        )
    else:
        run(
            f"""UPDATE deals SET stage = '{rule.target}', entry = entry + 1, entered_at = {NOW_MS},
                                 updated_at = {NOW_MS}, _hops = {hops}
                FROM hit WHERE deals.seq = hit.seq"""
        )
        run("INSERT INTO next SELECT seq FROM hit")
    run(f"UPDATE tunnels SET fired = fired + {found}, last_fired_at = {NOW_MS} WHERE id = '{rule.id}'")
    run("TRUNCATE hit")


if __name__ == "__main__":
    address = sys.argv[1]
    if address.startswith("sqlite:///"):
        on_sqlite(address.removeprefix("sqlite:///"))
    else:
        on_postgresql(address)
