"""What one launch of the studio works with, and what it may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowrun.clock import Clock
from flowrun.commands.project import Project


@dataclass(frozen=True, slots=True)
class Launch:
    """The project and the store (a URL) that the page is over.

    `read_only`: nothing is written, neither files nor deals. `allow_apply`: what was previewed may be applied. `mask`
    hides secrets in what is said of the store.
    """

    project: Project
    store: str
    clock: Clock
    mask: Callable[[str], str] = str
    read_only: bool = False
    allow_apply: bool = False
