"""kill -9 at random: runners over many deals die again and again, and nothing is lost or doubled.

Half of them die at a moment, wherever they are then; half at a point of a tick. On SQLite now and then two run at
once, and one goes on; what several at once do on PostgreSQL is not what one does, row for row (`test_many_runners`).
When all work is done the store is compared with an undisturbed one, and the next copy is taken.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.grounds import Ground, Picture, differences, picture, value
from tests.faults.ticks import NOW, crowded
from tests.faults.zygote import Zygote

SIZE = 50
"""Deals in a batch: small, so that there are many ticks to die in."""


@dataclass(slots=True)
class Carnage:
    """What came of it. `amid` are kills of a runner that left work to do; `found` is what differed, if anything."""

    kills: int = 0
    amid: int = 0
    stores: int = 0
    firings: int = 0
    found: list[str] = field(default_factory=list)


def kill_at_random(
    ground: Ground,
    zygote: Zygote,
    kills: int,
    seed: int,
    *,
    deals: int = 2_000,
    mutant: str | None = None,
    tell: Callable[[Carnage], None] = lambda _: None,
) -> Carnage:
    """Kill that many runners, on as many copies of a store as that takes. `tell` hears after each store."""
    chance = random.Random(seed)
    before = crowded(ground, deals)
    zygote.warm(ground.copy(before), now=NOW)
    calm = ground.copy(before)
    began = time.monotonic()
    points = len(zygote.run("run", url=calm, now=NOW, size=SIZE).fine().json)
    seconds = time.monotonic() - began
    after = picture(calm)
    done = Carnage()
    while done.kills < kills and not done.found:
        torn = ground.copy(before)
        done.stores += 1
        per_store = chance.randint(5, 60)
        for _ in range(min(per_store, kills - done.kills)):
            if value(torn, "SELECT count(*) FROM queue WHERE wake_at <= " + str(NOW)) == 0:
                break
            _die(ground, zygote, torn, chance, points, seconds / per_store, mutant)
            ground.abandoned(torn)
            done.kills += 1
            done.amid += bool(value(torn, "SELECT count(*) FROM queue WHERE wake_at <= " + str(NOW)))
        done.found += _finished(ground, zygote, torn, after)
        ground.drop(torn)
        done.firings += len(after["firings"])
        tell(done)
    return done


def _die(
    ground: Ground, zygote: Zygote, url: str, chance: random.Random, points: int, moment: float, mutant: str | None
) -> None:
    two = chance.random() < 0.1 and ground.name == "sqlite"
    other = zygote.start("run", url=url, now=NOW, size=SIZE, mutant=mutant) if two else None
    if chance.random() < 0.5:
        pid = zygote.start("run", url=url, now=NOW, size=SIZE, mutant=mutant)
        time.sleep(chance.uniform(0, 2 * moment))
        zygote.kill(pid)
    else:
        zygote.run("run", url=url, now=NOW, size=SIZE, die_at=chance.randrange(points // 20), mutant=mutant)
    if other is not None:
        time.sleep(chance.uniform(0, moment))
        zygote.kill(other)


def _finished(ground: Ground, zygote: Zygote, url: str, after: Picture) -> list[str]:
    ended = zygote.run("run", url=url, now=NOW, size=SIZE)
    ground.abandoned(url)
    found = [] if ended.status == 0 else [ended.err]
    found += differences(after, picture(url))
    return found if ground.sound(url) else [*found, "the database is damaged"]
