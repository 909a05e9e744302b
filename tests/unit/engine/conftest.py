"""The engine's tests run on both databases, but for those that are about one alone (`@pytest.mark.sqlite`).

On PostgreSQL each store is a schema of one database, which is wiped for the next test: a database of its own takes
longer to be made than most tests do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from flowrun.clock import Clock
from flowrun.store.connection import Store
from tests.postgres import Databases
from tests.slates import Slates
from tests.unit.engine import kit


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("sqlite") or "world" not in vars(metafunc.module)
        # Tracing the second time would take half as long again, and show little that the first doesn't.
        second = pytest.param("postgresql", marks=pytest.mark.no_cover)
        metafunc.parametrize("database", ["sqlite"] if alone else ["sqlite", second], indirect=True)


class Shelf:
    """Stores in schemas of one database. Whoever gets one finds it new."""

    def __init__(self, slates: Slates) -> None:
        self._slates = slates
        self._free: list[Store] = []

    @contextmanager
    def store(self, clock: Clock) -> Iterator[Store]:
        """One that is new, and the caller's for as long."""
        store = self._free.pop() if self._free else self._slates.another()
        self._slates.wipe(store)
        store.clock = clock
        yield store
        store.engine.dispose()
        if self._slates.wipes_clean(store):
            self._free.append(store)
        else:
            self._slates.drop(store)


@pytest.fixture(scope="session")
def postgresql_store(fast_postgres_server: Databases) -> Iterator[Callable[[ExitStack, Clock], Store]]:
    """Makes a store that is the stack's for as long."""
    with fast_postgres_server.fresh() as database, Slates(database) as slates:
        shelf = Shelf(slates)
        yield lambda stack, clock: stack.enter_context(shelf.store(clock))


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
