"""The flow: a whole configuration, resolved and frozen. What `validate` checks, `apply` stores and the engine obeys.

Pure values: no places in files, no environment, no secrets. Whatever the YAML leaves out is filled in here, so
that nothing below or above has to know a default. Ids are texts; a stage is its full reference, `sales.won`.
Where a name stands in the files is kept beside the flow, in `Places`, and is not part of its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from flowrun.calendars.calendar import Calendar as Calendar
from flowrun.calendars.durations import Duration
from flowrun.expr import Expression, Template
from flowrun.expr.types import Type, Value

BUILTINS = (
    "id",
    "title",
    "owner",
    "pipeline",
    "stage",
    "created_at",
    "updated_at",
    "entered_at",
    "origin",
    "origin_tunnel",
)
"""What every deal carries without declaring it (format.md, "Field types")."""

RESERVED = (*BUILTINS, "at", "entry", "seq")
"""Field ids that would collide: the built-ins, the store's own plain columns, and JSON Lines' `at`."""


JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What a JSON document may hold, with `dict` and `list` or their frozen likes."""

STORE = "store"
"""The type of source of a project whose deals live in its store."""


class Outcome(StrEnum):
    """How a deal ends that stands in the stage."""

    WON = "won"
    LOST = "lost"


class Action(StrEnum):
    """What a tunnel does with a deal."""

    COPY = "copy"
    MOVE = "move"


class Mode(StrEnum):
    """Whether a tunnel acts (`live`), only journals (`shadow`), or sleeps (`off`)."""

    LIVE = "live"
    SHADOW = "shadow"
    OFF = "off"


class Reason(StrEnum):
    """Why a tunnel has not fired for a deal: the one set of words, everywhere, in this order (semantics.md, "Journal").

    `CONDITION` and `REQUIREMENT` are about the values that the deal has; `DUE` and `WINDOW` pass with time; `DATE` is
    an empty field that the due instant counts from; `JUDGED` is the no of `watch: false`; `ERROR` is the database's.
    `PENDING`: a firing of the deal is on its way to where deals live; `SOURCE`: that place refuses it; `UNKNOWN`: it
    can't be told whether it happened there.
    """

    STAGE = "stage"
    MODE = "mode"
    PAUSED = "paused"
    EXISTING = "existing"
    ONCE = "once"
    DUE = "due"
    DATE = "date"
    WINDOW = "window"
    CONDITION = "condition"
    REQUIREMENT = "requirement"
    EXISTS = "exists"
    ORIGIN = "origin"
    HOPS = "hops"
    COPIES = "copies"
    BREAKER = "breaker"
    JUDGED = "judged"
    OVERFLOW = "overflow"
    ERROR = "error"
    PENDING = "pending"
    SOURCE = "source"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Var:
    """A typed constant, after environment and --var."""

    id: str
    type: Type
    value: Value


@dataclass(frozen=True, slots=True)
class Field:
    """What a deal carries beside the built-ins. `default` is None for "empty until someone fills it"."""

    id: str
    type: Type
    default: Value = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `id` is the full reference, `sales.won`; `name` is the label, the short id where none is given."""

    id: str
    name: str
    outcome: Outcome | None = None
    requires: tuple[str, ...] = ()

    @property
    def pipeline(self) -> str:
        """The id of the stage's pipeline."""
        return self.id.partition(".")[0]

    @property
    def short(self) -> str:
        """The stage's id within its pipeline."""
        return self.id.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The ordered stages of one process."""

    id: str
    name: str
    stages: tuple[Stage, ...]
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """`at:` a field's moment, moved by `offset`; `time` (ms since midnight, or None) then replaces the time of day."""

    field: str
    offset: Duration
    time: int | None = None


@dataclass(frozen=True, slots=True)
class UnlessExists:
    """Copy only if no other deal like it stands in `pipeline` (`open`: in a stage without outcome)."""

    same: tuple[str, ...]
    pipeline: str
    open: bool = True


@dataclass(frozen=True, slots=True)
class Rotate:
    """The next of `values` in turn, per tunnel."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A fixed value of the target's type; None empties it."""

    value: Value


Setting = Literal | Template | Rotate
"""What `set` may give a field, `title` or `owner`."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Trip on the firing that would be one more than `firings` within the last `per` milliseconds."""

    firings: int
    per: int


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A link from stages to a stage.

    `sources` are the resolved `from` stages (wildcards expanded, `except` taken out), in pipeline order; `target`
    is `to`. `after` is None without `after:` (at once). `copies` are the field ids a copy takes along (empty for a
    move). `set` keeps the order of the file. `origin_in` is None where it is not given.
    """

    id: str
    sources: tuple[str, ...]
    target: str
    action: Action
    description: str | None = None
    when: Expression | None = None
    watch: bool = True
    after: Duration | None = None
    at: At | None = None
    calendar: str | None = None
    window: str | None = None
    once_per_deal: bool = False
    unless_exists: UnlessExists | None = None
    copies: tuple[str, ...] = ()
    set: tuple[tuple[str, Setting], ...] = ()
    include_existing: bool = False
    breaker: Breaker | None = None
    mode: Mode = Mode.LIVE
    origin: bool = False
    origin_in: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """An identity's rename. `kind` is stage, pipeline, tunnel or field; the ids are without the `tunnels.` prefix."""

    kind: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Removed:
    """Where the deals of a removed stage go."""

    stage: str
    target: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Loop budgets: hops per deal and copies per lineage within the last `per` milliseconds."""

    max_hops: int = 10
    max_copies: int = 100
    per: int = 86_400_000


@dataclass(frozen=True, slots=True)
class Rails:
    """Thresholds. Beyond these `apply` needs --allow: deals taken by `existing: include`; percent of all deals. Beyond
    `deleted` percent of them, deals that are missing where they live are not taken as deleted (100: they are)."""

    existing: int = 1000
    share: int = 20
    deleted: int = 20


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where deals live: the kind of source, and its keys as they are written.

    A secret in `options` is the name of where it stands (`{env: NAME}`, `{file: PATH}`), never the secret.
    """

    type: str = STORE
    options: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def elsewhere(self) -> bool:
        """Whether deals live outside the store, so that firings have to be carried there."""
        return self.type != STORE


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret stands: in a variable of the environment, or in a file (a relative path starts where those of the
    source do). Exactly one of them is not None."""

    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Whom to tell of firings: those of `tunnels` (empty: of all) that came to one of `results`.

    What is told is signed with each of `secrets`: two while one takes the other's place.
    """

    id: str
    url: str
    secrets: tuple[SecretRef, ...]
    tunnels: tuple[str, ...] = ()
    results: tuple[str, ...] = ("fired",)


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole configuration. Mappings and tuples keep the order of the files (path, then position)."""

    project: str
    timezone: str = "UTC"
    vars: Mapping[str, Var] = field(default_factory=dict)
    fields: Mapping[str, Field] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    tunnels: Mapping[str, Tunnel] = field(default_factory=dict)
    moved: tuple[Moved, ...] = ()
    removed: tuple[Removed, ...] = ()
    source: SourceSpec = SourceSpec()
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    limits: Limits = Limits()
    rails: Rails = Rails()
    environment: str | None = None
    confirm: str | None = None

    @property
    def stages(self) -> Mapping[str, Stage]:
        """Every stage by its full reference, in pipeline order."""
        return {stage.id: stage for pipeline in self.pipelines.values() for stage in pipeline.stages}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the files: lines and columns from 1."""

    file: str
    line: int
    column: int


Places = Mapping[str, Place]
"""Where each named thing stands, by a dotted path: `tunnels.renewal`, `tunnels.renewal.when`, `sales.won`."""
