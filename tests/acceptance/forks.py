"""Many processes of `flowrun`, quickly: a server that has everything imported forks one for each command.

A forked command is a process like any other: it has its own files and locks, can race with others and be killed. What
it does not pay is half a second of imports. `Forks` is the tests' end, `python -m tests.acceptance.forks` the server.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from coverage import Coverage

_TOP = Path(__file__).parents[2]
_NOT_IMPORTED = ("flowrun.__main__", "flowrun.store.migrations.", "flowrun.testing")


@dataclass(frozen=True, slots=True)
class Command:
    """One command, run in that folder. `environment` is all of it, or None for the server's. `die_at`: it is killed
    before its writing statement of that number, from 0. `patience`: seconds after which it is killed as one that hangs.
    """

    folder: str
    arguments: Sequence[str]
    now: str | None = None
    die_at: int | None = None
    environment: Mapping[str, str] | None = None
    stdin: str = ""
    patience: float = 120.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one: its exit status (negative: the signal), what it printed, and the seconds until its end."""

    status: int
    out: str
    err: str
    seconds: float
    hung: bool = False

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    def fine(self) -> Ended:
        """Itself; fails the test if the command did not end well."""
        assert self.status == 0, self
        return self


class Forks:
    """The server, and what can be asked of it. Commands are traced where the tests are; many of the same, for which it
    is known already, need not be."""

    def __init__(self, *, traced: bool = True) -> None:
        self._left_out = ("FLOWRUN_",) if traced else ("FLOWRUN_", "COVERAGE_")

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(self._left_out)}
        kept["PYTHONPATH"] = os.pathsep.join([str(_TOP), str(_TOP / "runner")])
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.forks"],
            env={**kept, "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()

    def together(self, *commands: Command) -> list[Ended]:
        """Run these at once; what became of each."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([asdict(command) for command in commands]) + "\n")
        self._server.stdin.flush()
        return [Ended(**one) for one in json.loads(self._server.stdout.readline())]

    def run(self, folder: Path, *arguments: str, now: str | None = None, die_at: int | None = None) -> Ended:
        """Run one."""
        return self.together(Command(str(folder), arguments, now, die_at))[0]


def _serve() -> None:
    import flowrun

    for module in pkgutil.walk_packages(flowrun.__path__, "flowrun."):
        if not module.name.startswith(_NOT_IMPORTED):
            importlib.import_module(module.name)
    if measuring := _measuring():
        measuring.get_data()  # writes down what importing was, so that a command has only its own to write
    for text in sys.stdin:
        commands = [Command(**one) for one in json.loads(text)]
        reading, writing = os.pipe()
        children = []
        for command in commands:
            out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - read when it has ended
            pid = os.fork()
            if pid == 0:
                os.close(writing)
                os.read(reading, 1)  # until all are there
                _become(command, out.fileno(), err.fileno())
            children.append((pid, out, err, command))
        os.close(reading)
        os.close(writing)
        began = time.monotonic()
        ended = []
        for pid, out, err, command in children:
            status, hung = _end_of(pid, began + command.patience)
            seconds = time.monotonic() - began
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "surrogateescape"))
                file.close()
            ended.append({"status": status, "out": texts[0], "err": texts[1], "seconds": seconds, "hung": hung})
        print(json.dumps(ended), flush=True)


def _end_of(pid: int, give_up: float) -> tuple[int, bool]:
    """Its exit status, and whether it had to be killed."""
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), False
        if time.monotonic() > give_up:
            os.kill(pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), True
        time.sleep(0.001)


def _become(command: Command, out: int, err: int) -> None:
    """Be that command, in a process that has just been forked; it never returns."""
    status = 70
    try:
        _take_over(command, out, err)
        from flowrun.cli import main

        status = main(list(command.arguments))
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - the process ends here, as Python would end it
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if measuring := _measuring():
            measuring.stop()
            measuring.save()
        os._exit(status)


def _take_over(command: Command, out: int, err: int) -> None:
    given = tempfile.TemporaryFile()  # noqa: SIM115 - it is the process's own
    given.write(command.stdin.encode("utf-8", "surrogateescape"))
    given.seek(0)
    for number, descriptor in enumerate((given.fileno(), out, err)):
        os.dup2(descriptor, number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "rb", closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "wb", closefd=False), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(command.folder)
    if command.environment is not None:
        os.environ.clear()
        os.environ.update(command.environment)
        time.tzset()
    if command.now:
        os.environ["FLOWRUN_NOW"] = command.now
    if command.die_at is not None:
        _die_at(command.die_at)


def _measuring() -> Coverage | None:
    """What traces this process."""
    if "coverage" not in sys.modules:
        return None
    from coverage import Coverage

    return Coverage.current()


def _die_at(number: int) -> None:
    """Be killed before the statement of that number, or the commit, of those that write to the store's file."""
    from sqlalchemy import Connection, Engine, event

    left, writing = number, False

    def step(connection: Connection, *more: object) -> None:
        nonlocal left, writing
        if not connection.engine.url.database:
            return  # a store in memory
        writing = writing or (len(more) > 1 and more[1] == "BEGIN IMMEDIATE")
        if writing and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= writing

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)


if __name__ == "__main__":
    _serve()
