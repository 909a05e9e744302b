"""Scenario files, `*.test.yaml`, as Pydantic models: one class a mapping, one field a key (format.md, "Scenarios").

Beside `models`, which has flow files: nothing here is part of what is applied. Mappings that hold a deal's fields
leave those keys to `scenarios`, which knows the project's fields.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from flowrun.config.leaves import Flag, Label, Number, Per, Version, flag, word
from flowrun.config.models import StageRef
from flowrun.config.reading import Block, Many, Named, Text, Unreadable
from flowrun.flow.model import Reason
from flowrun.yamldoc import Node

_SCALAR = {"type": ["string", "number", "boolean", "null"]}


def _filled(key: str) -> Any:
    return Field(default=(), description=key, json_schema_extra={"minItems": 1})


def _true(node: Node) -> bool:
    if flag(node):
        return True
    raise Unreadable("FR404", "must be true, or left out", node.span)


Moment = Annotated[Text, WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:"})]
"""A date and time, local to the project's zone or with an offset; read when the zone is known."""
DealName = Annotated[Text, WithJsonSchema(_SCALAR)]
True_ = Annotated[bool, PlainValidator(_true), WithJsonSchema({"const": True})]


class AddBlock(Block):
    """A deal that enters its stage at this instant. All further keys are fields, `title` or `owner`."""

    noun: ClassVar[str] = "a deal"
    all_keys: ClassVar[bool] = False

    id: DealName | None = Field(description="Its id, by which the scenario names it.")
    at: StageRef | None = Field(description="The stage that it enters.")


class SetBlock(Block):
    """Somebody changes a deal. All further keys are fields, `title` or `owner`; null empties one."""

    noun: ClassVar[str] = "`set`"
    all_keys: ClassVar[bool] = False

    deal: DealName | None = Field(description="Which deal.")


class MoveBlock(Block):
    """Somebody moves a deal to a stage."""

    noun: ClassVar[str] = "`move`"

    deal: DealName | None = Field(description="Which deal.")
    to: StageRef | None = Field(description="A stage.")


class ExpectedDealBlock(Block):
    """What a deal must look like. All further keys are fields, `title` or `owner`; null expects it to be empty."""

    noun: ClassVar[str] = "an expected deal"
    all_keys: ClassVar[bool] = False

    at: StageRef | None = Field(default=None, description="The stage that it stands in.")


class ExpectedCopyBlock(Block):
    """A copy that must be there. All further keys are fields, `title` or `owner`, as in `deals`."""

    noun: ClassVar[str] = "an expected copy"
    all_keys: ClassVar[bool] = False

    of: DealName | None = Field(description="The deal that it was made of.")
    tunnel: Text | None = Field(description="The tunnel that made it.")
    at: StageRef | None = Field(default=None, description="The stage that it stands in.")


class FiredBlock(Block):
    """A tunnel that has fired for a deal since the `expect` before; in `shadow`: has journalled that it would."""

    noun: ClassVar[str] = "an item of `fired`"

    deal: DealName | None = Field(description="Which deal.")
    tunnel: Text | None = Field(description="Which tunnel.")
    time: Moment | None = Field(default=None, description="When exactly. Default: any time.")


class NotFiredBlock(Block):
    """A tunnel that has not fired for a deal since the `expect` before."""

    noun: ClassVar[str] = "an item of `not_fired`"

    deal: DealName | None = Field(description="Which deal.")
    tunnel: Text | None = Field(description="Which tunnel.")
    because: Annotated[Reason, word(Reason)] | None = Field(
        default=None, description="What holds it back: the word that `flowrun explain` has for it. Default: anything."
    )


class ExpectBlock(Block):
    """What must be so at this instant. What it does not name is not looked at."""

    noun: ClassVar[str] = "`expect`"

    deals: Named[DealName, ExpectedDealBlock | None] = Field(
        default_factory=dict, description="Deals, and what they must look like."
    )
    count: Named[Text, Number] = Field(default_factory=dict, description="How many deals stand in a stage.")
    copies: Many[ExpectedCopyBlock] = _filled("Copies that must be there, each one of its own.")
    fired: Many[FiredBlock] = _filled("What has fired since the `expect` before, or since the start.")
    not_fired: Many[NotFiredBlock] = _filled("What has not fired since the `expect` before, and why.")
    exact: Flag = Field(
        default=False, description="Nothing else has fired since the `expect` before than `fired` and `copies` name."
    )


class StepBlock(Block):
    """One thing that happens; exactly one of these keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    noun: ClassVar[str] = "a step"

    set: SetBlock | None = Field(default=None, description="Somebody changes a deal.")
    move: MoveBlock | None = Field(default=None, description="Somebody moves a deal.")
    add: AddBlock | None = Field(default=None, description="A new deal comes.")
    delete: DealName | None = Field(default=None, description="Somebody deletes this deal.")
    advance: Per | None = Field(
        default=None, description="Time passes: days on the wall clock, then exact time, as in `after`."
    )
    until: Moment | None = Field(default=None, description="Time passes until then.")
    restart: True_ | None = Field(
        default=None, description="true: the process dies and starts again, which must change nothing."
    )
    expect: ExpectBlock | None = Field(default=None, description="What must be so now.")


class ScenarioBlock(Block):
    """One scenario."""

    noun: ClassVar[str] = "a scenario"

    name: Label | None = Field(description="What it shows, in a sentence.")
    now: Moment | None = Field(description="The instant at which it begins; local to the project's zone.")
    given: Many[AddBlock] = Field(default=(), description="Deals that enter their stages at that instant.")
    steps: Many[StepBlock] | None = Field(description="What happens, in order.", json_schema_extra={"minItems": 1})


class ScenarioFile(Block):
    """One file of scenarios, `*.test.yaml`."""

    noun: ClassVar[str] = "a scenario file"

    flowrun: Annotated[Version, WithJsonSchema({"const": 1})] | None = Field(
        description="The version of this format: 1."
    )
    tests: Many[ScenarioBlock] | None = Field(description="The scenarios.", json_schema_extra={"minItems": 1})
