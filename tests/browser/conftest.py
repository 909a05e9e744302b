"""The browser, one at a time in each worker; and the last line that says when there was none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.place import Place
from tests.browser.chromium import WANTED, chromium, program
from tests.browser.studio import PATIENCE

_LEFT_OUT = "no Chromium"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module: Playwright's loop must not run beside tests that have loops of their own."""
    found = program()
    if found is None:
        pytest.skip(f"{_LEFT_OUT}: {WANTED}")
    expect.set_options(timeout=PATIENCE)
    with chromium(found) as started:
        yield started


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An empty folder."""
    return Place(tmp_path_factory.mktemp("studio"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines what was not tested."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _LEFT_OUT in str(report.longrepr)]
    if skipped:
        message = f"the studio's page was NOT tested: {len(skipped)} tests were left out, since there is {_LEFT_OUT}"
        terminalreporter.write_sep("=", message, yellow=True, bold=True)
