"""What a run has to tell while it goes on: for its log, and for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from flowrun.engine.runner import Totals
from flowrun.engine.tick import Tick
from flowrun.store.runners import Registered


@dataclass(frozen=True, slots=True)
class Began:
    """The run has begun, with that revision; `endless` says whether it goes on until it is stopped."""

    runner: Registered
    revision: int
    endless: bool


@dataclass(frozen=True, slots=True)
class Listening:
    """Health and metrics are served at that address; `deals`: deals are taken there too."""

    url: str
    deals: bool = False


@dataclass(frozen=True, slots=True)
class Ticked:
    """A tick is done; `totals` are of the run so far, and go on changing."""

    tick: Tick
    totals: Totals
    endless: bool


@dataclass(frozen=True, slots=True)
class Retried:
    """Others wrote the same at once: a tick was undone, and is done again."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is wrong, and the run goes on. `about` is one word for counts (`ABOUT`)."""

    message: str
    about: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was told of as wrong is over."""

    message: str
    about: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """Deals were brought in from where they live, at an instant of the project's zone: how many were added, changed,
    moved, are gone, or can't be read. `example` says of one of these where it is and why; null where there are none."""

    at: int
    timezone: str
    added: int
    changed: int
    moved: int
    gone: int
    bad: int
    endless: bool = False
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """Firings were carried out where the deals live, at an instant of the project's zone. `results` counts them by kind
    of route and what they came to, `by_tunnel` by tunnel (`settlement.Settled` has the words)."""

    at: int
    timezone: str
    results: dict[tuple[str, str], int]
    by_tunnel: dict[tuple[str, str], int]
    endless: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """Webhooks were told of firings, or could not be: how many by webhook and what came of it (`taken`, `failed`,
    `gone`, or `dead`: given up)."""

    counts: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; `signal` (SIGTERM, SIGINT) is what ended it, null where it came to its end by itself."""

    totals: Totals
    signal: str | None


Event: TypeAlias = Began | Listening | Ticked | Retried | Warned | Recovered | Pulled | Carried | Delivered | Ended

ABOUT = ("clock", "deals", "register", "server", "source", "store", "webhooks")
"""What the troubles of a run are about: the clock stepped back, the database turned deals down, the register of runners
or the server of metrics failed, the place where deals live or the store was away, webhooks could not be told."""
