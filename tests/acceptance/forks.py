"""Many processes of `flowrun`, quickly: a server that has everything imported forks one for each command.

A forked command is a process like any other: it has its own files and locks, can race with others and be killed. What
it does not pay is half a second of imports. `Forks` is the tests' end, `python -m tests.acceptance.forks` the server.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Command:
    """One command, run in that folder. `die_at`: it is killed before its writing statement of that number, from 0."""

    folder: str
    arguments: Sequence[str]
    now: str | None = None
    die_at: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one: its exit status (negative: the signal), and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    def fine(self) -> Ended:
        """Itself; fails the test if the command did not end well."""
        assert self.status == 0, self
        return self


class Forks:
    """The server, and what can be asked of it."""

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWRUN_", "COV"))}
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
    import flowrun.commands.history
    import flowrun.commands.rollback
    import flowrun.render.history
    import flowrun.store.migrations  # noqa: F401
    from flowrun.cli import main

    del main
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
            children.append((pid, out, err))
        os.close(reading)
        os.close(writing)
        ended = []
        for pid, out, err in children:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
                file.close()
            ended.append({"status": status, "out": texts[0], "err": texts[1]})
        print(json.dumps(ended), flush=True)


def _become(command: Command, out: int, err: int) -> None:
    from flowrun.cli import main

    status = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(command.folder)
        if command.now:
            os.environ["FLOWRUN_NOW"] = command.now
        if command.die_at is not None:
            _die_at(command.die_at)
        status = main(list(command.arguments))
    finally:
        os._exit(status)


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
