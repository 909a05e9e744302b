"""A million deals through twenty tunnels, beside the same work as hand-written SQL.

    python tests/bench/run.py --deals 1000000

Prints wall time and peak memory of `flowrun run --until-idle` and of the hand-written SQL, each in a process of its own
on a copy of the same store, in turn; and the ratio, hand-written time / flowrun's time (higher is better for flowrun).
Both leave the same deals and the same journal, which is checked.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = 20
NOW = "2026-03-06T12:00Z"
NOW_MS = 1_772_798_400_000

CONDITIONS = (
    (
        "deal.amount >= 40000 and deal.source in ['web', 'ads'] and deal.seats < 75",
        "amount >= 4000000 AND source IN ('web', 'ads') AND seats < 75",
    ),
    (
        "deal.seats >= 50 and deal.currency != 'EUR' and deal.amount < 90000",
        "seats >= 50 AND currency <> 'EUR' AND amount < 9000000",
    ),
    (
        "deal.amount < 50000 and (deal.source == 'partner' or deal.seats > 30)",
        "amount < 5000000 AND (source = 'partner' OR seats > 30)",
    ),
    ("deal.currency == 'RUB' and deal.amount > 10000", "currency = 'RUB' AND amount > 1000000"),
)
"""(flowrun's condition, the same in SQL): each holds for about 30 % of the deals."""


def tunnels() -> list[tuple[str, str, str, str, int]]:
    """(id, from, to, action, condition): ten moves and ten copies, without a cycle."""
    made = []
    for number in range(20):
        source = max(number - 1, 0)
        action = "copy" if number % 2 == 0 else "move"
        made.append((f"t{number:02d}", stage(source), stage(source + 1), action, number % len(CONDITIONS)))
    return made


def stage(number: int) -> str:
    """The reference of the n-th stage, over four pipelines."""
    return f"p{number // 5}.s{number % 5}"


def flow_text() -> str:
    """The flow as YAML."""
    lines = [
        "flowrun: 1",
        "project: bench",
        "fields:",
        "  amount: {type: decimal, places: 2}",
        "  currency: {type: enum, values: [RUB, EUR, USD]}",
        "  source: {type: enum, values: [web, ads, partner]}",
        "  seats: integer",
        "  account: text",
        "limits: {max_copies: 1000, max_hops: 50}",
        "pipelines:",
    ]
    lines += [f"  p{pipeline}: {{stages: [s0, s1, s2, s3, s4]}}" for pipeline in range(4)]
    lines.append("tunnels:")
    for id_, source, target, action, condition in tunnels():
        lines += [f"  {id_}:", f"    from: {source}", f"    to: {target}", f"    action: {action}"]
        lines.append(f"    when: {CONDITIONS[condition][0]}")
    return "\n".join(lines) + "\n"


FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :deals),
     r(i, a, b, c, d) AS (
       SELECT i, i * 2654435761 % 4294967296, i * 40503 % 65536, i * 69069 % 1000003, i * 7919 % 1009 FROM n)
INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at,
                   amount, currency, source, seats, account)
SELECT 'd' || i, 'Deal ' || i, 'owner ' || d % 50, 'p' || ((i % 20) / 5) || '.s' || (i % 5), 1, :now, :now, :now,
       a % 10000000, CASE b % 3 WHEN 0 THEN 'RUB' WHEN 1 THEN 'EUR' ELSE 'USD' END,
       CASE c % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'ads' ELSE 'partner' END, d % 100, 'account ' || c % 50000
FROM r
"""


def make(folder: Path, deals: int) -> Path:
    """A store with the flow applied and that many deals, all of them awake."""
    flows = folder / "flows"
    flows.mkdir()
    (flows / "flow.yaml").write_text(flow_text(), encoding="utf-8")
    store = folder / "bench.db"
    environment = os.environ | {"FLOWRUN_NOW": NOW}
    command = [
        sys.executable,
        "-m",
        "flowrun",
        "--flows",
        str(flows),
        "--store",
        f"sqlite:///{store}",
        "apply",
        "--yes",
    ]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = sqlite3.connect(store)
    with connection:
        connection.execute(FILL, {"deals": deals, "now": NOW_MS})
        connection.execute("INSERT INTO queue (deal, wake_at, round) SELECT seq, entered_at, 0 FROM deals")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return store


def by_hand(path: Path) -> None:
    """The same work, as a careful person would write it: per tunnel, over the deals that arrived last."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("copy_id", 4, _copy_id, deterministic=True)
    for pragma in ("synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY", "wal_autocheckpoint = 8000"):
        connection.execute(f"PRAGMA {pragma}")
    run = connection.execute
    run("CREATE TEMP TABLE hot (stage TEXT, seq INTEGER, PRIMARY KEY (stage, seq)) WITHOUT ROWID")
    run("CREATE TEMP TABLE next (seq INTEGER PRIMARY KEY)")
    run("CREATE TEMP TABLE hit (seq INTEGER PRIMARY KEY)")
    by_stage: dict[str, list[tuple[str, str, str, str, int]]] = {}
    for tunnel in tunnels():
        by_stage.setdefault(tunnel[1], []).append(tunnel)
    run("INSERT INTO hot SELECT stage, seq FROM deals ORDER BY stage, seq")
    while run("SELECT count(*) FROM hot").fetchone()[0]:
        run("BEGIN IMMEDIATE")
        # A deal that moves now must not be seen again by a tunnel of its new stage in this round: last stages first.
        for source in sorted(by_stage, reverse=True):
            for tunnel in by_stage[source]:
                _one_tunnel(connection, *tunnel)
        run("DELETE FROM hot")
        run("INSERT INTO hot SELECT stage, seq FROM next CROSS JOIN deals USING (seq)")
        run("DELETE FROM next")
        run("COMMIT")
    run("BEGIN IMMEDIATE")
    run("DELETE FROM queue")
    run("COMMIT")
    connection.close()


def _one_tunnel(
    connection: sqlite3.Connection, id_: str, source: str, target: str, action: str, condition: int
) -> None:
    run = connection.execute
    values = {"id": id_, "from": source, "to": target, "action": action, "now": NOW_MS}
    run("DELETE FROM hit")
    run(
        f"""INSERT INTO hit SELECT d.seq FROM hot CROSS JOIN deals d ON d.seq = hot.seq
            WHERE hot.stage = :from AND d.stage = :from AND {CONDITIONS[condition][1]}
              AND NOT EXISTS (SELECT 1 FROM firings f WHERE f.deal = d.id AND f.entry = d.entry AND f.tunnel = :id)""",
        values,
    )
    copy = action == "copy"
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
                                   origin_tunnel, _root, _hops, amount, currency, source, seats, account)
                SELECT {made}, title, owner, :to, 1, :now, :now, :now, id, :id, coalesce(_root, id), {hops}, amount,
                       currency, source, seats, account
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


def _copy_id(root: str, deal: str, tunnel: str, entry: int) -> str:
    bits = int.from_bytes(hashlib.sha256(f"{deal}\0{tunnel}\0{entry}".encode()).digest()[:7]) >> 6
    return root + "~" + "".join("abcdefghijklmnopqrstuvwxyz234567"[bits >> shift & 31] for shift in range(45, -5, -5))


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds and peak MiB of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed:\n{complaint.decode()}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def fingerprint(path: Path) -> tuple[str, str, tuple[tuple[str, int], ...]]:
    """What both must agree on: deals by stage, firings by tunnel, and digests of who stands where and what fired."""
    connection = sqlite3.connect(path)
    deals = hashlib.sha256()
    for row in connection.execute(
        "SELECT id, stage, entry, origin, origin_tunnel, _root, _hops, amount FROM deals ORDER BY id"
    ):
        deals.update(repr(row).encode())
    journal = hashlib.sha256()
    for row in connection.execute(
        "SELECT deal, entry, tunnel, from_stage, to_stage, target FROM firings ORDER BY deal, entry, tunnel"
    ):
        journal.update(repr(row).encode())
    counts = connection.execute("SELECT tunnel, count(*) FROM firings GROUP BY tunnel ORDER BY tunnel").fetchall()
    connection.close()
    return deals.hexdigest(), journal.hexdigest(), tuple(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn")
    parser.add_argument("--by-hand", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.by_hand:
        by_hand(options.by_hand)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = make(folder, options.deals)
        ratios = []
        for number in range(options.rounds):
            mine, hand = folder / "flowrun.db", folder / "hand.db"
            for copy in (mine, hand):
                for suffix in ("-wal", "-shm"):
                    Path(f"{copy}{suffix}").unlink(missing_ok=True)
                shutil.copyfile(store, copy)
            run = [sys.executable, "-m", "flowrun", "--store", f"sqlite:///{mine}", "run", "--until-idle"]
            seconds, memory = measured(run, os.environ | {"FLOWRUN_NOW": NOW})
            theirs = [sys.executable, __file__, "--by-hand", str(hand)]
            hand_seconds, hand_memory = measured(theirs, dict(os.environ))
            if fingerprint(mine) != fingerprint(hand):
                raise SystemExit("the two did not do the same work")
            ratios.append(hand_seconds / seconds)
            fired = sum(count for _, count in fingerprint(mine)[2])
            print(
                f"round {number + 1}: {options.deals:,} deals, {fired:,} firings: flowrun {seconds:.1f} s, "
                f"{memory:.0f} MiB; by hand {hand_seconds:.1f} s, {hand_memory:.0f} MiB; ratio {ratios[-1]:.2f}",
                flush=True,
            )
        print(f"ratio (hand-written / flowrun): {sorted(ratios)[len(ratios) // 2]:.2f} (median)")


if __name__ == "__main__":
    main()
