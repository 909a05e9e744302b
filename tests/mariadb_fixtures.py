"""The fixture with which tests get a MariaDB or MySQL database: as `postgres_fixtures`, and left out as loudly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mariadb import NoServer, fresh, server

_LEFT_OUT = "no MariaDB server"


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """A server that never waits for the disk."""
    try:
        with server() as url:
            yield url
    except NoServer as error:
        pytest.skip(f"{_LEFT_OUT}: {error}")


@pytest.fixture
def mariadb(mariadb_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    with fresh(mariadb_server) as url:
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines what was not tested."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _LEFT_OUT in str(report.longrepr)]
    if skipped:
        message = f"MariaDB was NOT tested: {len(skipped)} tests were left out, since there is {_LEFT_OUT}"
        terminalreporter.write_sep("=", message, yellow=True, bold=True)
