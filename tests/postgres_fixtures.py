"""The fixtures with which tests get a PostgreSQL database, or a server to ill-treat.

A server is started when the first test of a process asks for it, and costs a second; a database is made and dropped
for each test. Where there is no server, those tests are left out, which the summary says last; under CI they fail.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Database, Databases, NoServer, Server, databases

_LEFT_OUT = "no PostgreSQL server"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Databases]:
    """A server that waits for the disk at each commit, as users' servers do."""
    try:
        with databases(durable=True) as made:
            yield made
    except NoServer as error:
        pytest.skip(f"{_LEFT_OUT}: {error}")


@pytest.fixture(scope="session")
def fast_postgres_server() -> Iterator[Databases]:
    """A server that never waits for the disk."""
    try:
        with databases(durable=False) as made:
            yield made
    except NoServer as error:
        pytest.skip(f"{_LEFT_OUT}: {error}")


@pytest.fixture
def postgres(postgres_server: Databases) -> Iterator[Database]:
    """An empty database on a server that waits for the disk."""
    with postgres_server.fresh() as database:
        yield database


@pytest.fixture
def fast_postgres(fast_postgres_server: Databases) -> Iterator[Database]:
    """An empty database on a server that never waits for the disk: for tests of answers."""
    with fast_postgres_server.fresh() as database:
        yield database


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server for this test alone, to be stopped, killed and started again; that of `FLOWRUN_TEST_POSTGRES` isn't."""
    try:
        server = Server()
    except NoServer as error:
        pytest.skip(f"{_LEFT_OUT}: {error}")
    with server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines what was not tested, so that a green run can't be taken for a whole one."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _LEFT_OUT in str(report.longrepr)]
    if skipped:
        message = f"PostgreSQL was NOT tested: {len(skipped)} tests were left out, since there is {_LEFT_OUT}"
        terminalreporter.write_sep("=", message, yellow=True, bold=True)
