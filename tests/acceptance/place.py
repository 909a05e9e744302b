"""A place: a folder with flows and a store, in which tests run the installed command and look at what it did.

The command runs as a process of its own, as users run it (most are forked from one with all imported: `forks`). What it
left behind is read with plain sqlite3, never with flowrun's own code. Nothing here knows what is being tested.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import flowrun
from tests.acceptance.forks import Command, Forks

ROOT = Path(__file__).parents[2]
"""The repository."""

PATIENCE = 120.0
"""Seconds after which a command counts as hanging."""

_INBORN = ("PYTHON", "LANG", "LC_")
"""What variables of the environment begin with that Python reads when it begins."""

_PACKAGE = Path(flowrun.__file__).resolve().parents[1]
"""Where the flowrun that the tests import lies: the command must be the same one, whatever the current folder."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to. `peak` is the most memory that it held, in MiB."""

    status: int
    out: str
    err: str
    seconds: float
    peak: float

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    def fine(self) -> Done:
        """Itself; fails the test if the command did not end well."""
        assert self.status == 0, self
        return self

    @property
    def complaints(self) -> list[str]:
        """The lines of stderr, less the one that says where the clock stands."""
        return [line for line in self.err.splitlines() if not line.startswith("note: the clock stands")]


def _high_water(pid: int) -> float:
    """The most memory (MiB) that the process had so far; 0 where the system doesn't tell.

    Linux counts what the parent had before the program was started into `ru_maxrss`, which may be more than this.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0.0)


def _environment(now: str | None, *, measured: bool = True) -> dict[str, str]:
    """That of a command."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLOWRUN_")
        and name not in {"NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED"}
        and (not name.startswith("COV") or measured)
    }
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGE), kept.get("PYTHONPATH")]))
    return kept | ({"FLOWRUN_NOW": now} if now else {})


@cache
def _forks() -> Forks:
    """One for all places of a process of tests; it ends with it."""
    forks = Forks().__enter__()
    atexit.register(forks.__exit__, None, None, None)
    return forks


def _begin(limits: Callable[[], None] | None) -> None:
    """What a new process does first. A shell's background jobs, and so the tests in one, have SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if limits is not None:
        limits()


@dataclass(slots=True)
class Running:
    """A command that goes on until it is asked to end."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def going(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None and self.process.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def said(self) -> str:
        """What it said on stderr so far."""
        with Path(self.err.name).open("rb") as file:
            return file.read().decode()

    def wait(self, patience: float = PATIENCE) -> Done:
        """Wait for its end. One that takes longer than `patience` is killed, and fails the test."""
        give_up = time.monotonic() + patience
        peak = 0.0
        while True:
            peak = max(peak, _high_water(self.process.pid))
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > give_up:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"hangs: {self.process.args!r}\n{self.said()}")
            time.sleep(0.002)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self.started
        peak = peak or usage.ru_maxrss / 1024
        return Done(self.process.returncode, self._read(self.out), self._read(self.err), seconds, peak)

    def kill(self) -> Done:
        """kill -9."""
        if self.going:
            self.send(signal.SIGKILL)
            return self.wait()
        return Done(self.process.returncode, self._read(self.out), self._read(self.err), 0, 0)

    @staticmethod
    def _read(file: IO[bytes]) -> str:
        file.seek(0)
        return file.read().decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder. Its flows are in `flows/`, its store is `flowrun.db`."""

    folder: Path

    @property
    def store(self) -> Path:
        """The file of the store."""
        return self.folder / "flowrun.db"

    def copied(self, to: Path) -> Place:
        """The same in another folder, which may exist."""
        shutil.copytree(self.folder, to, dirs_exist_ok=True)
        return Place(to)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file, such as `flows/sales.yaml`; its folders are made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    def start(
        self,
        *arguments: str,
        now: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | int | None = None,
        limits: Callable[[], None] | None = None,
        measured: bool = True,
    ) -> Running:
        """Start `flowrun` here, from nothing. `now` is FLOWRUN_NOW.

        `limits` runs in the new process before it becomes flowrun. `stdin` is what stands there to be read, or an open
        file (a pipe, a terminal); None: nothing. `measured` False keeps coverage out of it: for tests of time, memory,
        and sudden death. So do `limits`, which it would run into.
        """
        kept = _environment(now, measured=measured and limits is None)
        out, err = tempfile.NamedTemporaryFile(), tempfile.NamedTemporaryFile()  # noqa: SIM115 - read when it has ended
        given = tempfile.TemporaryFile()  # noqa: SIM115
        given.write(stdin if isinstance(stdin, bytes) else b"")
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "flowrun", *arguments],
            cwd=self.folder,
            env={**kept, **(env or {})},
            stdin=stdin if isinstance(stdin, int) else given,
            stdout=out,
            stderr=err,
            preexec_fn=lambda: _begin(limits),
        )
        given.close()
        return Running(process, out, err)

    def run(
        self,
        *arguments: str,
        patience: float = PATIENCE,
        now: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | int | None = None,
        **more: Any,
    ) -> Done:
        """Run `flowrun` here to its end; see `start`.

        Where nothing is asked for that a process has from its very beginning, it is forked from one that has the
        imports behind it; its `peak` is then not known.
        """
        inborn = more or any(name.startswith(_INBORN) for name in env or ())
        if not inborn and not isinstance(stdin, int):
            return self._fork(
                Command(
                    str(self.folder),
                    arguments,
                    environment=_environment(now) | dict(env or {}),
                    stdin=(stdin or b"").decode("utf-8", "surrogateescape"),
                    patience=patience,
                )
            )
        running = self.start(*arguments, now=now, env=env, stdin=stdin, **more)
        try:
            return running.wait(patience)
        finally:
            running.out.close()
            running.err.close()

    def _fork(self, command: Command) -> Done:
        ended = _forks().together(command)[0]
        assert not ended.hung, f"hangs: {command.arguments!r}\n{ended.err}"
        return Done(ended.status, ended.out, ended.err, ended.seconds, math.nan)

    @contextmanager
    def running(self, *arguments: str, **more: Any) -> Iterator[Running]:
        """`flowrun` running here; killed at the end of the block if it still is."""
        running = self.start(*arguments, **more)
        try:
            yield running
        finally:
            running.kill()
            running.out.close()
            running.err.close()

    @contextmanager
    def sql(self, store: Path | None = None) -> Iterator[sqlite3.Connection]:
        """The store as any other program sees it: committed at the end of the block."""
        connection = sqlite3.connect(store or self.store, timeout=60)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds in the store."""
        with self.sql() as connection:
            return connection.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """The first value that a query finds in the store."""
        return self.rows(query, *values)[0][0]


def eventually(holds: Callable[[], bool], patience: float = 20.0) -> float:
    """Waits until it holds; the seconds that took. Fails the test if that is longer than `patience`."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < patience, "it never happened"
        time.sleep(0.01)
    return time.monotonic() - began
