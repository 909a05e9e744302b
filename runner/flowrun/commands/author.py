"""Who applies, from where, and what git says of the files: what a revision remembers beside its flow."""

from __future__ import annotations

import getpass
import socket
from dataclasses import replace
from pathlib import Path

from flowrun.commands import git
from flowrun.store.revisions import Author


def person() -> Author:
    """Who is at work, and where; nothing of git. What can't be known is None."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = None
    return Author(name, socket.gethostname() or None)


def author(folder: Path) -> Author:
    """The author of a revision whose files stand in that folder. What can't be known is None."""
    commit = git.commit(folder)
    return replace(person(), commit=commit, dirty=None if commit is None else git.changed(folder))
