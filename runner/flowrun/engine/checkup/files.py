"""Checks of an SQLite store's files: who may write them, on what disk they are, and how long the log is."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from flowrun.engine.checkup.finding import Finding, fine, problem, size, warning
from flowrun.engine.checkup.patient import Patient
from flowrun.store import sqlite
from flowrun.store.connection import files_of

_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afpfs", "ceph", "glusterfs"})
_LITTLE, _ROOM = 100 * 2**20, 2**30
_LONG = 4
"""The log is reset at the next chance once it is this many times as long as it may get."""


def permissions(patient: Patient) -> Iterable[Finding]:
    """Whether this user may read and write the store, its folder, and what lies beside it."""
    path = patient.path
    if path is None or not path.is_file():
        return
    present = [file for file in files_of(patient.url) if file.exists()]
    lacking = [str(file) for file in present if not os.access(file, os.R_OK | os.W_OK)]
    if not os.access(path.parent, os.W_OK | os.X_OK):
        lacking.append(str(path.parent))
    owner = path.stat().st_uid
    strange = [str(file) for file in present if file.stat().st_uid != owner]
    if lacking:
        yield problem(
            "permissions",
            f"this user may not read and write: {', '.join(lacking)}",
            "give the user of the runner these rights, or run as the one who has them",
        )
    elif strange:
        yield warning(
            "permissions",
            f"not all files belong to the store's owner: {', '.join(strange)}",
            "chown them: they were made by a command of another user",
        )
    elif path.stat().st_mode & stat.S_IWOTH:
        yield warning("permissions", f"everyone may write {path}", f"chmod o-w {path}")
    else:
        yield fine("permissions", "this user may read and write")


def disk(patient: Patient) -> Iterable[Finding]:
    """Whether there is room, on a disk that a store can be on."""
    path = patient.path
    if path is None or not path.parent.is_dir():
        return
    kind = _filesystem(path)
    if kind in _REMOTE:
        yield problem(
            "disk",
            f"the store is on a network disk ({kind}), where SQLite's log and locks can't be relied on",
            "put it on a local disk, or use PostgreSQL",
        )
    free = shutil.disk_usage(path.parent).free
    needed = path.stat().st_size if path.is_file() else 0
    found = f"{size(free)} free"
    if free < _LITTLE:
        yield problem("disk", found, "make room: a full disk stops the runner")
    elif free < max(_ROOM, needed):
        yield warning("disk", f"{found}, with a store of {size(needed)}", "make room")
    else:
        yield fine("disk", found)


def log(patient: Patient) -> Iterable[Finding]:
    """How long SQLite's log is beside how long it may get."""
    path = patient.path
    if path is None or not path.is_file():
        return
    wal = Path(f"{os.path.realpath(path)}-wal")
    length = wal.stat().st_size if wal.exists() else 0
    most = sqlite.CHECKPOINT_PAGES * int(sqlite.pragma(patient.connection, "page_size"))
    mode = str(sqlite.pragma(patient.connection, "journal_mode"))
    if mode != "wal" and patient.current:
        yield problem(
            "log", f"the journal's mode is '{mode}', not 'wal'", "PRAGMA journal_mode = WAL, with no runner on"
        )
    elif length > _LONG * most:
        yield warning(
            "log",
            f"SQLite's log is {size(length)} long; it is written back from {size(most)} on",
            "look for a program that keeps a transaction open: it keeps the log from being reset",
        )
    else:
        yield fine("log", f"{size(length)} of {size(most)}")


def _filesystem(path: Path) -> str | None:
    """The kind of file system that the file is on; None where the system doesn't say."""
    real = os.path.realpath(path)
    best, kind = "", None
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for mount in mounts:
        _, point, type_, *_ = mount.split(" ")
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, kind = point, type_
    return kind
