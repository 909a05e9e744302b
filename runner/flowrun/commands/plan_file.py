"""The file of a saved plan: written whole or not at all, read with care."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from flowrun.errors import WorkFailed, WrongUsage
from flowrun.plan.saved import LARGEST, begins_plan
from flowrun.store.connection import files_of
from flowrun.store.identity import without_password

_MODE = 0o644
_BEGINNING = 1024
"""Bytes that tell a plan from another file."""

_ANOTHER = "name another file, or one with an earlier plan: --out PLAN"


def check(path: Path, store: str, flows: Path) -> None:
    """Raises what says why no plan shall be written there: better before the work than after it.

    WrongUsage for a file of the store at that URL, for one in the folder of the flow files, and for a file that is
    there and no plan; WorkFailed where none can be written.
    """
    target = _target(path)
    if any(_same(target, file) for file in files_of(store)):
        raise WrongUsage(f"--out: {path} is a file of the store {without_password(store)}", _ANOTHER)
    if target.is_relative_to(os.path.realpath(flows)):
        raise WrongUsage(f"--out: {path} is in {flows}, the folder of the flow files", _ANOTHER)
    _check_target(path, target)


def write(path: Path, content: bytes) -> None:
    """Write the file, in place of a plan that is there: by a new file beside it, so that no reader sees half of it.

    Raises WorkFailed where it can't be written, and WrongUsage for a file that is there and no plan.
    """
    target = _target(path)
    _check_target(path, target)
    try:
        _replace(target, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _same(path: Path, other: Path) -> bool:
    """Whether both are one file, by links or by name; neither has to be there."""
    with suppress(OSError):
        return path.samefile(other)
    return path == _target(other)


def _check_target(path: Path, target: Path) -> None:
    if not target.parent.is_dir():
        raise WorkFailed(f"there is no folder '{path.parent}' to write the plan in", "make it, or name another file")
    if target.exists():
        if not target.is_file():
            raise WorkFailed(f"{path} {_kind(target)}, where no plan can be written", "name another file")
        try:
            with target.open("rb") as file:
                beginning = file.read(_BEGINNING)
        except OSError as error:
            raise _unwritable(path, error) from error
        if beginning and not begins_plan(beginning):
            raise WrongUsage(f"--out: {path} is there already, and is no plan", _ANOTHER)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _unwritable(path: Path, error: OSError) -> WorkFailed:
    return WorkFailed(
        f"the plan {path} can't be written: {error.strerror or error}",
        "name a file that can be read and written, in a folder where files can be made: --out PLAN",
    )


def _replace(target: Path, content: bytes) -> None:
    number, name = tempfile.mkstemp(dir=target.parent, prefix=".plan.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def read(path: Path) -> bytes:
    """What stands in the file. Raises WorkFailed where there is none, or one that can't be read or is no plan's."""
    try:
        if not path.is_file():
            reason = _kind(path) if path.exists() else "is not there"
            raise WorkFailed(f"the plan {path} {reason}", "make one with: flowrun diff --out PLAN")
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise WorkFailed(f"the plan {path} can't be read: {error.strerror or error}") from None


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced; those of any new file where there is none."""
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return _MODE & ~mask


def _kind(path: Path) -> str:
    return "is a folder, not a file" if path.is_dir() else "is no ordinary file"
