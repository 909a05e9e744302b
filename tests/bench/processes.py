"""flowrun as its users run it: the command, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import Place

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 60.0


def apply(place: Place, folder: Path, flow: str, now: str | None = None) -> None:
    """Make a store there, with that flow (YAML). `now`: as if at that instant (ISO 8601)."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        (Path(name) / "flow.yaml").write_text(flow, encoding="utf-8")
        command = [sys.executable, "-m", "flowrun", "--flows", name, "--store", place.url, "apply", "--yes"]
        environment = os.environ | ({"FLOWRUN_NOW": now} if now else {})
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"apply failed:\n{done.stdout}{done.stderr}")


@dataclass(slots=True)
class Process:
    """A `flowrun run` without end."""

    popen: subprocess.Popen[str]
    log: Path

    def cpu(self) -> float:
        """Seconds of processor time that it has had so far."""
        return cpu_of(self.popen.pid)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def ended(self) -> dict[str, Any]:
        """Stop it; what it says of all that it did."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(_PATIENCE)
        last = self.lines()[-1]
        if last["event"] != "ended":
            raise SystemExit(f"a runner failed: {last}")
        return last

    def peak(self) -> float:
        """The most memory that it has had so far, in MiB."""
        for line in Path(f"/proc/{self.popen.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmHWM")


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has had so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def running(place: Place, count: int, folder: Path) -> Iterator[list[Process]]:
    """That many runners, all of which have begun; they are stopped in the end."""
    with ExitStack() as stack:
        made = [stack.enter_context(_one(place, folder)) for _ in range(count)]
        until = time.monotonic() + _PATIENCE
        while not all(process.log.stat().st_size for process in made):
            if time.monotonic() > until:
                raise SystemExit("a runner does not begin")
            time.sleep(0.05)
        yield made


@contextmanager
def _one(place: Place, folder: Path) -> Iterator[Process]:
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".log", encoding="utf-8") as log:
        command = [sys.executable, "-m", "flowrun", "--store", place.url, "run", "--log-format", "json"]
        popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, text=True)
        process = Process(popen, Path(log.name))
        try:
            yield process
        finally:
            process.ended()
