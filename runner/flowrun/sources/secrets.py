"""What references to secrets lead to, read when a source is opened. Nothing here or later prints, logs or keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from flowrun.errors import WorkFailed
from flowrun.flow.model import SecretRef

MOST = 65_536
"""Bytes of a file that holds a secret: more is another file."""


def reveal(secret: SecretRef, folder: Path, what: str) -> str:
    """The secret, without white space round it. `folder` is where relative paths start, `what` names it in messages.

    Raises WorkFailed where there is none.
    """
    if secret.env is not None:
        found = os.environ.get(secret.env, "").strip()
        if not found:
            raise WorkFailed(
                f"{what} is to be in the environment variable {secret.env}, which isn't set",
                f"set {secret.env} for this command",
            )
        return found
    path = folder / (secret.file or "")
    try:
        with path.open("rb") as file:
            text = file.read(MOST + 1)
    except OSError as error:
        raise WorkFailed(f"{what} is to be in the file {secret.file}: {error.strerror or error}") from None
    try:
        found = text.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        found = ""
    if not found or len(text) > MOST:
        says = "which is empty" if not text.strip() else "which holds no short text in UTF-8"
        raise WorkFailed(f"{what} is to be in the file {secret.file}, {says}")
    return found
