"""The source that the docs write passes the checks, as it stands there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowrun.testing import CHECKS, Conformance
from tests.shelf import block, install

CANNOT = {"late_changes", "lost_answers", "lost_calls", "rate_limits"}


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page's tests."""
    folder = install(tmp_path_factory.mktemp("site") / "packages")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("test_shelf")
    sys.path.remove(str(folder))
    for name in ("shelf", "test_shelf"):
        sys.modules.pop(name, None)


def test_it_is_about_a_hundred_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 125


def test_it_leaves_no_other_checks_out(module: Any) -> None:
    assert set(module.TestShelf.cannot) == CANNOT
    assert issubclass(module.TestShelf, Conformance)


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in CANNOT])
def test_it_keeps_the_rules(module: Any, name: str, tmp_path: Path) -> None:
    with closing(module.ShelfBench(tmp_path)) as bench:
        bench.rows = 1_500
        CHECKS[name](bench)
