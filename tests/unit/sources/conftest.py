"""Tests that ask for `database` run on both databases, as the engine's do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.unit.engine import kit
from tests.unit.engine.conftest import postgresql_store

__all__ = ["postgresql_store"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        second = pytest.param("postgresql", marks=pytest.mark.no_cover)
        metafunc.parametrize("database", ["sqlite", second], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Which one the test's worlds are on."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            make = request.getfixturevalue("postgresql_store")
            monkeypatch.setattr(kit, "memory_store", lambda clock: make(stack, clock))
        yield request.param
