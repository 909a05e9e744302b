"""The commands on a PostgreSQL store: the demo prints what it prints on SQLite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

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
    done = subprocess.run(
        ["sh", str(script)], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False, timeout=300
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
