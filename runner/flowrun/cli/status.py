"""The exit statuses (cli.md, "Exit status")."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """What the shell is told. An exception brings its own: `errors` says which, 3 and 4 among them."""

    FINE = 0
    FAILED = 1
    DIFFERENCES = 2
    USAGE = 64
    DEFECT = 70
    INTERRUPTED = 130
