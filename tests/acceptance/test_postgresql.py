"""The commands on a PostgreSQL store: the demo prints what it prints on SQLite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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
