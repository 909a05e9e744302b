"""The memory source passes its own suite; and each check of it catches the source that breaks its rule."""

from __future__ import annotations

from typing import ClassVar

import pytest

from flowrun.sources.interface import Ability
from flowrun.testing import CHECKS, Bench, Broken, Conformance
from flowrun.testing.faulty import FAULTY
from flowrun.testing.memory import ABILITY, Memory, MemoryBench, MemorySource


class TestMemory(Conformance):
    @pytest.fixture
    def bench(self) -> Bench:
        return MemoryBench()


class TestIdsOfItsOwn(Conformance):
    """A source that gives its copies ids of its own, and one page after another to every deal."""

    @pytest.fixture
    def bench(self) -> Bench:
        def source(place: Memory) -> MemorySource:
            return MemorySource(place, Ability(own_ids=True, idempotent=ABILITY.idempotent), page=3)

        return MemoryBench(source, rows=20)


def test_each_check_has_a_source_that_it_must_catch() -> None:
    assert list(FAULTY) == list(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_catches_the_source_that_breaks_its_rule(name: str) -> None:
    with pytest.raises(Broken) as caught:
        CHECKS[name](MemoryBench(FAULTY[name]))
    assert len(str(caught.value)) > 20


def test_a_check_that_is_not_there_can_not_be_left_out() -> None:
    with pytest.raises(TypeError, match="there is no such check"):

        class _Wrong(Conformance):
            cannot: ClassVar = {"latecomers": "never"}


def test_a_check_that_is_left_out_is_not_collected() -> None:
    class _Fewer(Conformance):
        cannot: ClassVar = {"late_changes": "it has no transactions"}

    assert _Fewer.__dict__["test_late_changes"] is None
    assert "test_moves" in vars(Conformance)


def test_an_accident_that_the_bench_lacks_is_no_pass() -> None:
    class Plain(MemoryBench):
        def lose_answer(self) -> None:
            Bench.lose_answer(self)

    with pytest.raises(AssertionError, match="lacks `lose_answer`"):
        vars(Conformance)["test_lost_answers"](Conformance(), Plain())
