"""What fault tests run on: a ground for stores, and a process that forks runners."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.grounds import Files, Ground, Server
from tests.faults.zygote import Zygote


@pytest.fixture(scope="session", params=["sqlite"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Where stores are made: in memory if the system has a place for that, since processes die here, not machines.

    A module whose tests are for PostgreSQL too has them twice: see `BOTH`.
    """
    if request.param == "postgresql":
        server = Server(request.getfixturevalue("fast_postgres_server"))
        yield server
        server.close()
        return
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if os.access(place, os.W_OK) else None) as folder:
        yield Files(Path(folder))


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Whom to ask for runners."""
    with Zygote() as one:
        yield one
