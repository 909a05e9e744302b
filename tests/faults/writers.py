"""Programs that write deals and commit late and out of order, beside a runner and beside a poller with a watermark."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from tests.faults.grounds import Ground, make, query, value
from tests.faults.zygote import Zygote

WRITERS = 8

FLOW = """\
flowrun: 1
project: written
fields: {note: text, stamped: integer}
pipelines:
  sales: {stages: [new, next]}
  work: {stages: [todo, {id: done, outcome: won}]}
tunnels:
  seen: {from: sales.new, to: work.done, action: copy}
  on: {from: sales.new, to: sales.next, action: move, when: "deal.note == 'go'"}
"""


@dataclass(frozen=True, slots=True)
class Written:
    """The store when all is done; the deals that the writers made; what each of the two others missed.

    `missed` are firings that didn't come to pass, `unseen` changes that the poller never saw.
    """

    url: str
    deals: int
    missed: int
    unseen: int


def written(ground: Ground, zygote: Zygote, writes: int, *, before: str | None = None) -> Written:
    """Writers, a runner and a poller at once. `before` is a statement that is run on the store first."""
    url = make(ground, FLOW, 0)
    if before is not None:
        query(url, before)
    runner, poller = zygote.start("watch", url=url), zygote.start("poll", url=url, every=0.005)
    share = writes // WRITERS // 2 * 2
    writers = [zygote.start("write", url=url, writer=n, writes=share, seed=n) for n in range(WRITERS)]
    for writer in writers:
        zygote.wait(writer, patience=60 + writes // 20).fine()
    give_up = time.monotonic() + (60 + writes / 200 if before is None else 1.0)
    while _missing(url) and time.monotonic() < give_up:
        time.sleep(0.02)
    for pid in (runner, poller):
        os.kill(pid, signal.SIGTERM)
    assert zygote.wait(runner).fine().err == ""
    seen = {(id_, stamped) for id_, stamped in zygote.wait(poller).fine().json}
    last = set(query(url, "SELECT id, stamped FROM deals WHERE origin IS NULL"))
    return Written(url, len(last), _missing(url), len(last - seen))


def _missing(url: str) -> int:
    """How many of the writers' deals haven't done all that they should, by now."""
    deals = value(url, "SELECT count(*) FROM deals WHERE origin IS NULL")
    return int(2 * deals - value(url, "SELECT count(*) FROM firings WHERE result = 'fired'"))
