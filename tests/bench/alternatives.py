"""Users' alternatives to flowrun, each doing the same work, deal by deal, in one process.

    python tests/bench/alternatives.py jinja sqlite:///FILE
    python tests/bench/alternatives.py pgqueuer postgresql://… --prepare

- jinja         a loop in Python: read a batch from the queue, evaluate each deal's conditions with Jinja's
                `compile_expression`, write the batch with `executemany`, commit
- pgqueuer      a job a deal: read it, evaluate, write and enqueue what moved or was copied in one transaction
- procrastinate the same

`--prepare` makes the tables of a job queue and enqueues all deals, which is not measured, as flowrun's own queue is
filled before. The queues' workers do twenty jobs at once, with as many connections.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import in_python
from tests.bench.in_python import COLUMNS, Judge, Row, Work, pyformat
from tests.bench.rules import NOW_MS

BATCH = 10_000
AT_ONCE = 20

_READ = f"SELECT {', '.join(COLUMNS)} FROM deals"
_ONE = pyformat(f"{_READ} WHERE id = :id")
_AWAKE = f"SELECT {', '.join(f'd.{name}' for name in COLUMNS)} FROM queue q JOIN deals d ON d.seq = q.deal"
_NEXT = f"{_AWAKE} ORDER BY q.wake_at, q.round, q.deal LIMIT {BATCH}"
_DONE = "DELETE FROM queue WHERE deal = :seq"
_LATER = "INSERT INTO queue (deal, wake_at, round) SELECT seq, :now, 1 FROM deals WHERE id = :id"


def loop(url: str) -> None:
    """Work through the queue, a batch at a time."""
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute("PRAGMA synchronous = FULL")
        connection.row_factory = sqlite3.Row
        _loop(connection, connection.executemany, str)
        connection.close()
        return
    import psycopg
    from psycopg.rows import dict_row

    with psycopg.connect(url, row_factory=dict_row) as server:
        _loop(server, server.cursor().executemany, pyformat)


def _loop(connection: Any, many: Callable[[Any, list[Row]], object], said: Callable[[str], str]) -> None:
    judge = Judge()
    while deals := [dict(row) for row in connection.execute(_NEXT).fetchall()]:
        work = Work([], [], [])
        for deal in deals:
            for rows, more in zip(work, judge.work(deal), strict=True):
                rows.extend(more)
        later = [{"id": row["target"], "now": NOW_MS} for row in work.journal if row["to"] in judge.stages]
        fired = Counter(row["tunnel"] for row in work.journal)
        counts = [{"id": tunnel, "n": n, "now": NOW_MS} for tunnel, n in fired.items()]
        for statement, rows in (
            (in_python.JOURNAL, work.journal),
            (in_python.COPY, work.copies),
            (in_python.MOVE, work.moves),
            (_DONE, [{"seq": deal["seq"]} for deal in deals]),
            (_LATER, later),
            (in_python.COUNT, counts),
        ):
            many(said(statement), rows)
        connection.commit()


@contextlib.asynccontextmanager
async def _pool(url: str) -> AsyncIterator[Any]:
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    settings = {"autocommit": True, "row_factory": dict_row}
    async with AsyncConnectionPool(url, min_size=AT_ONCE, max_size=AT_ONCE, kwargs=settings, open=False) as pool:
        yield pool


async def _one(connection: Any, judge: Judge, deal_id: str) -> list[str]:
    """Do one deal, in the transaction that is open; the ids of deals to look at next."""
    cursor = await connection.execute(_ONE, {"id": deal_id})
    deal = await cursor.fetchone()
    work = judge.work(deal)
    for statement, rows in zip((in_python.JOURNAL, in_python.COPY, in_python.MOVE), work, strict=True):
        for row in rows:
            await connection.execute(pyformat(statement), row)
    return [row["target"] for row in work.journal if row["to"] in judge.stages]


async def _ids(connection: Any) -> list[str]:
    cursor = await connection.execute("SELECT id FROM deals ORDER BY seq")
    return [row["id"] for row in await cursor.fetchall()]


async def _close(connection: Any) -> None:
    """Do once at the end what the deals would wait for each other for: the counts; and empty flowrun's own queue."""
    await connection.execute(
        pyformat("UPDATE tunnels SET last_fired_at = :now, fired = (SELECT count(*) FROM firings WHERE tunnel = id)"),
        {"now": NOW_MS},
    )
    await connection.execute("DELETE FROM queue")


async def pgqueuer(url: str, *, prepare: bool) -> None:
    """Work through pgqueuer's jobs."""
    import psycopg
    from pgqueuer import PgQueuer
    from pgqueuer.db import PsycopgDriver
    from pgqueuer.domain.types import QueueExecutionMode
    from pgqueuer.models import Job
    from pgqueuer.queries import Queries

    judge = Judge()
    async with _pool(url) as pool, await psycopg.AsyncConnection.connect(url, autocommit=True) as own:
        async with pool.connection() as connection:
            if prepare:
                queries = Queries(PsycopgDriver(own))
                await queries.install()
                ids = [one.encode() for one in await _ids(connection)]
                await queries.enqueue(["deal"] * len(ids), list(ids), [0] * len(ids))
                return
        worker = PgQueuer.from_psycopg_connection(own)

        @worker.entrypoint("deal")
        async def deal(job: Job) -> None:
            assert job.payload is not None
            async with pool.connection() as connection, connection.transaction():
                if later := await _one(connection, judge, job.payload.decode()):
                    payloads: list[bytes | None] = [one.encode() for one in later]
                    await Queries(PsycopgDriver(connection)).enqueue(["deal"] * len(later), payloads, [0] * len(later))

        await worker.run(batch_size=AT_ONCE, max_concurrent_tasks=2 * AT_ONCE, mode=QueueExecutionMode.drain)
        async with pool.connection() as connection:
            await _close(connection)


def _named(deal_id: str) -> dict[str, Any]:
    return {"id": deal_id}


async def procrastinate(url: str, *, prepare: bool) -> None:
    """Work through procrastinate's jobs."""
    from procrastinate import App, PsycopgConnector

    judge = Judge()
    app = App(connector=PsycopgConnector(conninfo=url, min_size=AT_ONCE, max_size=AT_ONCE))

    async with _pool(url) as pool, app.open_async():

        @app.task(name="deal")
        async def deal(id: str) -> None:  # noqa: A002 - it is stored so
            async with pool.connection() as connection, connection.transaction():
                if later := await _one(connection, judge, id):
                    await deal.configure(connection=connection).batch_defer_async(*map(_named, later))

        async with pool.connection() as connection:
            if prepare:
                await app.schema_manager.apply_schema_async()
                ids = await _ids(connection)
                for start in range(0, len(ids), BATCH):
                    await deal.batch_defer_async(*map(_named, ids[start : start + BATCH]))
                return
        # It ends when nothing is left to begin, though jobs that still run may enqueue more.
        left = True
        while left:
            await app.run_worker_async(wait=False, concurrency=AT_ONCE, delete_jobs="successful")
            left = bool(await app.job_manager.list_jobs_async(status="todo"))
        async with pool.connection() as connection:
            await _close(connection)


def main() -> None:
    """Does the work in one of these ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("jinja", "pgqueuer", "procrastinate"))
    parser.add_argument("url")
    parser.add_argument("--prepare", action="store_true")
    options = parser.parse_args()
    if options.way == "jinja":
        loop(options.url)
    else:
        way = pgqueuer if options.way == "pgqueuer" else procrastinate
        asyncio.run(way(options.url, prepare=options.prepare))


if __name__ == "__main__":
    main()
