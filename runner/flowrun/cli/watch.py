"""Watching files: doing something again whenever they are saved, until Ctrl-C.

The watch only wakes; what changed is told by comparing the files with what they were before the last time. So nothing
is lost that is saved while the work is under way, or where a file system sends no events.

What is watched is folders: an editor that saves by putting a new file in the old one's place would take a watch of the
file away with the old one. A folder that is deleted or replaced takes its watch along, so its identity is looked at,
too; while it is gone, the nearest folder above it is watched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.errors import FlowrunError
from flowrun.render.ink import Ink, Run, line

_SUFFIXES = (".yaml", ".yml")
_NAMED = 3
_QUIET = 50
"""Milliseconds without a further change after which a save counts as done."""
_LONGEST = 200
"""Milliseconds after which changes are taken, even where they go on."""
_LOOK = 1_000
"""Milliseconds between two looks where nothing wakes."""

_File = tuple[int, int, int, int]


def watching(session: Session, paths: Iterable[Path], do: Callable[[], object]) -> Status:
    """Does it now, and again after every save of a YAML file among those files and in those folders.

    What it raises as FlowrunError is told, and the watch goes on.
    """
    paths = [*paths]
    terminal = session.terminal
    terminal.note("watching; stop with Ctrl-C")
    before: dict[str, _File] | None = None
    try:
        for _ in _stirs(paths):
            now = _files(paths)
            if now == before:
                continue
            if before is not None:
                names = sorted({name for name, _ in now.items() ^ before.items()})
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                terminal.tell([(), line(Run(f"── {', '.join(names[:_NAMED])}{more} changed ──", Ink.DIM)), ()])
            before = now
            try:
                do()
            except FlowrunError as error:
                session.show(error)
    except KeyboardInterrupt:
        terminal.tell([()])
    return Status.INTERRUPTED


def _stirs(paths: list[Path]) -> Iterator[None]:
    """Comes back whenever something may have changed: at once, then when the system says so, and now and then."""
    from watchfiles import watch

    while True:
        yield
        roots = sorted({_root(path) for path in paths})
        identity = _identity(roots)
        for _ in watch(
            *roots,
            watch_filter=None,
            debounce=_LONGEST,
            step=_QUIET,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            recursive=any(path.is_dir() for path in paths),
        ):
            yield
            if _identity(sorted({_root(path) for path in paths})) != identity:
                break


def _root(path: Path) -> Path:
    """The folder to watch for that file or folder: itself, or the nearest one above it that there is."""
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def _identity(folders: Iterable[Path]) -> list[object]:
    found: list[object] = []
    for folder in folders:
        with suppress(OSError):
            status = folder.stat()
            found.append((folder, status.st_dev, status.st_ino))
    return found


def _files(paths: Iterable[Path]) -> dict[str, _File]:
    """The YAML files among those and below those, by their names, each with what a save changes."""
    found: dict[str, _File] = {}
    for path in paths:
        below = (Path(at) / name for at, _, names in os.walk(path) for name in names if name.endswith(_SUFFIXES))
        for file in (path, *below):
            try:
                status = file.stat()
            except OSError:
                continue
            if file == path and path.is_dir():
                continue
            found[str(file)] = (status.st_mtime_ns, status.st_size, status.st_dev, status.st_ino)
    return found
