"""Waking: the word of the system that something stirs where the files are.

It only wakes. What has changed is found by looking, so nothing is lost where no word comes: a network drive, a folder
that was replaced, a limit of the system on watches. There, flowrun's own asking every few seconds does it alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from flowrun.sources.files.folder import Folder

_QUIET = 50
"""Milliseconds without a further change after which a save counts as done."""
_LONGEST = 200
"""Milliseconds after which changes are told, even where they go on."""
_SLICE = 200
"""Milliseconds between two looks at whether to stop."""
_AGAIN = 0.5
"""Seconds after which what was not at rest is looked at again."""


class Waking:
    """The watch of a folder. `wait` belongs to one thread; the rest may be called by any."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._closed = threading.Event()
        self._again = threading.Event()
        self._stirs: Iterator[Any] | None = None
        self._watched: object = None

    def again(self) -> None:
        """Have the next `wait` end soon: something was left for later."""
        self._again.set()

    def close(self) -> None:
        """End the watch, and whoever waits."""
        self._closed.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds; whether something may have changed."""
        end = time.monotonic() + seconds
        soon = time.monotonic() + min(_AGAIN, seconds)
        while not self._closed.is_set():
            left = end - time.monotonic()
            if self._again.is_set() and time.monotonic() >= soon:
                self._again.clear()
                return True
            if left <= 0:
                return False
            if self._stirred(min(left, _SLICE / 1000)):
                return True
        return False

    def _stirred(self, seconds: float) -> bool:
        """Whether the system tells of a change within that time."""
        try:
            if self._stirs is None:
                self._stirs = self._watch()
            changes = next(self._stirs, None)
        except (OSError, RuntimeError):
            changes = None
        if changes is None:
            self._stirs = None
            self._closed.wait(seconds)
            return False
        return any(_counts(path) for _, path in changes)

    def _watch(self) -> Iterator[Any]:
        from watchfiles import watch

        roots = self._folder.watched()
        return watch(
            *(root for root in roots if root.is_dir()),
            watch_filter=None,
            debounce=_LONGEST,
            step=_QUIET,
            rust_timeout=_SLICE,
            yield_on_timeout=True,
            stop_event=self._closed,
            recursive=any(roots.values()),
            raise_interrupt=False,
        )


def _counts(path: str) -> bool:
    """Whether a change of that path may be one of deals, not of what programs keep beside them."""
    name = path.rpartition("/")[2]
    return not name.startswith((".", "~"))
