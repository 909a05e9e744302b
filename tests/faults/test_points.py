"""kill -9 at every numbered point of ticks of several kinds: another runner ends up where an undisturbed one does."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import pytest

from tests.faults.grounds import BOTH, Ground, Picture, differences, picture
from tests.faults.ticks import KINDS, NOW
from tests.faults.zygote import Zygote

pytestmark = pytest.mark.parametrize("ground", BOTH, indirect=True, scope="session")

SIZE = 6
"""Deals in a batch: several ticks for each kind."""

ALL = os.environ.get("FLOWRUN_POINTS") == "all"
STRIDE = {"sqlite": {"poisoned": 23}, "postgresql": {"calm": 12, "settled": 12, "poisoned": 120}}
"""Where there are very many points (the hunt for a deal at fault is many ticks), or a death takes long (a database is
copied for it): every how manieth in CI, from one of the first on."""

MUTANTS = {
    "the journal is committed before its effects": BOTH,
    "the queue is committed without what follows": BOTH,
    "nothing is a transaction": ("sqlite",),
}
"""On PostgreSQL a commit empties the working tables: a tick of which nothing is a transaction does nothing at all."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A store that is about to be run, what a run makes of it, and the points that it crosses."""

    before: str
    after: Picture
    points: tuple[str, ...]


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def undisturbed(kind: str, ground: Ground, zygote: Zygote) -> Undisturbed:
    return ran_undisturbed(kind, ground, zygote)


def ran_undisturbed(kind: str, ground: Ground, zygote: Zygote) -> Undisturbed:
    before = KINDS[kind](ground)
    zygote.warm(ground.copy(before), now=NOW)
    calm = ground.copy(before)
    points = zygote.run("run", url=calm, now=NOW, size=SIZE).fine().json
    return Undisturbed(before, picture(calm), tuple(points))


def deaths(
    ground: Ground, zygote: Zygote, ran: Undisturbed, stride: int = 1, first: int = 0, mutant: str | None = None
) -> list[str]:
    """Die at these points; what is then not as it should be, with the point."""
    found = []
    for at, label in list(enumerate(ran.points))[first::stride]:
        torn = ground.copy(ran.before)
        died = zygote.run("run", url=torn, now=NOW, size=SIZE, die_at=at, mutant=mutant)
        assert died.killed, (at, label, died)
        ground.abandoned(torn)
        zygote.run("run", url=torn, now=NOW, size=SIZE)
        found += [f"died at {at}, {label}: {one}" for one in differences(ran.after, picture(torn))]
        ground.drop(torn)
        if found and mutant:
            break
    return found


def test_whatever_point_a_runner_dies_at_nothing_is_lost_or_doubled(
    ground: Ground, zygote: Zygote, kind: str, undisturbed: Undisturbed
) -> None:
    stride = 1 if ALL else STRIDE[ground.name].get(kind, 1)
    first = random.randrange(stride)
    assert deaths(ground, zygote, undisturbed, stride, first) == []
    commits = undisturbed.points.count("after the commit")
    crossed = len(undisturbed.points[first::stride])
    print(f"\n{kind}: died at {crossed} of {len(undisturbed.points)} points of {commits} committed ticks")
    assert commits >= 3
    assert len(undisturbed.points) > 100
    begin = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}[ground.name]
    assert undisturbed.points[:2] == (f"before {begin}", f"after {begin}")


def test_each_kind_of_tick_has_what_it_is_for(kind: str, undisturbed: Undisturbed) -> None:
    said = {(row[7], row[12]) for row in undisturbed.after["firings"]}
    expected = {
        "calm": {("fired", None)},
        "poisoned": {("fired", None), ("parked", "error")},
        "settled": {
            *{("fired", None), ("exists", "exists"), ("declined", "judged"), ("shadow", None)},
            *{("parked", "overflow"), ("parked", "hops")},
        },
    }
    assert expected[kind] == said
    tripped = [row for row in undisturbed.after["tunnels"] if row[3] is not None]
    assert len(tripped) == (1 if kind == "settled" else 0)


def test_a_tick_that_is_not_one_transaction_is_found(ground: Ground, zygote: Zygote) -> None:
    ran = ran_undisturbed("calm", ground, zygote)
    for mutant in (one for one, grounds in MUTANTS.items() if ground.name in grounds):
        found = deaths(ground, zygote, ran, stride=5, mutant=mutant)
        assert found, mutant
        print(f"\n{mutant}: {found[0]}")
