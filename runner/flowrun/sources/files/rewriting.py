"""Rewriting: a file's new content in the old one's place, whole or not at all.

The new content is written beside the file, made durable, and put in its place in one step, with its owner, rights and
attributes. A process that dies on the way leaves the old file or the new one, and at most a hidden file beside it,
which the next rewriting takes away. Links are followed to the file they lead to.

Programs that lock the file (`flock`) are waited for. Those that don't are watched for: the file is compared with what
was read right before it is replaced, and the replacing is an exchange where the system has one, so that a save which
came in between is found and put back, and the work is done anew on top of it. What remains is a program that has the
old file open and writes into it, in place, after the exchange; POSIX has nothing against that.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from flowrun.sources.files.looking import Seen, Signature, Stirred, content_digest, signature
from flowrun.sources.files.rows import Patch, patched

PATIENCE = 5.0
"""Seconds for which another program's lock is waited for."""

_RETRY = 0.01
_ENDING = ".flowrun"
_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS alike."""


class Busy(Exception):
    """Another program keeps the file locked."""


def rewrite(seen: Seen, patches: Sequence[Patch]) -> None:
    """Apply the patches to the file as it was seen. Raises as `replace`."""
    replace(seen.path, seen.digest, lambda file, size: patched(file, patches, size), seen.signature)


def replace(
    path: Path,
    digest: str,
    content: Callable[[BinaryIO, int], Iterable[bytes]],
    seen: Signature | None = None,
) -> None:
    """Give the file whose content has that digest (and which has that signature, if one is given) a new content, made
    in pieces of the file as it is, and its size.

    Raises Stirred where it is another one by now, Busy where it is locked, OSError where it can't be written. In each
    case it is untouched.
    """
    target = _resolved(path)
    with _locked(target) as file:
        _clean(target)
        _check(target, file, digest, seen)
        stat = os.fstat(file.fileno())
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=_ENDING, dir=target.parent)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as new:
                for piece in content(file, stat.st_size):
                    new.write(piece)
                _keep(file, new, stat)
                new.flush()
                os.fsync(new.fileno())
            _check(target, file, digest, seen)
            _put(made, target, file, digest)
        except BaseException:
            with suppress(OSError):
                made.unlink()
            raise
        sync(target.parent)


def _check(target: Path, file: BinaryIO, digest: str, seen: Signature | None) -> None:
    """Raises Stirred if the file, or its content, is another one than was seen."""
    now = _as_it_is(target)
    if now != (seen or signature(os.fstat(file.fileno()))) or content_digest(file) != digest:
        raise Stirred


def _resolved(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        raise Stirred from None


@contextmanager
def _locked(target: Path) -> Iterator[BinaryIO]:
    """The file open, with the lock on it that other programs may ask for."""
    begun = time.monotonic()
    while True:
        try:
            file = target.open("r+b")
        except FileNotFoundError:
            raise Stirred from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() - begun > PATIENCE:
                    raise Busy from None
                time.sleep(_RETRY)
                continue
            except OSError as error:
                if error.errno not in {errno.ENOLCK, errno.EOPNOTSUPP}:
                    raise
            now = _as_it_is(target)
            if now is None:
                raise Stirred
            if now[:2] == signature(os.fstat(file.fileno()))[:2]:
                yield file
                return
            # Replaced while its lock was waited for: that lock is on a file that nobody sees any more.


def _clean(target: Path) -> None:
    """Take away what processes that died have left beside the file. The lock says that nobody is at it."""
    prefix = f".{target.name[:100]}."
    for file in target.parent.iterdir():
        if file.name.startswith(prefix) and file.name.endswith(_ENDING):
            with suppress(OSError):
                file.unlink()


def _keep(old: BinaryIO, new: BinaryIO, stat: os.stat_result) -> None:
    """Give the new file the rights, the owner and the attributes of the old one, as far as this process may."""
    with suppress(OSError):
        os.fchown(new.fileno(), stat.st_uid, stat.st_gid)
    os.fchmod(new.fileno(), stat.st_mode & 0o7777)
    if sys.platform == "linux":
        with suppress(OSError):
            for name in os.listxattr(old.fileno()):
                with suppress(OSError):
                    os.setxattr(new.fileno(), name, os.getxattr(old.fileno(), name))


def _as_it_is(target: Path) -> Signature | None:
    try:
        return signature(target.stat())
    except FileNotFoundError:
        return None


def _put(made: Path, target: Path, old: BinaryIO, digest: str) -> None:
    """Have the new file in the old one's place. Raises Stirred if another one turns out to have stood there."""
    if not _exchange(made, target):
        made.replace(target)
        return
    if _same(made, old) and content_digest(old) == digest:
        made.unlink()
        return
    # Somebody saved between the last look and the exchange: theirs goes back to its place.
    _exchange(made, target)
    raise Stirred


def _same(path: Path, file: BinaryIO) -> bool:
    return os.path.samestat(path.stat(), os.fstat(file.fileno()))


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two files in one step; False where the system can't."""
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        done = library.renamex_np(os.fsencode(one), os.fsencode(other), _EXCHANGE)
    elif hasattr(library, "renameat2"):
        here = -100  # AT_FDCWD
        done = library.renameat2(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE)
    else:
        return False
    if done == 0:
        return True
    problem = ctypes.get_errno()
    if problem in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}:
        return False
    raise OSError(problem, os.strerror(problem))


def sync(folder: Path) -> None:
    """Make it durable which file stands there."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
