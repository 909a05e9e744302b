"""What a plan does to the live deals, as figures: the engine finds them, the rails and the renderers read them.

Everything is counted in deals, at the one instant of the diff. Money and other sums are in the unit of their field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from flowrun.expr.types import Value


class Figure(StrEnum):
    """What may come of a deal through a tunnel (cli.md, "The preview is true"); in the order in which it is shown.

    `ALREADY_DUE` are some of `NOW`: they would fire without the plan too. `NEWLY_WAITING` are some of `WAITING`: they
    didn't wait for that tunnel before.
    """

    NOW = "now"
    ALREADY_DUE = "already_due"
    WAITING = "waiting"
    NEWLY_WAITING = "newly_waiting"
    CANCELLED = "cancelled"
    RETIMED = "retimed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Effect:
    """What the plan does through one tunnel.

    `counts` has every figure. `later` are the least and the most milliseconds by which retimed deals are due later
    (negative: earlier), or None where none is. `samples` are ids of some of the deals, in the order of their creation,
    and `sums` the sums of the field that was asked for, both by figure and only where there are deals.
    """

    counts: Mapping[Figure, int] = field(default_factory=lambda: dict.fromkeys(Figure, 0))
    later: tuple[int, int] | None = None
    samples: Mapping[Figure, tuple[str, ...]] = field(default_factory=dict)
    sums: Mapping[Figure, Value] = field(default_factory=dict)

    def __getitem__(self, figure: Figure) -> int:
        return self.counts[figure]


class Loses(StrEnum):
    """How deals lose what a field holds; `FOREIGN`: a new field would take the column that another program made."""

    FIELD = "field"
    VALUE = "value"
    PLACES = "places"
    TYPE = "type"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Loss:
    """What deals lose of one field, by its old id: the field itself, one value of an enum, digits, or its type; or
    what they hold in another program's column, by its name.

    `what` is the enum's value, or for places and types `before → after`; None for a whole field. `deals` hold a value
    that is concerned; in `emptied` of them nothing of it is left.
    """

    how: Loses
    field: str
    deals: int
    emptied: int
    what: str | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """What the plan does to the live deals.

    `tunnels`: by the new flow's ids, in its order, then those that the plan removes, by their old ids. A tunnel
    that the plan doesn't change counts only deals that the plan concerns. `stages`: by old ids, how many deals
    stand in the stages that are renamed, merged or removed. `returning`: by new ids, how many deals get back what
    they held in a field that is declared again; no zeros. `relocated` and `moved`: deals, each once, and `copied`:
    copies, at once. `touched`: the deals, each once, that are moved, copied or relocated and wouldn't be without
    the plan. `left_won` of them leave a won stage for one that isn't; `existing` of them stood in their stage
    before the tunnel went live. `total`: all deals. `trips` are the tunnels whose breaker trips at once: what is
    due beyond it is held. `sums` of tunnels are of the field `summed` (None: none was asked for). `played` is False
    where the plan can't be applied as it is, since deals stand in a stage that goes: then nothing is known of
    tunnels. `underway`: firings on their way to where deals live; their deals are left out of all these counts, but
    for those of stages and fields. `unsettled` of them may have happened there, as far as anybody knows.
    """

    tunnels: Mapping[str, Effect] = field(default_factory=dict)
    stages: Mapping[str, int] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    returning: Mapping[str, int] = field(default_factory=dict)
    relocated: int = 0
    moved: int = 0
    copied: int = 0
    touched: int = 0
    left_won: int = 0
    existing: int = 0
    total: int = 0
    trips: tuple[str, ...] = ()
    underway: int = 0
    unsettled: int = 0
    played: bool = True
    summed: str | None = None

    def of(self, tunnel: str) -> Effect:
        """The effect of that tunnel: nothing, if it has none."""
        return self.tunnels.get(tunnel, _NOTHING)


_NOTHING = Effect()
