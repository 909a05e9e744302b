"""Less than a process would have: no right to pass over permissions, no room on the disk.

Each of these is called in the new process, before it becomes flowrun (`Place.start`, `limits`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

_DROP_FROM_BOUNDING_SET = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
"""Of linux/prctl.h and linux/capability.h."""


def powerless() -> None:
    """Take root's right to pass over permissions; anyone else never had it."""
    if os.geteuid() != 0:
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        if prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def full(size: int) -> Callable[[], None]:
    """A disk on which no file grows beyond so many bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def _can_be_powerless() -> bool:
    try:
        done = subprocess.run([sys.executable, "-c", ""], preexec_fn=powerless, check=False)
    except subprocess.SubprocessError:
        return False
    return done.returncode == 0


permissions = pytest.mark.skipif(not _can_be_powerless(), reason="root's rights can't be taken from a process here")
"""For tests in which a file may not be read or written."""
