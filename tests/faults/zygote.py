"""Processes to be killed, quickly: one that has everything imported and compiled forks them.

A forked runner is a process like any other, with its own connections and locks; what it does not pay is the second that
imports and compiling take. `Zygote` is the tests' end, `python -m tests.faults.zygote` the server. What a process does
is one of `tests.faults.roles`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 120
"""Seconds for which a process is usually waited for."""

_TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a process: its exit status (negative: the signal), and what it said."""

    status: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        """Whether it died by SIGKILL."""
        return self.status == -signal.SIGKILL

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    def fine(self) -> Ended:
        """Itself; fails the test if it did not end well."""
        assert self.status == 0, self
        return self


class Zygote:
    """The server, and what can be asked of it."""

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWRUN_", "COV"))}
        kept["PYTHONPATH"] = os.pathsep.join([str(_TOP), str(_TOP / "runner")])
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()

    def warm(self, url: str, **how: object) -> None:
        """Have it run that store itself, so that what it forks finds all compiled."""
        assert self._ask({"warm": {"url": url, **how}}) == "warm"

    def start(self, role: str, **how: object) -> int:
        """Start a process that does that; its number."""
        return int(self._ask({"start": role, "how": how}))

    def wait(self, pid: int, patience: int = PATIENCE) -> Ended:
        """Wait for its end; after so many seconds it counts as hanging, and is killed."""
        return Ended(**self._ask({"wait": pid, "patience": patience}))

    def stopped(self, pid: int) -> bool:
        """Wait until it is stopped (SIGSTOP); False if it has come to its end instead."""
        return bool(self._ask({"stopped": pid}))

    def ended(self, pid: int) -> bool:
        """Whether it has come to its end by now."""
        return bool(self._ask({"ended": pid}))

    def run(self, role: str, **how: object) -> Ended:
        """Have a process do that to its end."""
        return self.wait(self.start(role, **how))

    def kill(self, pid: int) -> Ended:
        """kill -9."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def _ask(self, request: object) -> Any:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


def _serve() -> None:
    from tests.faults import roles

    children: dict[int, tuple[Any, Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer: Any
        if "warm" in request:
            roles.warm(**request["warm"])
            answer = "warm"
        elif "start" in request:
            out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - read when it has ended
            answer = os.fork()
            if answer == 0:
                _become(request["start"], request["how"], out.fileno(), err.fileno())
            children[answer] = out, err
        elif "stopped" in request:
            # Left to be waited for, should it have ended.
            found = os.waitid(os.P_PID, request["stopped"], os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            answer = found is not None and found.si_code == os.CLD_STOPPED
        elif "ended" in request:
            answer = os.waitid(os.P_PID, request["ended"], os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        else:
            pid = request["wait"]
            signal.signal(signal.SIGALRM, lambda *_, pid=pid: os.kill(pid, signal.SIGKILL))
            signal.alarm(request["patience"])
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            signal.alarm(0)
            said = [_read(file) for file in children.pop(pid)]
            answer = {"status": status, "out": said[0], "err": said[1]}
        print(json.dumps(answer), flush=True)


def _read(file: Any) -> str:
    file.seek(0)
    text: str = file.read().decode("utf-8", "replace")
    file.close()
    return text


def _become(role: str, how: dict[str, Any], out: int, err: int) -> None:
    from flowrun.errors import FlowrunError
    from tests.faults import roles

    status = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        getattr(roles, role)(**how)
        status = 0
    except FlowrunError as error:
        print(error, error.help or "", file=sys.stderr)
        status = error.exit_status
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
