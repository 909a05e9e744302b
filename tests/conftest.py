"""What all tests share: under CI (`CI=true`) a skipped test is a failed one.

Only tests marked `data` may be skipped there: they need an export that lies beside the checkout on some machines.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest

pytest_plugins = ["tests.postgres_fixtures", "tests.mariadb_fixtures"]

_CI = os.environ.get("CI") == "true"
_TESTS = Path(__file__).parent
_UNTRACED = (_TESTS / "property", _TESTS / "faults", _TESTS / "unit" / "yamldoc" / "test_limits.py")
"""Tests of many cases, and of large ones. Tracing them would take half as long again, and shows nothing that the others
don't."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(path) for path in _UNTRACED):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish() -> None:
    """Modules and tests stay; to look for garbage among them, again and again, took a tenth of the time, and to look
    through what property tests remember, as often as is usual, a quarter of theirs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _CI and report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker("data"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and under CI nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and under CI nothing may be: {report.longrepr}"
    return report
