"""Hundreds of tunnels: statements in chunks, wildcards, and still the order of the file."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.engine.rules import CHUNK
from tests.unit.engine.kit import SALES, world

COUNT = 600


def many(line: str) -> str:
    return "\n".join(line.format(n=n) for n in range(COUNT))


@pytest.mark.parametrize("size", [7, 10_000])
def test_each_deal_finds_its_tunnel(size: int) -> None:
    kinds = [
        "to: sales.docs, action: move",
        "to: care.kickoff, action: copy",
        "to: care.kickoff, action: copy, unless_exists: {same: [account]}",
    ]
    rest = "from: sales.new, when: deal.account == 'a{n}', set: {{title: t{n}}}"
    w = world("\n".join(f"m{n}: {{{kinds[n % 3]}, {rest.format(n=n)}}}" for n in range(COUNT)), size=size)
    for n in range(0, COUNT, 17):
        w.add(f"d{n}", account=f"a{n}")
    w.run()
    assert w.fired() == [(f"m{n}", f"d{n}") for n in range(0, COUNT, 17)]
    assert sorted(str(deal.title) for deal in w.deals() if deal.title) == sorted(f"t{n}" for n in range(0, COUNT, 17))


def test_the_first_in_the_file_wins_across_chunks() -> None:
    last = f"m{COUNT - 1}"
    w = world(many("m{n}: {{from: sales.new, to: sales.docs, action: move, when: deal.amount > {n}}}"))
    w.add("a", amount=CHUNK + 1).add("b", amount=Decimal("0.50")).run()
    assert w.fired() == [("m0", "a"), ("m0", "b")]
    w = world(many("m{n}: {{from: sales.new, to: sales.docs, action: move, when: deal.amount < {n}}}"))
    w.add("a", amount=CHUNK + 5).add("b", amount=COUNT - 2).add("c", amount=COUNT).run()
    assert w.fired() == [(f"m{CHUNK + 6}", "a"), (last, "b")]


def test_wildcards_over_many_stages() -> None:
    stages = ", ".join(f"s{n}" for n in range(60))
    rest = SALES.replace("pipelines:", f"pipelines:\n  long:\n    stages: [{stages}]")
    tunnels = "\n".join(
        f"c{n}: {{from: long.*, except: [long.s{n}], to: care.kickoff, action: copy, fields: none}}" for n in range(60)
    )
    w = world(tunnels, rest=rest).add("a", "long.s7").run()
    assert [tunnel for tunnel, _ in w.fired()] == [f"c{n}" for n in range(60) if n != 7]
