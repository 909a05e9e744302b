"""Killed at any line of a rewriting, a process leaves the old file or the new one; nothing is lost or done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[4]


def test_killed_before_every_line(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    kept["PYTHONPATH"] = os.pathsep.join([str(TOP), str(TOP / "runner")])
    command = [sys.executable, "-m", "tests.unit.sources.files.killed", str(tmp_path)]
    done = subprocess.run(command, env=kept, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 50
    assert [(at, problem) for at, problem in enumerate(found) if problem] == []
