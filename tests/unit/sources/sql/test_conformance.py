"""The SQL source passes the conformance suite: each way of noticing, and each way of keeping keys, in each database."""

from __future__ import annotations

from typing import ClassVar

import pytest

from flowrun.testing import Bench, Conformance
from tests.unit.sources.sql.bench import SqlBench
from tests.unit.sources.sql.grounds import Ground

_LIMITS = {"rate_limits": "a database turns nobody down for asking too often"}
_FILE = {
    **_LIMITS,
    "late_changes": "one program writes at a time, so that no one commits late",
    "lost_answers": "no network is between a program and its file",
    "lost_calls": "no network is between a program and its file",
}


@pytest.mark.parametrize("ground", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("notice", "key"), [("outbox", False), ("timestamp", True), ("compare", False)])
class TestSQLite(Conformance):
    cannot: ClassVar = _FILE

    @pytest.fixture
    def bench(self, ground: Ground, notice: str, key: bool) -> Bench:
        return SqlBench(ground, notice, key)


@pytest.mark.no_cover
@pytest.mark.parametrize("ground", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("notice", "key"), [("outbox", False), ("timestamp", True)])
class TestPostgreSQL(Conformance):
    cannot: ClassVar = _LIMITS

    @pytest.fixture
    def bench(self, ground: Ground, notice: str, key: bool) -> Bench:
        return SqlBench(ground, notice, key)


@pytest.mark.no_cover
@pytest.mark.parametrize("ground", ["mysql"], indirect=True)
@pytest.mark.parametrize(("notice", "key"), [("outbox", False), ("timestamp", True)])
class TestMariaDB(Conformance):
    cannot: ClassVar = _LIMITS

    @pytest.fixture
    def bench(self, ground: Ground, notice: str, key: bool) -> Bench:
        return SqlBench(ground, notice, key)
