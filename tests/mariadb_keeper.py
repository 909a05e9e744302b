"""Keeps one MariaDB or MySQL server for the tests that started it: a process of its own, standard library only.

As `postgres_keeper`: it runs the server in a folder of its own, and when its standard input ends, for whatever reason
its starter has gone, ends the server and removes the folder. As root it has the server run as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.postgres_keeper import PATIENCE, Failed, answer, free_port, unprivileged

SETTINGS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=32M",
    "--innodb-use-native-aio=0",
    # Nothing waits for the disk, and a small server is enough.
    "--innodb-flush-log-at-trx-commit=0",
    "--performance-schema=OFF",
    # What an owner may set, and what no answer of flowrun may depend on.
    "--default-time-zone=+12:45",
    "--character-set-server=latin1",
    "--transaction-isolation=REPEATABLE-READ",
)


class Keeper:
    """One server: its folder and its process."""

    def __init__(self, home: Path, server: Path, secret: str) -> None:
        self._home, self._server = home, server
        self._as = unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        first = home / "first.sql"
        first.write_text(
            f"CREATE USER flowrun@'127.0.0.1' IDENTIFIED BY '{secret}';\n"
            "GRANT ALL ON *.* TO flowrun@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        if self._as:
            for path in (home, first):
                os.chown(path, self._as["user"], self._as["group"])
        self._make()
        self.port = free_port()
        self._start(first)
        first.unlink()

    def _make(self) -> None:
        data = f"--datadir={self._home / 'data'}"
        maker = shutil.which("mariadb-install-db")
        if self._server.name == "mariadbd" and maker is not None:
            command = [maker, "--no-defaults", data, "--skip-test-db", "--auth-root-authentication-method=socket"]
        else:
            command = [str(self._server), "--no-defaults", "--initialize-insecure", data]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False, timeout=PATIENCE, **self._as
        )
        if done.returncode:
            raise Failed((done.stderr or done.stdout).decode(errors="replace").strip()[-2000:])

    def _start(self, first: Path) -> None:
        command = [str(self._server), *SETTINGS, f"--datadir={self._home / 'data'}", f"--port={self.port}"]
        command += [f"--socket={self._home / 'socket'}", f"--pid-file={self._home / 'pid'}", f"--init-file={first}"]
        log = self._home / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", **self._as
            )
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            if b"ready for connections" in log.read_bytes():
                return
            time.sleep(0.02)
        raise Failed(f"the server does not start: {log.read_text(errors='replace')[-2000:]}")

    def end(self) -> None:
        """Kill the server: nothing of it is needed any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def main() -> None:
    """`python -m tests.mariadb_keeper HOME SERVER`; the first line of standard input is the password."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    home = Path(sys.argv[1])
    keeper: Keeper | None = None
    try:
        keeper = Keeper(home, Path(sys.argv[2]), sys.stdin.readline().strip())
        answer(f"port {keeper.port}")
        sys.stdin.read()
    except (Failed, OSError, subprocess.SubprocessError) as error:
        answer(f"failed {' '.join(str(error).split())}")
    finally:
        if keeper is not None:
            keeper.end()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
