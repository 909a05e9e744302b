"""A scenario: deals, what happens to them as time passes, and what is expected of it (format.md, "Scenarios").

Pure values, resolved: instants are milliseconds UTC, values are of their fields' types, stages and tunnels exist. What
a failure must point at carries its span.

A deal is named by its id; a copy, whose id nobody knows beforehand, by `<deal>~<tunnel>`: the latest copy of that deal
that this tunnel made. `~` stands in no id of a deal that people make, so the two can't be mistaken; names chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowrun.diagnostics import Span
from flowrun.expr.types import Value
from flowrun.flow.model import Reason

COPY = "~"
"""Between a deal and the tunnel that made its copy."""


@dataclass(frozen=True, slots=True)
class Named:
    """A deal as a scenario names it, and where."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Add:
    """A new deal, with the values that it brings."""

    id: str
    stage: str
    values: tuple[tuple[str, Value], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Set:
    """Somebody changes fields of a deal; None empties one."""

    deal: Named
    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody moves a deal."""

    deal: Named
    stage: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Somebody deletes a deal."""

    deal: Named


@dataclass(frozen=True, slots=True)
class Until:
    """Time passes until that instant; everything due on the way happens at its own."""

    instant: int
    span: Span


@dataclass(frozen=True, slots=True)
class Restart:
    """The process dies and starts again."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The value that is expected of a field, `title`, `owner`, or the stage (`at`); None: empty."""

    field: str
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedDeal:
    """A deal, and what it must look like."""

    deal: Named
    looks: tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class ExpectedCount:
    """How many deals stand in a stage."""

    stage: str
    count: int
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedCopy:
    """A copy that a tunnel made of a deal, and what it must look like."""

    of: Named
    tunnel: str
    looks: tuple[Looked, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedFiring:
    """A firing since the last `expect`. `time` is the instant at which it must have been, or None for any."""

    deal: Named
    tunnel: str
    time: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedRest:
    """A tunnel that has not fired for a deal since the last `expect`, and why, or None for whatever reason.

    `why` is where the reason stands; `span` is the whole.
    """

    deal: Named
    tunnel: str
    because: Reason | None
    why: Span
    span: Span


@dataclass(frozen=True, slots=True)
class Expect:
    """What must be so at this instant. `exact` is where `exact: true` stands, or None without it."""

    deals: tuple[ExpectedDeal, ...]
    counts: tuple[ExpectedCount, ...]
    copies: tuple[ExpectedCopy, ...]
    fired: tuple[ExpectedFiring, ...]
    rests: tuple[ExpectedRest, ...]
    exact: Span | None
    span: Span


Step = Set | Move | Add | Delete | Until | Restart | Expect


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test. `now` is its first instant, `given` enter their stages then; `span` is where its name stands."""

    name: str
    now: int
    given: tuple[Add, ...]
    steps: tuple[Step, ...]
    span: Span
