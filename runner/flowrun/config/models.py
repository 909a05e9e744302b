"""The format, version 1, as Pydantic models: one class a mapping, one field a key, with its default and what it means.

The JSON Schema in `schemas/` and the table of keys in `docs/reference` are generated from here. Source: format.md.
A key typed `T | None` without a default is required (see `reading` for why it may be None all the same).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, WithJsonSchema

from flowrun.config.hours import Hours
from flowrun.config.leaves import (
    ID,
    After,
    Count,
    Day,
    FieldId,
    Flag,
    Id,
    KindWord,
    Label,
    Number,
    Offset,
    Per,
    Percent,
    Places,
    Prose,
    Raw,
    TimeOfDay,
    Url,
    Version,
    ZoneName,
    word,
)
from flowrun.config.reading import Block, Many, Named, OneOrMore, Text
from flowrun.config.secrets import Secrets
from flowrun.flow.model import Action, Mode, Outcome

_VALUE = {
    "type": ["string", "number", "boolean", "null", "array"],
    "items": {"type": ["string", "number", "boolean", "null"]},
}


def _pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


StageRef = Annotated[Text, _pattern(rf"{ID}\.{ID}")]
_SOURCE = {"type": "string", "pattern": rf"^{ID}\.({ID}|\*)$"}
Sources = Annotated[
    OneOrMore[Text], WithJsonSchema({"anyOf": [_SOURCE, {"type": "array", "items": _SOURCE, "minItems": 1}]})
]
OldName = Annotated[Text, _pattern(rf"{ID}(\.{ID})?")]
Given = Annotated[Raw, WithJsonSchema(_VALUE)]


class Told(StrEnum):
    """What a firing may come to that a webhook is told of."""

    FIRED = "fired"
    EXISTS = "exists"
    DECLINED = "declined"
    PARKED = "parked"


class Once(StrEnum):
    """How often a tunnel may fire for one deal."""

    ENTRY = "entry"
    DEAL = "deal"


class Which(StrEnum):
    """Which deal a move moves."""

    DEAL = "deal"
    ORIGIN = "origin"


class Existing(StrEnum):
    """What becomes of the deals that stand in `from` when a tunnel goes live."""

    SKIP = "skip"
    INCLUDE = "include"


class Copied(StrEnum):
    """The short forms of `fields`."""

    ALL = "all"
    NONE = "none"


class Confirm(StrEnum):
    """How an environment wants an apply to be confirmed."""

    PLAN = "plan"


class VarBlock(Block):
    """A typed constant. An environment or --var may override it."""

    noun: ClassVar[str] = "a variable"

    type: KindWord | None = Field(description="text, integer, decimal, boolean, date, datetime, enum or tags")
    places: Places = Field(default=2, description="Decimal places, 0 to 6; of a decimal only.")
    values: Many[Label] = Field(default=(), description="The texts that it may have; of an enum only.")
    default: Given | None = Field(
        default=None, description="Its value. Without one, an environment or --var has to give the value."
    )


class FieldBlock(Block):
    """What a deal carries beside the built-ins. A bare type is short for {type: …}."""

    noun: ClassVar[str] = "a field"
    shorthand: ClassVar[str | None] = "type"

    type: KindWord | None = Field(description="text, integer, decimal, boolean, date, datetime, enum or tags")
    places: Places = Field(default=2, description="Decimal places, 0 to 6; of a decimal only.")
    values: Many[Label] = Field(default=(), description="The texts that it may have; of an enum only.")
    default: Given | None = Field(default=None, description="The value of new deals that bring none. Default: empty.")


class CalendarBlock(Block):
    """Opening hours, for `window` and for durations in bd and bh."""

    noun: ClassVar[str] = "a calendar"

    timezone: ZoneName | None = Field(default=None, description="IANA time zone. Default: the project's.")
    hours: Hours | None = Field(description='Open spans by weekday: {mon-fri: "09:00-18:00"}; 24:00 may end one.')
    holidays: Annotated[Text, _pattern("[A-Z]{2}(-.+)?")] | None = Field(
        default=None, description="Days off: country[-subdivision] of the `holidays` package, as RU or DE-BY."
    )
    closed: Many[Day] = Field(default=(), description="More days off; none of `open`.")
    open: Many[Day] = Field(default=(), description="Working days in spite of the rest.")


class StageBlock(Block):
    """A stage. A bare id is short for {id: …}."""

    noun: ClassVar[str] = "a stage"
    shorthand: ClassVar[str | None] = "id"

    id: Id | None = Field(description="Its id within the pipeline.")
    name: Label | None = Field(default=None, description="A label in any language. Default: the id.")
    outcome: Annotated[Outcome, word(Outcome)] | None = Field(
        default=None, description="won or lost: the deal has ended here. Default: it is open."
    )
    requires: Many[Text] = Field(
        default=(), description="Fields that must be filled before a tunnel may bring a deal here."
    )


class PipelineBlock(Block):
    """The stages of one process, in order."""

    noun: ClassVar[str] = "a pipeline"

    name: Label | None = Field(default=None, description="A label in any language. Default: the id.")
    calendar: Text | None = Field(default=None, description="The default calendar of tunnels from its stages.")
    stages: Many[StageBlock] | None = Field(description="Its stages, in order.", json_schema_extra={"minItems": 1})


class AtBlock(Block):
    """Due at a field's moment."""

    noun: ClassVar[str] = "`at`"

    field: Text | None = Field(description="A date or datetime field.")
    offset: Offset | None = Field(default=None, description="Moves the moment: -90d, 2h, 5bd. Default: not at all.")
    time: TimeOfDay | None = Field(default=None, description="Then replaces the local time of day.")


class UnlessExistsBlock(Block):
    """Copies only if no other deal like it is there."""

    noun: ClassVar[str] = "`unless_exists`"

    same: Many[Text] | None = Field(
        description="The fields whose non-empty values make two deals alike.", json_schema_extra={"minItems": 1}
    )
    open: Flag = Field(default=True, description="Looks at deals in stages without outcome only.")
    in_: Text | None = Field(default=None, alias="in", description="The pipeline to look in. Default: that of `to`.")


class RotateBlock(Block):
    """The next of some values in turn, per tunnel."""

    noun: ClassVar[str] = "a value of `set`"

    rotate: Many[Label] | None = Field(
        description="The values, of a text or enum field.", json_schema_extra={"minItems": 1}
    )


class BreakerBlock(Block):
    """Trips the tunnel on the firing that would be one too many."""

    noun: ClassVar[str] = "`breaker`"

    firings: Count | None = Field(description="How many firings are fine.")
    per: Per | None = Field(description="Within which time; exact and rolling.")


Set = Annotated[
    Raw,
    WithJsonSchema(
        {
            "anyOf": [
                _VALUE,
                {
                    "type": "object",
                    "properties": {"rotate": {"type": "array", "items": {"type": _VALUE["type"][:4]}, "minItems": 1}},
                    "required": ["rotate"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


CopiedFields = Annotated[
    Raw, WithJsonSchema({"anyOf": [{"enum": ["all", "none"]}, {"type": "array", "items": {"type": "string"}}]})
]


class TunnelBlock(Block):
    """A link from stages to a stage, which moves or copies each deal that reaches it."""

    noun: ClassVar[str] = "a tunnel"

    description: Prose | None = Field(default=None, description="What it is for.")
    from_: Sources | None = Field(
        alias="from",
        description="Where deals come from: a stage, all stages of a pipeline (`sales.*`), or a list of these.",
    )
    except_: Many[StageRef] = Field(default=(), alias="except", description="Stages taken out of a wildcard.")
    to: StageRef | None = Field(description="Where they go: a stage, not one of `from`.")
    action: Annotated[Action, word(Action)] | None = Field(description="copy or move")
    when: Text | None = Field(default=None, description="A condition. Default: always.")
    watch: Flag = Field(default=True, description="false: judge the condition once, when due.")
    after: After | None = Field(
        default=None, description="Due this long after the deal entered the stage. Default: at once."
    )
    at: AtBlock | None = Field(default=None, description="Due at a field's moment; instead of `after`.")
    window: Text | None = Field(default=None, description="Fires only while this calendar is open.")
    calendar: Text | None = Field(
        default=None, description="For bd and bh. Default: the calendar of the deal's pipeline, else the only one."
    )
    once: Annotated[Once, word(Once)] = Field(
        default=Once.ENTRY, description="entry: once per stage entry; deal: once in the deal's life."
    )
    unless_exists: UnlessExistsBlock | None = Field(
        default=None, description="copy only: not if a deal like it exists."
    )
    fields: CopiedFields | None = Field(
        default=None, description="copy only: what the copy takes along: all (default), none, or a list."
    )
    set: Named[Text, Set] = Field(
        default_factory=dict,
        description="Values given to fields, `title` or `owner`: literals, templates or {rotate: […]}.",
    )
    existing: Annotated[Existing, word(Existing)] = Field(
        default=Existing.SKIP, description="Deals that already stand in `from` when it goes live: skip or include."
    )
    breaker: BreakerBlock | None = Field(default=None, description="Trips the tunnel on too many firings.")
    mode: Annotated[Mode, word(Mode)] = Field(default=Mode.LIVE, description="live, shadow (journal only) or off.")
    which: Annotated[Which, word(Which)] = Field(
        default=Which.DEAL, description="move only: this deal, or its origin: the deal that it was copied from."
    )
    origin_in: Many[StageRef] | None = Field(
        default=None, description="With `which: origin`: only if the origin stands there."
    )


class MovedBlock(Block):
    """A rename: what had the id `from` is now `to`."""

    noun: ClassVar[str] = "an item of `moved`"

    from_: OldName | None = Field(
        alias="from", description="The old id: of a stage, a pipeline, `tunnels.old` or `fields.old`."
    )
    to: OldName | None = Field(description="The new id.")


class DealsToBlock(Block):
    """Where deals go."""

    noun: ClassVar[str] = "`deals`"

    to: StageRef | None = Field(description="A stage.")


class RemovedBlock(Block):
    """A stage that is gone, and where its deals go."""

    noun: ClassVar[str] = "an item of `removed`"

    stage: StageRef | None = Field(description="The stage that is gone.")
    deals: DealsToBlock | None = Field(description="Where its deals go.")


class SourceBlock(Block):
    """Where deals live. Each type has keys of its own beside it; the store has none."""

    noun: ClassVar[str] = "`source`"
    all_keys: ClassVar[bool] = False

    type: Text | None = Field(description="store, or another kind of source.")


class WebhookBlock(Block):
    """Whom to tell of firings, by signed POSTs (Standard Webhooks)."""

    noun: ClassVar[str] = "a webhook"

    url: Url | None = Field(description="Where to: http:// or https://.")
    secret: Secrets | None = Field(
        description="What it is signed with, `whsec_…`: {env: NAME} or {file: PATH}, or two while they change."
    )
    tunnels: Many[Text] = Field(default=(), description="Of which tunnels. Default: all.")
    results: Many[Annotated[Told, word(Told)]] = Field(
        default=(Told.FIRED,), description="Of which results: fired, exists, declined, parked. Default: [fired]."
    )


class LimitsBlock(Block):
    """What stops a loop."""

    noun: ClassVar[str] = "`limits`"

    max_hops: Count | None = Field(default=None, description="Hops of one deal within `per`. Default: 10.")
    max_copies: Count | None = Field(default=None, description="Copies of one lineage within `per`. Default: 100.")
    per: Per | None = Field(default=None, description="Exact and rolling. Default: 1d.")


class RailsBlock(Block):
    """Beyond which size something is taken for an accident."""

    noun: ClassVar[str] = "`rails`"

    existing: Number | None = Field(
        default=None,
        description="Deals that `existing: include` takes; beyond it `apply` needs --allow. Default: 1000.",
    )
    share: Percent | None = Field(
        default=None,
        description="Percent of all deals that are moved or copied at once; beyond it `apply` needs --allow. "
        "Default: 20.",
    )
    deleted: Percent | None = Field(
        default=None,
        description="Percent of all deals that may be missing at one reading of the place where they live; beyond it, "
        "or if all are, none is taken as deleted, and `status` says so. Five always may be; 100 lifts it. Default: 20.",
    )


class TunnelModeBlock(Block):
    """What an environment may say of a tunnel."""

    noun: ClassVar[str] = "a tunnel of an environment"

    mode: Annotated[Mode, word(Mode)] | None = Field(description="live, shadow (journal only) or off.")


class EnvironmentBlock(Block):
    """What differs where this environment is chosen."""

    noun: ClassVar[str] = "an environment"

    vars: Named[Text, Given] = Field(default_factory=dict, description="Values of variables.")
    tunnels: Named[Text, TunnelModeBlock | None] = Field(default_factory=dict, description="Modes of tunnels.")
    source: SourceBlock | None = Field(default=None, description="Where deals live.")
    webhooks: Named[Id, WebhookBlock | None] = Field(
        default_factory=dict, description="Whom to tell of firings, in place of all others."
    )
    limits: LimitsBlock | None = Field(default=None, description="Loop budgets.")
    rails: RailsBlock | None = Field(default=None, description="Thresholds of accidents.")
    confirm: Annotated[Confirm, word(Confirm)] | None = Field(
        default=None, description="plan: `apply` takes only a saved plan."
    )


class FlowFile(Block):
    """One file of flows. All files of a project share one namespace, so a key may stand in any of them."""

    noun: ClassVar[str] = "a flow file"

    flowrun: Annotated[Version, WithJsonSchema({"const": 1})] | None = Field(
        description="The version of this format: 1. Required in every file."
    )
    project: Label | None = Field(default=None, description="The project's name. Default: flows.")
    timezone: ZoneName | None = Field(default=None, description="IANA time zone of the project. Default: UTC.")
    vars: Named[FieldId, VarBlock | None] = Field(default_factory=dict, description="Typed constants.")
    fields: Named[FieldId, FieldBlock | None] = Field(
        default_factory=dict, description="What a deal carries beside the built-ins."
    )
    calendars: Named[Id, CalendarBlock | None] = Field(default_factory=dict, description="Opening hours.")
    pipelines: Named[Id, PipelineBlock | None] = Field(default_factory=dict, description="Processes with their stages.")
    tunnels: Named[Id, TunnelBlock | None] = Field(default_factory=dict, description="Links between stages.")
    moved: Many[MovedBlock] = Field(default=(), description="Renames: safe to keep, safe to apply again.")
    removed: Many[RemovedBlock] = Field(default=(), description="Stages that are gone.")
    source: SourceBlock | None = Field(default=None, description="Where deals live. Default: the store.")
    webhooks: Named[Id, WebhookBlock | None] = Field(default_factory=dict, description="Whom to tell of firings.")
    limits: LimitsBlock | None = Field(default=None, description="Loop budgets, per deal and per lineage.")
    rails: RailsBlock | None = Field(default=None, description="Thresholds of accidents.")
    environments: Named[Id, EnvironmentBlock | None] = Field(
        default_factory=dict, description="What differs by environment."
    )
