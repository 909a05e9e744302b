"""Marks: what is written in them comes back, and they stay short."""

from __future__ import annotations

import random

import pytest

from flowrun.errors import WorkFailed
from flowrun.sources.sql.comparing import _paged
from flowrun.sources.sql.marks import MOST, Buckets, Numbers, bucket_of, digest, parts, written


@pytest.mark.parametrize("gaps", [1, 2, 50, 10**12])
def test_numbers_come_back_and_stay_short(gaps: int) -> None:
    chance = random.Random(gaps)
    seen, number = Numbers(), 10**15
    numbers: list[int] = []
    while seen.size < MOST and len(numbers) < 50_000:
        number += chance.choice((1, 1, 1, gaps))
        seen.add(number)
        seen.add(number)
        numbers.append(number)
    assert len(seen.text()) <= MOST
    assert list(Numbers.of(seen.text())) == numbers
    assert len(written(by="outbox", seen=seen.text(), within=[number, "🦊" * 200])) <= 10_000


def test_of_nothing_there_is_nothing() -> None:
    assert Numbers().text() == ""
    assert list(Numbers.of("")) == []


def test_buckets_tell_a_row_that_changed_and_not_in_which_order_they_came() -> None:
    rows = {f"d{n}": digest((f"d{n}", n)) for n in range(1_000)}
    one, other = Buckets(), Buckets()
    for id_, row in rows.items():
        one.add(id_, row)
    for id_, row in reversed(rows.items()):
        other.add(id_, row)
    assert one.text() == other.text()
    assert Buckets.of(one.text()) == one
    assert len(one.text()) < 3_000
    other.add("more", digest(("more", 1)))
    assert [n for n in range(256) if one.sums[n] != other.sums[n]] == [bucket_of("more")]


@pytest.mark.parametrize(("count", "page"), [(0, 10), (1, 10), (500, 10), (3_000, 2_000), (30_000, 100)])
def test_pages_hold_each_once_and_end_with_whole_buckets(count: int, page: int) -> None:
    told = sorted((f"d{n}" for n in range(count)), key=bucket_of)
    pages = list(_paged(told, page))
    assert [id_ for ids, _, _ in pages for id_ in ids] == told
    assert [last for _, _, last in pages] == [False] * (len(pages) - 1) + [True] * bool(pages)
    assert sorted(number for _, complete, _ in pages for number in complete) == sorted({*map(bucket_of, told)})


@pytest.mark.parametrize("mark", ["", "7", "no mark", "[]"])
def test_a_mark_of_another_source_is_told(mark: str) -> None:
    with pytest.raises(WorkFailed, match="is none of an SQL source"):
        parts(mark)
