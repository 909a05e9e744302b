"""Writing the flow files: all of a change or nothing of it, and never over what somebody else has saved.

Each file is replaced whole, as files of deals are (`sources.files.rewriting`). Several can't be in one step, so all are
looked at first, and what was written is put back if a later one fails.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from flowrun.errors import WorkFailed
from flowrun.sources.files.looking import Stirred, content_digest
from flowrun.sources.files.rewriting import Busy, replace, sync

Change = tuple[bytes | None, bytes | None]
"""What a file holds, and what it is to hold; None: it is not there."""


class Changed(Exception):
    """A file is not what it was taken for. Nothing was written."""


class Outside(Exception):
    """A file would be outside of the folder of the flow files, by its name or by a link. Nothing was written."""


def write(folder: Path, changes: Mapping[str, Change]) -> None:
    """Make these changes of files, given by their paths below the folder.

    Raises Changed where one is another by now, Outside where one would be written elsewhere, WorkFailed where one can't
    be written; what was written is put back.
    """
    paths = {name: _inside(folder, name) for name in changes}
    for name, (before, _) in changes.items():
        if _read(name, paths[name]) != before:
            raise Changed(name)
    done: list[str] = []
    try:
        for name, (before, after) in changes.items():
            _change(folder, paths[name], before, after)
            done.append(name)
    except (Changed, Stirred, Busy, OSError) as error:
        for name in reversed(done):
            with suppress(Changed, Stirred, Busy, OSError):  # somebody's save came on top of it: that stays
                _change(folder, paths[name], changes[name][1], changes[name][0])
        failed = next(name for name in changes if name not in done)
        raise _reason(failed, error) from error


def _reason(name: str, error: Exception) -> Exception:
    match error:
        case Busy():
            return WorkFailed(f"{name} is locked by another program", "close it there, and try again")
        case OSError():
            return WorkFailed(f"{name} can't be written: {error.strerror or error}")
        case _:
            return Changed(name)


def _inside(folder: Path, name: str) -> Path:
    """The path of a file. Raises Outside."""
    path = folder / name
    top = os.path.realpath(folder)
    if Path(name).is_absolute() or not Path(os.path.realpath(path)).is_relative_to(top):
        raise Outside(f"{name} is outside of the folder of the flow files")
    return path


def _read(name: str, path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkFailed(f"{name} can't be read: {error.strerror or error}") from None


def _change(folder: Path, path: Path, before: bytes | None, after: bytes | None) -> None:
    if before is None:
        _make(path, after or b"")
    elif after is None:
        _remove(path, before)
        with suppress(OSError):  # they hold other files
            for above in Path(os.path.relpath(path, folder)).parents[:-1]:
                (folder / above).rmdir()
    else:
        replace(path, _digest(before), lambda _file, _size: (after,))


def _make(path: Path, data: bytes) -> None:
    """A new file, whole or not at all, and never in the place of one that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".flowrun", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(made)
        except FileExistsError:
            raise Changed(path.name) from None
    finally:
        with suppress(OSError):
            made.unlink()
    sync(path.parent)


def _remove(path: Path, data: bytes) -> None:
    with path.open("rb") as file:
        if content_digest(file) != _digest(data):
            raise Changed(path.name)
        path.unlink()
    sync(path.parent)


def _digest(data: bytes) -> str:
    """As `content_digest` has it."""
    return blake2b(data, digest_size=8).hexdigest()
