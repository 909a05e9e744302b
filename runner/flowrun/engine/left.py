"""Deals that a runner leaves for later, since someone else has them, or has another deal that they need.

A deal is never waited for, nor looked at again and again. A runner passes over what it had to leave for a while, twice
as long each time that the same deal is still in the way, and everything behind it goes on meanwhile. All of it is in
the memory of one runner; nothing is written.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection

Way = tuple[int, ...]
"""A deal (by seq) in a runner's way, and what tells one time from the next: its place in the queue."""

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
"""Seconds for which deals are passed over: at first, and at most; doubled in between."""


class Left:
    """The `deals` (by seq) that a runner passes over now.

    `turns` counts how often in a row one of them has been in the way. `needing`: some of them are free, and need
    another deal that isn't.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.needing = False
        self.deals: list[int] = []
        self._ways: set[Way] = set()
        self._before: frozenset[Way] = frozenset()
        self._pause = FIRST_PAUSE
        self._until = 0.0

    @property
    def rest(self) -> float:
        """Seconds until they are to be looked at again; 0 where there are none, or it is time."""
        return max(0.0, self._until - time.monotonic()) if self.deals else 0.0

    @property
    def due(self) -> bool:
        """Whether there are some, and it is time to look at them again."""
        return bool(self.deals) and not self.rest

    def add(self, ways: Collection[Way], *, needing: bool = False) -> None:
        """Pass over these from now on. None: nothing is in the way any more, but for what is passed over."""
        if not ways:
            if not self.deals:
                self.turns, self._before = 0, frozenset()
            return
        if not self.deals:
            again = not self._before.isdisjoint(ways)
            self.turns = self.turns + 1 if again else 1
            self._pause = min(LONGEST_PAUSE, self._pause * 2) if again else FIRST_PAUSE
            self._until = time.monotonic() + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._ways.update(ways)
        self.deals = sorted({way[0] for way in self._ways})
        self.needing = self.needing or needing

    def look_again(self) -> None:
        """Pass over them no longer, if it is time."""
        if self.due:
            self._before = frozenset(self._ways)
            self._ways.clear()
            self.deals, self.needing = [], False
