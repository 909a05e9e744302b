"""Who applies, from where, and what git says of the files: what a revision remembers beside its flow."""

from __future__ import annotations

import getpass
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

from flowrun.store.revisions import Author

_PATIENCE = 5.0


def person() -> Author:
    """Who is at work, and where; nothing of git. What can't be known is None."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = None
    return Author(name, socket.gethostname() or None)


def author(folder: Path) -> Author:
    """The author of a revision whose files stand in that folder. What can't be known is None."""
    commit = _git(folder, "rev-parse", "--short=7", "HEAD")
    changed = None if commit is None else _git(folder, "status", "--porcelain", "--", ".")
    return replace(person(), commit=commit, dirty=None if changed is None else bool(changed))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers, or None where there is no git, no repository, or no answer."""
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        answer = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
