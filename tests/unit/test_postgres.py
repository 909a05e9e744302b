"""The tests' own PostgreSQL servers: what the tests on PostgreSQL stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgres import ADDRESS, Database, Server

ROOT = Path(__file__).parents[2]


def test_each_database_is_new_and_its_runner_owns_nothing(fast_postgres: Database) -> None:
    with psycopg.connect(fast_postgres.url) as owner:
        owner.execute("CREATE TABLE deals (id text)")
    with psycopg.connect(fast_postgres.runner) as runner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runner.execute("SELECT * FROM deals")
        runner.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runner.execute("CREATE TABLE mine (id text)")


def test_a_database_waits_for_the_disk_unless_it_is_a_fast_one(postgres: Database, fast_postgres: Database) -> None:
    if os.environ.get(ADDRESS):
        return  # both are on the server that was given
    for database, expected in ((postgres, "on"), (fast_postgres, "off")):
        with psycopg.connect(database.url) as connection:
            assert connection.execute("SHOW fsync").fetchone() == (expected,)


def test_a_killed_server_comes_back_with_what_was_committed(own_postgres: Server) -> None:
    with psycopg.connect(own_postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    held = psycopg.connect(own_postgres.url)
    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        held.execute("SELECT 1")
    held.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_postgres.url)
    own_postgres.start()
    with psycopg.connect(own_postgres.url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_killed_test_run_leaves_neither_server_nor_folder(own_postgres: Server) -> None:
    code = "from tests.postgres import Server; s = Server(); print(s.folder, s.port, flush=True); input()"
    starter = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    assert starter.stdin is not None
    folder, port = starter.stdout.readline().split()
    assert Path(folder).is_dir()
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdin.close()
    starter.stdout.close()
    until = time.monotonic() + 60
    while Path(folder).exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(folder).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")


def test_without_a_server_the_tests_are_left_out_loudly(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(postgres): pass\n")
    (tmp_path / "conftest.py").write_text(
        "import tests.postgres as p\np.programs_folder = lambda: None\npytest_plugins = ['tests.postgres_fixtures']\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in {ADDRESS, "CI"}}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "--rootdir", tmp_path, tmp_path],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 skipped" in done.stdout, done
    assert "PostgreSQL was NOT tested: 1 tests were left out" in done.stdout
