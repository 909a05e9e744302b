"""Pages of the studio that are closed when their test has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flowrun.clock import VirtualClock
from tests.unit.store.example import NOON
from tests.unit.studio.kit import Page

Opening = Callable[..., Page]
"""Makes a page over a folder of its own; what is given goes to `Page`."""


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    with ExitStack() as stack:

        def made(**more: Any) -> Page:
            page = Page(tmp_path, clock=VirtualClock(NOON), **more)
            stack.callback(page.api.close)
            return page

        yield made


@pytest.fixture
def page(opening: Opening) -> Page:
    """A page over the usual flow."""
    return opening().write()
