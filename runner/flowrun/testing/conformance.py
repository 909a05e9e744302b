"""The suite as a whole: a class of tests for pytest, and the same checks as functions for anything else.

class TestMine(Conformance):
    cannot = {"late_changes": "a file has no transactions"}

    @pytest.fixture
    def bench(self, tmp_path):
        return MyBench(tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar

from flowrun.testing.bench import Bench
from flowrun.testing.inwards import INWARDS
from flowrun.testing.outwards import OUTWARDS

CHECKS: Mapping[str, Callable[[Bench], None]] = {check.__name__: check for check in (*INWARDS, *OUTWARDS)}
"""Every check by its name. It takes a new bench, and raises `bench.Broken` for a rule that isn't kept."""


class Conformance:
    """The checks as methods `test_…(bench)`. A subclass gives the `bench`, a new one for each, as a fixture.

    `cannot` names the checks that there can be no bench for, each with why: they are not collected. It is there to be
    read; a check is never skipped by itself.
    """

    cannot: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in cls.cannot:
            if name not in CHECKS:
                raise TypeError(f"`cannot` names '{name}', and there is no such check; there are: {', '.join(CHECKS)}")
            setattr(cls, f"test_{name}", None)


def _test(check: Callable[[Bench], None]) -> Callable[[Conformance, Bench], None]:
    def test(self: Conformance, bench: Bench) -> None:  # noqa: ARG001 - as a method is
        with closing(bench):
            try:
                check(bench)
            except NotImplementedError as accident:
                message = f"this bench lacks `{accident}`; write it, or name the check in `cannot` with the reason"
                raise AssertionError(message) from None

    test.__name__ = test.__qualname__ = f"test_{check.__name__}"
    test.__doc__ = check.__doc__
    return test


for _check in CHECKS.values():
    setattr(Conformance, f"test_{_check.__name__}", _test(_check))
