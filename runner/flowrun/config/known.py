"""What may be referred to, and what is said of a name that nothing has.

A name is only called unknown where that is certain: not while the part of a file that may declare it can't be read.
Then a near miss of a known name still is reported, since that is a typo in all likelihood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flowrun.config.findings import Findings
from flowrun.config.reading import Text, shown
from flowrun.diagnostics import Span
from flowrun.expr import Names, builtins
from flowrun.expr.types import TEXT, Type
from flowrun.flow.model import Pipeline, Stage

SETTABLE: Mapping[str, Type] = {"title": TEXT, "owner": TEXT}
"""The built-ins that a tunnel may set (format.md, "Field types")."""

_LISTED = 12
"""Names that a hint lists at most."""
_BUILTINS = frozenset(builtins((), ()))
_MENTION = re.compile(r"\b(deal|vars)\s*\.\s*(\w+)")


@dataclass(slots=True)
class Known:
    """The names of one project, as far as they are resolved.

    `unsure` are the names, as `deal.amount` or `vars.big`, that are declared in a way that can't be read, and
    `unsure_pipelines` the pipelines whose stages are not all known: nothing is said about what refers to them. Nor is
    anything about calendars that a tunnel has from `unsure_calendars`, the pipelines that name one which there is not.
    """

    findings: Findings
    complete: bool
    moved: Mapping[str, str] = field(default_factory=dict)
    """What `moved` says, word for word: such a name is told by its new one."""
    vars: Collection[str] = ()
    fields: dict[str, Type] = field(default_factory=dict)
    calendars: Collection[str] = ()
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    tunnels: Collection[str] = ()
    names: Names = field(default_factory=lambda: Names({}, {}))
    unsure: set[str] = field(default_factory=set)
    unsure_pipelines: set[str] = field(default_factory=set)
    unsure_calendars: set[str] = field(default_factory=set)
    passed_over: int = 0
    """How often something was not judged for these reasons."""

    @property
    def settable(self) -> dict[str, Type]:
        """Fields, title and owner."""
        return {**SETTABLE, **self.fields}

    def stage(self, ref: Text, key: str) -> str | None:
        """The stage that a reference names; None, and a finding, if there is none."""
        pipeline, dot, short = ref.partition(".")
        if not dot or not short:
            near = [stage for stage in self.stages if stage.partition(".")[2] == ref]
            hint = f"did you mean '{near[0]}'?" if near else None
            says = f"`{key}` must be a stage, written pipeline.stage, found {shown(ref)}"
            self.findings.error("FR501", says, ref.node.span, hint)
            return None
        if ref in self.stages:
            return str(ref)
        if not self.pipeline_part(ref, pipeline):
            return None
        if pipeline in self.unsure_pipelines:
            self.passed_over += 1
            return None
        span = ref.node.locate(len(pipeline) + 1, len(ref))
        some = [one.short for one in self.pipelines[pipeline].stages[: _LISTED + 1]]
        hint = self._renamed(ref) or self.findings.near(ref, self.stages) or _choices(some)
        self.findings.error("FR501", f"pipeline '{pipeline}' has no stage {shown(short)}", span, hint)
        return None

    def sources(self, ref: Text, key: str) -> tuple[str, ...]:
        """The stages that a reference names: one, or all of a pipeline for `sales.*`."""
        pipeline, _, short = ref.partition(".")
        if short == "*":
            return tuple(s.id for s in self.pipelines[pipeline].stages) if self.pipeline_part(ref, pipeline) else ()
        stage = self.stage(ref, key)
        return (stage,) if stage else ()

    def pipeline_part(self, ref: Text, pipeline: str) -> bool:
        """Whether the pipeline that a reference starts with exists; a finding if not."""
        if pipeline in self.pipelines:
            return True
        span = ref.node.locate(0, len(pipeline)) if pipeline else ref.node.span
        self._unknown("FR501", f"there is no pipeline {shown(pipeline)}", pipeline, self.pipelines, span)
        return False

    def field(self, ref: Text, *, also: Collection[str] = ()) -> str | None:
        """The field that a reference names, or one of `also`; None, and a finding, if there is none."""
        if ref in self.fields or ref in also:
            return str(ref)
        if ref in _BUILTINS:
            says = f"'{ref}' is a built-in, which has no place here"
            self.findings.error("FR502", says, ref.node.span, _choices([*self.fields, *also]))
        elif f"deal.{ref}" not in self.unsure:
            says, known = f"a deal has no field {shown(ref)}", [*self.fields, *also]
            self._unknown("FR502", says, ref, known, ref.node.span, self._renamed(ref, "fields."))
        else:
            self.passed_over += 1
        return None

    def calendar(self, ref: Text) -> str | None:
        """The calendar that a reference names; None, and a finding, if there is none."""
        return self._one("FR503", "calendar", ref, self.calendars)

    def no_calendar(self, says: str, span: Span) -> None:
        """Reports that a calendar has to be named, unless one may be declared where the files can't be read."""
        if not self.complete:
            self.passed_over += 1
            return
        hint = "declare one under `calendars`"
        if self.calendars:
            there = f": {', '.join(self.calendars)}" if len(self.calendars) <= _LISTED else ""
            hint = f"name one in `calendar`, of the tunnel or the pipeline{there}"
        self.findings.error("FR503", says, span, hint)

    def tunnel(self, ref: Text) -> str | None:
        """The tunnel that a reference names; None, and a finding, if there is none."""
        return self._one("FR504", "tunnel", ref, self.tunnels, "tunnels.")

    def var(self, ref: Text) -> str | None:
        """The variable that a reference names; None, and a finding, if there is none."""
        return self._one("FR505", "variable", ref, self.vars)

    def clear(self, text: str) -> bool:
        """Whether every name that an expression mentions is known for sure, or not at all."""
        if not any(f"{of}.{name}" in self.unsure for of, name in _MENTION.findall(text)):
            return True
        self.passed_over += 1
        return False

    def _one(self, code: str, noun: str, ref: Text, known: Collection[str], prefix: str | None = None) -> str | None:
        if ref in known:
            return str(ref)
        renamed = None if prefix is None else self._renamed(ref, prefix)
        self._unknown(code, f"there is no {noun} {shown(ref)}", ref, known, ref.node.span, renamed)
        return None

    def _renamed(self, ref: str, prefix: str = "") -> str | None:
        """What `moved` says of an old name; None where it says nothing."""
        new = self.moved.get(prefix + ref)
        return None if new is None else f"it is {shown(new.removeprefix(prefix))} now, by 'moved'"

    def _unknown(
        self, code: str, says: str, name: str, known: Collection[str], span: Span, hint: str | None = None
    ) -> None:
        near = hint or self.findings.near(name, known)
        if near or self.complete:
            self.findings.error(code, says, span, near or _choices(known))
        else:
            self.passed_over += 1


def _choices(known: Collection[str]) -> str | None:
    """A help line that lists what there is, unless that would be nothing or too much."""
    return f"choose from: {', '.join(known)}" if 0 < len(known) <= _LISTED else None
