"""The commands on a PostgreSQL store: the demo prints what it prints on SQLite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from flowrun.cli import main
from flowrun.store import lock
from tests.postgres import Database

ROOT = Path(__file__).parents[2]
STORE = "sqlite:///.demo/flowrun.db"


def demo(folder: Path, store: str) -> str:
    """What the demo prints on that store, which it calls the same as any other."""
    for name in ("flows", "demo"):
        shutil.copytree(ROOT / name, folder / name)
    script = folder / "demo/run.sh"
    text = script.read_text("utf-8")
    assert STORE in text
    script.write_text(text.replace(STORE, f"'{store}'"), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        ["sh", str(script)], env=kept | {"PATH": path}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return re.sub(r"postgresql://\S+", STORE, done.stdout)


def test_the_demo_prints_the_same(tmp_path: Path, fast_postgres: Database) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    assert demo(tmp_path / "there", fast_postgres.url) == demo(tmp_path / "here", STORE)


def flowrun(folder: Path, store: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowrun", "--flows", str(folder / "flows"), "--store", store, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_applying_again_writes_down_the_zones_data_that_are_new(tmp_path: Path, fast_postgres: Database) -> None:
    shutil.copytree(ROOT / "flows", tmp_path / "flows")
    assert flowrun(tmp_path, fast_postgres.url, "apply", "--yes").returncode == 0
    with psycopg.connect(fast_postgres.url, autocommit=True) as connection:
        whole = connection.execute("SELECT count(*), max(version) FROM zones").fetchone()
        connection.execute("UPDATE zones SET version = 'old'")
        connection.execute("DELETE FROM zone_offsets WHERE since > 0")
        done = flowrun(tmp_path, fast_postgres.url, "apply", "--yes")
        assert (done.returncode, "No changes" in done.stdout) == (0, True), done
        assert connection.execute("SELECT count(*), max(version) FROM zones").fetchone() == whole
        rows = connection.execute("SELECT count(*) FROM zone_offsets WHERE since > 0").fetchone()
        assert rows is not None
        assert rows[0] > 1_000


FLOW = """flowrun: 1
project: acme
fields: {paid: {type: boolean, default: false}, amount: decimal}
pipelines: {sales: {stages: [new, docs, {id: won, outcome: won}]}}
tunnels:
  first: {from: sales.new, to: sales.docs, action: move, when: deal.paid}
"""
WIDER = FLOW.replace("when: deal.paid}", "existing: include}").replace(
    "amount: decimal", "amount: decimal, seats: integer"
)


@pytest.fixture
def told(
    tmp_path: Path, fast_postgres: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[pytest.CaptureFixture[str]]:
    """What is printed by commands that are run in a folder of their own, on an empty database."""
    monkeypatch.chdir(tmp_path)
    Path("flows").mkdir()
    monkeypatch.setenv("FLOWRUN_STORE", fast_postgres.url)
    monkeypatch.delenv("FLOWRUN_NOW", raising=False)
    monkeypatch.setattr("sys.stdin", None)
    yield capsys
    lock.introduce("flowrun", lambda _message: None)


def says(told: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    told.readouterr()
    assert main(arguments) == status, told.readouterr()
    return "".join(told.readouterr())


def test_a_saved_plan_is_carried_out_once_and_there_is_a_way_back(
    told: pytest.CaptureFixture[str], fast_postgres: Database
) -> None:
    def stages() -> list[tuple[object, ...]]:
        return connection.execute("SELECT id, stage, amount FROM deals WHERE id < 'c' ORDER BY id").fetchall()

    Path("flows/a.yaml").write_text(FLOW)
    says(told, 0, "apply", "--yes")
    with psycopg.connect(fast_postgres.url, autocommit=True) as connection:
        connection.execute("INSERT INTO deals (id, stage, amount) VALUES ('a', 'sales.new', 100)")
        connection.execute("INSERT INTO deals (id, stage) SELECT 'old' || n, 'sales.won' FROM generate_series(1, 20) n")
        Path("flows/a.yaml").write_text(WIDER)
        says(told, 0, "diff", "--out", "one.json")
        says(told, 0, "diff", "--out", "other.json")
        assert str(urlsplit(fast_postgres.url).password) not in Path("one.json").read_text()
        says(told, 0, "apply", "one.json")
        assert "the plan is stale" in says(told, 3, "apply", "other.json")
        says(told, 0, "run", "--until-idle")
        assert stages() == [("a", "sales.docs", 100)]
        connection.execute("UPDATE deals SET seats = 3 WHERE id = 'a'")
        assert "--allow" in says(told, 4, "rollback", "1", "--yes")
        says(told, 0, "rollback", "1", "--yes", "--allow", "remove-field")
        assert "seats" not in says(told, 0, "deals", "show", "a")
        connection.execute("INSERT INTO deals (id, stage) VALUES ('b', 'sales.new')")
        says(told, 0, "run", "--until-idle")
        assert stages() == [("a", "sales.docs", 100), ("b", "sales.new", None)], "the condition is back"
        says(told, 0, "rollback", "2", "--yes")
        assert connection.execute("SELECT seats FROM deals WHERE id < 'c' ORDER BY id").fetchall() == [(3,), (None,)]
        says(told, 0, "run", "--until-idle")
        assert stages() == [("a", "sales.docs", 100), ("b", "sales.docs", None)]
        history = connection.execute("SELECT number, plan IS NOT NULL FROM revisions ORDER BY number").fetchall()
        assert history == [(1, False), (2, True), (3, False), (4, False)]


def test_an_address_that_leads_nowhere_is_told_from_a_store_that_is_not_there(
    told: pytest.CaptureFixture[str], fast_postgres: Database
) -> None:
    Path("flows/a.yaml").write_text(FLOW)
    says(told, 0, "apply", "--yes")
    url, password = fast_postgres.url, str(urlsplit(fast_postgres.url).password)
    for store, said, help_ in (
        (f"{url}?nonsense=1", 'invalid connection option "nonsense"', "see what follows the ?"),
        (url.replace(f":{password}@", ":wrong@"), "doesn't let us in", "check the user and the password"),
        (fast_postgres.runner, "may be used", "GRANT USAGE"),
        (f"{url}?options=-csearch_path%3Dnope", "none of its search path 'nope'", "CREATE SCHEMA"),
    ):
        if store == fast_postgres.runner:
            with psycopg.connect(fast_postgres.admin, autocommit=True) as connection:
                connection.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        found = says(told, 1, "status", "--store", store)
        assert said in found
        assert help_ in found
        assert password not in found


HELD = pytest.mark.parametrize("held", ["deals IN SHARE MODE", "queue IN ACCESS EXCLUSIVE MODE"])


@contextmanager
def kept_waiting(database: Database, held: str) -> Iterator[tuple[subprocess.Popen[str], psycopg.Connection]]:
    """A runner that has a deal to move, and says that it waits for the lock that this connection has."""
    with psycopg.connect(database.url, autocommit=True) as writer, psycopg.connect(database.url) as holder:
        writer.execute("INSERT INTO deals (id, stage) VALUES ('a', 'sales.new')")
        holder.execute(f"LOCK TABLE {held}".encode())
        runner = subprocess.Popen([sys.executable, "-m", "flowrun", "run"], stderr=subprocess.PIPE, text=True)
        assert runner.stderr is not None
        try:
            assert any("keeps us waiting" in line for line in runner.stderr), runner.wait()
            yield runner, holder
        finally:
            runner.kill()
            runner.communicate()


@HELD
def test_a_runner_that_waits_for_a_lock_of_others_ends_when_it_is_asked_to(
    told: pytest.CaptureFixture[str], fast_postgres: Database, held: str
) -> None:
    Path("flows/a.yaml").write_text(WIDER)
    says(told, 0, "apply", "--yes")
    with kept_waiting(fast_postgres, held) as (runner, holder):
        runner.terminate()
        assert runner.wait(timeout=40) == 0
        holder.rollback()
        assert holder.execute("SELECT stage FROM deals").fetchone() == ("sales.new",)


@HELD
def test_a_runner_goes_on_when_the_lock_is_free(
    told: pytest.CaptureFixture[str], fast_postgres: Database, held: str
) -> None:
    Path("flows/a.yaml").write_text(WIDER)
    says(told, 0, "apply", "--yes")
    with kept_waiting(fast_postgres, held) as (runner, holder):
        holder.rollback()
        give_up = time.monotonic() + 60
        while holder.execute("SELECT stage FROM deals").fetchone() != ("sales.docs",):
            holder.rollback()
            assert runner.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
