"""The browser of these tests: the Chromium of the machine, or that of `FLOWRUN_TEST_CHROMIUM` (its program)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PROGRAM = "FLOWRUN_TEST_CHROMIUM"
WANTED = f"install Chromium (Debian: chromium), or set {PROGRAM} to the program of one"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> Path | None:
    """The browser's program; None if there is none."""
    found = os.environ.get(PROGRAM) or next(filter(None, map(shutil.which, _NAMES)), None)
    return None if found is None else Path(found)


@contextmanager
def chromium(path: Path) -> Iterator[Browser]:
    """That browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()
