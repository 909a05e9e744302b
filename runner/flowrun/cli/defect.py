"""The report of a defect: everything a maintainer needs, in a file, and one calm line for the user."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence

from flowrun import __version__


def report(error: Exception, arguments: Sequence[str], mask: Callable[[str], str]) -> tuple[str, str]:
    """Writes the report of an unexpected error; returns the line for the user and what to do.

    `mask` hides secrets. With FLOWRUN_DEBUG set, the trace is shown as well.
    """
    trace = "".join(traceback.format_exception(error))
    lines = [
        f"flowrun {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {list(arguments)}",
        "",
        trace,
    ]
    text = mask("\n".join(lines))
    if os.environ.get("FLOWRUN_DEBUG"):
        sys.stderr.write(text)
    summary = mask(f"{type(error).__name__}: {error}").partition("\n")[0]
    message = f"this is a defect of flowrun: {summary}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="flowrun-defect-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(text)
    except OSError:
        return message, "run it again with FLOWRUN_DEBUG=1 and send what it shows"
    return message, f"please report it, with {file.name}"
