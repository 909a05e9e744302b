"""Watching the flow files in a thread, so that pages hear of a save elsewhere.

The system's word only wakes; whether something changed is told by the etag. Without such words (a network drive, a
folder that is not there yet) it is looked every few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from flowrun.studio.folder import Folder

_QUIET = 50
_LONGEST = 200
_LOOK = 5_000
"""Milliseconds: without a further change after which a save counts as done; after which it is told even so; between two
looks where nothing wakes."""


class Watch:
    """Tells `changed` the new etag, in a thread of its own, until it is closed."""

    def __init__(self, folder: Folder, changed: Callable[[str], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._stop = threading.Event()
        self._etag = folder.etag()
        threading.Thread(target=self._go, name="flowrun-studio-watch", daemon=True).start()

    def close(self) -> None:
        """End the thread; it is not waited for."""
        self._stop.set()

    def _go(self) -> None:
        while not self._stop.is_set():
            self._look()
            try:
                self._until_moved(self._folder.project.folder)
            except (OSError, RuntimeError):
                self._stop.wait(_LOOK / 1000)

    def _until_moved(self, folder: Path) -> None:
        """Watch the folder for as long as it is the same one."""
        from watchfiles import watch

        before = folder.stat()
        stirs = watch(
            folder,
            watch_filter=None,
            debounce=_LONGEST,
            step=_QUIET,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
        )
        for _ in stirs:
            self._look()
            now = folder.stat()
            if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
                return

    def _look(self) -> None:
        etag = self._folder.etag()
        if etag != self._etag:
            self._etag = etag
            self._changed(etag)
