"""Progress of long work, on stderr: a bar or a counter that appears after a second, and only at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE = 1.0


@contextmanager
def counting(noun: str, total: int | None = None, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Yields a function that is told how many are done so far. `total` None: how many there will be isn't known."""
    if not shown or not sys.stderr or not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    count = TextColumn("{task.completed:,.0f} " + noun)
    progress = Progress(count, BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    task = progress.add_task(noun, total=total)
    began = time.monotonic()

    def done(number: int) -> None:
        if time.monotonic() - began > _PATIENCE:
            progress.start()
            progress.update(task, completed=number)

    try:
        yield done
    finally:
        progress.stop()
