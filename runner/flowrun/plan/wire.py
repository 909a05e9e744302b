"""The document of a saved plan as Pydantic models: what is published as `schemas/plan.v1.json` and checked on reading.

Keys may be added within a version, so unknown ones are passed over: the seal has already said that nobody put them
there who shouldn't.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"

Instant = Annotated[str, Field(pattern=_INSTANT)]
Count = Annotated[int, Field(ge=0)]


class Mismatch(ValueError):
    """The document is none of a saved plan; `str(error)` names the first key that is wrong."""


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Growing(BaseModel):
    """A record whose further keys are kept as they are."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class MakerRecord(_Record):
    """Who made the plan, and from where."""

    name: str | None = Field(description="The user.")
    host: str | None = Field(description="The machine.")
    commit: str | None = Field(description="The git commit of the files, where they are in a repository.")
    dirty: bool | None = Field(description="Whether the files were changed since that commit.")


class StoreRecord(_Record):
    """The store that the plan is for. All but its address is null for one without a revision: no store yet."""

    url: str = Field(description="Its address, without a password. A relative path is as it was written.")
    identity: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = Field(description="Its own, random identity.")
    revision: Annotated[int, Field(ge=1)] | None = Field(description="The number of its applied revision.")
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        description="The SHA-256 of that revision's flow."
    )


class PlaceRecord(_Record):
    """Where a thing stands in the files."""

    file: str
    line: Annotated[int, Field(ge=1)]
    column: Annotated[int, Field(ge=1)]


class KeyRecord(_Growing):
    """One key, before and after, as an author writes it; null where it is not given."""

    key: str
    before: str | None
    after: str | None


class ChangeRecord(_Growing):
    """One change of one thing."""

    action: Literal["add", "change", "rename", "remove"]
    kind: str = Field(description="setting, var, field, calendar, pipeline, stage, tunnel or webhook")
    id: str
    keys: list[KeyRecord]


class EffectRecord(_Growing):
    """What the plan does through one tunnel, in deals."""

    now: Count


class ImpactRecord(_Growing):
    """What the plan does to the live deals."""

    tunnels: dict[str, EffectRecord]
    deals: dict[str, Any] = Field(description="Counts: relocated, moved and copied at once, and more.")


class RefusalRecord(_Growing):
    """A rail that the plan runs into. `allow` is what lifts it, as --allow takes it; null where nothing does."""

    rail: str
    message: str
    allow: str | None


class DifferenceRecord(_Growing):
    """What `flowrun diff --format json` said when the plan was made."""

    base_revision: int | None
    changes: list[ChangeRecord]
    summary: dict[str, Count]
    impact: ImpactRecord
    refusals: list[RefusalRecord]


class PlanDocument(_Record):
    """A saved plan of flowrun. It is bound to its store byte for byte: whatever changes it makes it void."""

    version: Literal[1]
    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] = Field(description="Random; a store takes each plan once.")
    made_at: Instant = Field(description="When it was made.")
    valid_until: Instant = Field(description="When it expires.")
    author: MakerRecord
    store: StoreRecord
    environment: str | None = Field(description="The environment that the flow was resolved for; null: none.")
    variables: dict[str, str] = Field(description="The variables that the command line gave, as it gave them.")
    difference: DifferenceRecord
    flow: dict[str, Any] = Field(description="The whole configuration, with environment and variables resolved.")
    places: dict[str, PlaceRecord] = Field(description="Where things stand in the files, by a dotted path.")
    seal: Annotated[str, Field(pattern="^(hmac-sha256|sha256):[0-9a-f]{64}$")] = Field(
        description="Over every byte before this value: an HMAC with the store's key, or a digest for no store yet."
    )


def document(parsed: object) -> PlanDocument:
    """The document, checked. Raises Mismatch."""
    try:
        return PlanDocument.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Mismatch(f"{where or 'the document'}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


class _Generator(GenerateJsonSchema):
    """As Pydantic does it, without titles of fields, which only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schema() -> dict[str, Any]:
    """The published JSON Schema of saved plans."""
    generated = PlanDocument.model_json_schema(schema_generator=_Generator)
    generated["title"] = "flowrun: a saved plan, version 1"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}
