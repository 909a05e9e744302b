"""The one namespace that all files of a project share: their blocks, merged, before any of it has a meaning.

A second declaration of the same thing is an error that names both places; the first one counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flowrun.config.findings import Findings
from flowrun.config.models import (
    CalendarBlock,
    EnvironmentBlock,
    FieldBlock,
    FlowFile,
    LimitsBlock,
    MovedBlock,
    PipelineBlock,
    RailsBlock,
    RemovedBlock,
    SourceBlock,
    TunnelBlock,
    VarBlock,
    WebhookBlock,
)
from flowrun.config.reading import Block, Text, nothing
from flowrun.diagnostics import Related, Span
from flowrun.yamldoc import Mapping, Sequence

T = TypeVar("T", bound=Block)

_NOUNS = {
    "vars": "variable",
    "fields": "field",
    "calendars": "calendar",
    "pipelines": "pipeline",
    "tunnels": "tunnel",
    "webhooks": "webhook",
    "environments": "environment",
}
"""The sections that are maps, and what each holds."""

_SETTINGS = ("project", "timezone", "source", "limits", "rails")
_LISTS = ("moved", "removed")


@dataclass(frozen=True, slots=True)
class Declared(Generic[T]):
    """One declaration. `block` is None where it could not be read at all."""

    id: Text
    block: T | None

    @property
    def span(self) -> Span:
        """Where its id stands."""
        return self.id.node.span


@dataclass(slots=True)
class Namespace:
    """Everything that the files declare. `complete` is False where a part of some file could not be read at all."""

    complete: bool = True
    project: Text | None = None
    timezone: str | None = None
    source: SourceBlock | None = None
    limits: LimitsBlock | None = None
    rails: RailsBlock | None = None
    vars: dict[str, Declared[VarBlock]] = field(default_factory=dict)
    fields: dict[str, Declared[FieldBlock]] = field(default_factory=dict)
    calendars: dict[str, Declared[CalendarBlock]] = field(default_factory=dict)
    pipelines: dict[str, Declared[PipelineBlock]] = field(default_factory=dict)
    tunnels: dict[str, Declared[TunnelBlock]] = field(default_factory=dict)
    webhooks: dict[str, Declared[WebhookBlock]] = field(default_factory=dict)
    environments: dict[str, Declared[EnvironmentBlock]] = field(default_factory=dict)
    moved: list[MovedBlock] = field(default_factory=list)
    removed: list[RemovedBlock] = field(default_factory=list)
    settings: dict[str, Span] = field(default_factory=dict)
    """Where each setting that is written stands."""

    def add(self, file: FlowFile, findings: Findings) -> None:
        """Merges one file, in path order."""
        for section, noun in _NOUNS.items():
            self._declare(getattr(self, section), getattr(file, section), noun, findings)
        for section in _LISTS:
            getattr(self, section).extend(getattr(file, section))
        for setting in _SETTINGS:
            self._set(setting, file, findings)
        for section in (*_NOUNS, *_LISTS):
            shape = Mapping if section in _NOUNS else Sequence
            if file.has(section) and not isinstance(node := file.node_of(section), shape) and not nothing(node):
                self.complete = False

    @staticmethod
    def _declare(known: dict[str, Any], more: dict[Text, Any], noun: str, findings: Findings) -> None:
        for name, block in more.items():
            if name in known:
                declared_twice(findings, f"{noun} '{name}'", name.node.span, known[name].span)
            else:
                known[str(name)] = Declared(name, block)

    def _set(self, setting: str, file: FlowFile, findings: Findings) -> None:
        if not file.has(setting):
            return
        span = file.place_of(setting)
        if setting in self.settings:
            declared_twice(findings, f"`{setting}`", span, self.settings[setting])
        else:
            self.settings[setting] = span
            setattr(self, setting, getattr(file, setting))


def declared_twice(findings: Findings, what: str, again: Span, first: Span) -> None:
    """Reports a second declaration, with the place of the first."""
    findings.error("FR510", f"{what} is declared twice", again, None, Related("first declared here", first))
