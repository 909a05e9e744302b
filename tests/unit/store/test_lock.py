"""The write lock says who holds it, to those who wait and to those who give up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowrun.errors import Locked
from flowrun.store import lock
from flowrun.store.lock import Holder, WriteLock


@pytest.fixture(autouse=True)
def introduced() -> Iterator[list[str]]:
    heard: list[str] = []
    lock.introduce("flowrun apply", heard.append)
    yield heard
    lock.introduce("flowrun", lambda _message: None)


def test_the_holder_signs(tmp_path: Path) -> None:
    one, other = WriteLock(tmp_path / "x.db"), WriteLock(tmp_path / "x.db")
    assert other.holder() is None
    with one.held():
        holder = other.holder()
    assert holder is not None
    assert (holder.pid, holder.command) == (os.getpid(), "flowrun apply")
    one.close()


def test_who_gives_up_says_for_whom_it_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = WriteLock(tmp_path / "x.db"), WriteLock(tmp_path / "x.db")
    with one.held():
        monkeypatch.setattr(lock, "PATIENCE", 0.0)
        holder = other.holder()
        with pytest.raises(Locked) as caught, other.held():
            pass
    assert holder is not None
    assert f"is locked: {holder} has been writing to it" in str(caught.value)
    assert f"pid {os.getpid()} (flowrun apply) since " in str(caught.value)
    with other.held():  # and it is free again
        pass


def test_who_waits_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, introduced: list[str]) -> None:
    monkeypatch.setattr(lock, "CALM", 0.0)
    one, other = WriteLock(tmp_path / "x.db"), WriteLock(tmp_path / "x.db")

    def wait() -> None:
        with other.held():
            pass

    waiting = threading.Thread(target=wait)
    with one.held():
        waiting.start()
        while not introduced:
            time.sleep(0.001)
    waiting.join()
    assert len(introduced) == 1
    assert introduced[0].startswith("waiting for ")
    assert f"pid {os.getpid()} (flowrun apply) since " in introduced[0]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"[]\n", b'{"user": "ann"}\n', b"{" * 5000])
def test_what_is_no_holder_is_nobody(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x.db-lock").write_bytes(text)
    assert WriteLock(tmp_path / "x.db").holder() is None


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    one = WriteLock(tmp_path / "x.db")
    for command in ("flowrun deals import", "flowrun run"):
        lock.introduce(command, lambda _message: None)
        with one.held():
            found = one.holder()
            assert found is not None
            assert found.command == command


def test_a_holder_is_one_line_with_the_local_time() -> None:
    shown = str(Holder("ann", "host", 123, "flowrun apply", 0))
    assert shown.startswith("ann@host, pid 123 (flowrun apply) since ")
