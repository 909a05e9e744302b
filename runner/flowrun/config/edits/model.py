"""What may be done to a project's files, in the terms of the format: one class an edit.

Ids are those that the files have; a stage is named in full, `sales.won`. Values are plain data as `yamldoc.plain` has
it: texts, lists, maps, and None, which within a value is a null and instead of one takes the key away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowrun.yamldoc.plain import Plain


@dataclass(frozen=True, slots=True)
class NewStage:
    """A stage to be added; `outcome` is `won`, `lost` or None."""

    id: str
    name: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class AddTunnel:
    """A new tunnel. `keys` are all others; `file` is where to, None where its likes stand."""

    id: str
    sources: tuple[str, ...]
    target: str
    action: str
    keys: Mapping[str, Plain]
    file: str | None = None


@dataclass(frozen=True, slots=True)
class SetTunnel:
    """One key of a tunnel gets a value, or goes."""

    id: str
    key: str
    value: Plain


@dataclass(frozen=True, slots=True)
class RenameTunnel:
    """A tunnel gets another id, which `moved` tells."""

    id: str
    to: str


@dataclass(frozen=True, slots=True)
class RemoveTunnel:
    """A tunnel goes."""

    id: str


@dataclass(frozen=True, slots=True)
class AddPipeline:
    """A new pipeline. `file` is where to, None where most pipelines stand."""

    id: str
    name: str | None
    stages: tuple[NewStage, ...]
    file: str | None = None


@dataclass(frozen=True, slots=True)
class SetPipeline:
    """`name` or `calendar` of a pipeline gets a value, or goes."""

    id: str
    key: str
    value: Plain


@dataclass(frozen=True, slots=True)
class RenamePipeline:
    """A pipeline gets another id, which `moved` tells."""

    id: str
    to: str


@dataclass(frozen=True, slots=True)
class RemovePipeline:
    """A pipeline goes with its stages. `deals`: where those of each stage go, by the stage's short id."""

    id: str
    deals: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MovePipeline:
    """A pipeline goes before another, or to the end."""

    id: str
    before: str | None


@dataclass(frozen=True, slots=True)
class AddStage:
    """A new stage before another one of its pipeline, given by its short id, or at the end."""

    pipeline: str
    stage: NewStage
    before: str | None = None


@dataclass(frozen=True, slots=True)
class SetStage:
    """`name`, `outcome` or `requires` of a stage gets a value, or goes."""

    stage: str
    key: str
    value: Plain


@dataclass(frozen=True, slots=True)
class RenameStage:
    """A stage gets another short id, which `moved` tells."""

    stage: str
    to: str


@dataclass(frozen=True, slots=True)
class RemoveStage:
    """A stage goes; `removed` tells where its deals go, unless that is None."""

    stage: str
    deals_to: str | None


@dataclass(frozen=True, slots=True)
class MoveStage:
    """A stage goes before another one of its pipeline, given by its short id, or to the end."""

    stage: str
    before: str | None


Single = (
    AddTunnel
    | SetTunnel
    | RenameTunnel
    | RemoveTunnel
    | AddPipeline
    | SetPipeline
    | RenamePipeline
    | RemovePipeline
    | MovePipeline
    | AddStage
    | SetStage
    | RenameStage
    | RemoveStage
    | MoveStage
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Edits that are one step: made one after the other, all or none."""

    edits: tuple[Single, ...]


Edit = Single | Batch
