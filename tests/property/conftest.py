"""What the tests of many cases share: the garbage collector does not go through what is there before them."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def _nothing_old() -> None:
    gc.collect()
    gc.freeze()
