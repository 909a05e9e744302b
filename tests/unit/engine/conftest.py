"""The engine's tests run on both databases, but for those that are about one alone (`@pytest.mark.sqlite`).

On PostgreSQL each store is a database of its own, copied from one that was made by flowrun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from flowrun.clock import Clock, FixedClock
from flowrun.store.connection import Store, open_store
from tests.postgres import Databases
from tests.unit.engine import kit


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("sqlite") or "world" not in vars(metafunc.module)
        # Tracing the second time would take half as long again, and show little that the first doesn't.
        second = pytest.param("postgresql", marks=pytest.mark.no_cover)
        metafunc.parametrize("database", ["sqlite"] if alone else ["sqlite", second], indirect=True)


@pytest.fixture(scope="session")
def postgresql_store(fast_postgres_server: Databases) -> Iterator[Callable[[ExitStack, Clock], Store]]:
    """Makes a store that is closed and dropped with the stack."""
    with fast_postgres_server.fresh() as template:
        open_store(template.url, FixedClock(0), create=True).close()

        def made(stack: ExitStack, clock: Clock) -> Store:
            database = stack.enter_context(fast_postgres_server.fresh(template.name))
            return stack.enter_context(open_store(database.url, clock))

        yield made


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Which one the test's worlds are on."""
    if request.param == "postgresql":
        make = request.getfixturevalue("postgresql_store")
        with ExitStack() as stack:
            monkeypatch.setattr(kit, "memory_store", lambda clock: make(stack, clock))
            yield request.param
    else:
        yield request.param
