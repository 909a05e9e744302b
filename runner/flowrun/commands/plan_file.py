"""The file of a saved plan: written whole or not at all, read with care."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from flowrun.errors import WorkFailed
from flowrun.plan.saved import LARGEST

_MODE = 0o644


def check(path: Path) -> None:
    """Raises WorkFailed if no plan can be written there: better before the work than after it."""
    if path.exists() and not path.is_file():
        raise WorkFailed(f"{path} is {_kind(path)}, not a file that a plan could be written to", "name another file")
    if not path.parent.is_dir():
        raise WorkFailed(f"there is no folder '{path.parent}' to write the plan in", "make it, or name another file")


def write(path: Path, content: bytes) -> None:
    """Write the file, in place of one that is there: by a new file beside it, so that no reader sees half of it."""
    check(path)
    target = path.resolve()
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
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
            reason = f"is {_kind(path)}, not a file" if path.exists() else "is not there"
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
    return "a folder" if path.is_dir() else "no ordinary file"
