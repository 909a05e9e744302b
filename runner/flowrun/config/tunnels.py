"""One tunnel, from its block to its meaning: references found, defaults filled in, conditions and values parsed.

Source of the rules: the comments of format.md's example, and its "Values".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowrun.calendars.durations import Duration
from flowrun.config.findings import Findings
from flowrun.config.known import SETTABLE, Known
from flowrun.config.leaves import exact
from flowrun.config.models import AtBlock, Copied, Existing, Once, RotateBlock, TunnelBlock, Which
from flowrun.config.namespace import Declared
from flowrun.config.reading import Text, Unreadable, found, read, shown
from flowrun.config.sites import Sites
from flowrun.config.values import read_value
from flowrun.diagnostics import did_you_mean
from flowrun.expr import Expression, LocalTime, Problem, Template, has_template, parse_condition, parse_template
from flowrun.expr.types import Kind, Type
from flowrun.flow.model import (
    Action,
    At,
    Breaker,
    Literal,
    Mode,
    Rotate,
    Setting,
    Tunnel,
    UnlessExists,
)
from flowrun.yamldoc import Mapping, Node, Scalar, Sequence

_COPY_ONLY = ("unless_exists", "fields")
_MOVE_ONLY = ("which", "origin_in")
_UNKNOWN_NAMES = frozenset({"FR203", "FR204", "FR215"})
"""Problems of expressions that a part of a file which can't be read may be the reason of."""


class Tunnels:
    """Resolves the tunnels of one project."""

    def __init__(self, known: Known, zone: LocalTime, sites: Sites, findings: Findings) -> None:
        self._known = known
        self._zone = zone
        self._sites = sites
        self._findings = findings

    def resolve(self, declared: Declared[TunnelBlock], mode: Mode | None) -> Tunnel | None:
        """The tunnel, in `mode` if an environment sets it; None, and findings, if anything of it is wrong."""
        block = declared.block
        if block is None:
            return None
        before = self._findings.errors, self._known.passed_over
        path = f"tunnels.{declared.id}"
        for key in _written(block):
            self._sites.put(f"{path}.{key.text}", key.span)
        self._check_keys(block)
        target = self._known.stage(block.to, "to") if block.to else None
        sources = self._sources(block, target)
        tunnel = Tunnel(
            id=str(declared.id),
            sources=sources,
            target=target or "",
            action=block.action or Action.MOVE,
            description=str(block.description) if block.description else None,
            when=self._condition(str(declared.id), block),
            watch=block.watch,
            after=block.after,
            at=self._at(block.at),
            calendar=self._calendar(block, sources),
            window=self._known.calendar(block.window) if block.window else None,
            once_per_deal=block.once is Once.DEAL,
            unless_exists=self._unless_exists(block, target),
            copies=self._copies(block),
            set=tuple(self._settings(block)),
            include_existing=block.existing is Existing.INCLUDE,
            breaker=_breaker(block),
            mode=mode or block.mode,
            origin=block.which is Which.ORIGIN,
            origin_in=self._origin_in(block),
        )
        return tunnel if block.sound and before == (self._findings.errors, self._known.passed_over) else None

    def _check_keys(self, block: TunnelBlock) -> None:
        """Keys that make no sense beside others."""
        wrong: list[tuple[str, str, str | None]] = []
        if block.action is Action.MOVE:
            wrong += [(key, f"`{key}` is only for `action: copy`", None) for key in _COPY_ONLY]
        if block.action is Action.COPY:
            wrong += [(key, f"`{key}` is only for `action: move`", None) for key in _MOVE_ONLY]
        elif block.which is not Which.ORIGIN:
            wrong.append(("origin_in", "`origin_in` needs `which: origin`", None))
        if block.has("after"):
            wrong.append(("at", "a tunnel has either `after` or `at`", "remove one; `at` has an `offset`"))
        for key, says, hint in wrong:
            if block.has(key):
                self._findings.error("FR408", says, block.place_of(key), hint)

    def _sources(self, block: TunnelBlock, target: str | None) -> tuple[str, ...]:
        """The stages of `from`, less `except` and, for a wildcard, less `to`; in the order of the pipelines."""
        before = self._findings.errors, self._known.passed_over
        stages: set[str] = set()
        for ref in block.from_ or ():
            named = self._known.sources(ref, "from")
            if target in named and not ref.endswith(".*"):
                says = f"`from` has the stage {shown(ref)} that `to` names; a tunnel leads to another stage"
                self._findings.error("FR413", says, ref.node.span)
            stages.update(named)
        for ref in block.except_:
            stage = self._known.stage(ref, "except")
            if stage and stage not in stages and before == (self._findings.errors, self._known.passed_over):
                self._findings.error(
                    "FR408", f"`except` takes out {shown(ref)}, which `from` does not have", ref.node.span
                )
            stages.discard(stage or "")
        stages.discard(target or "")
        if not stages and block.from_ is not None and before == (self._findings.errors, self._known.passed_over):
            self._findings.error("FR404", "`from` names no stage that deals could come from", block.place_of("from"))
        return tuple(stage for stage in self._known.stages if stage in stages)

    def _condition(self, tunnel: str, block: TunnelBlock) -> Expression | None:
        if block.when is None:
            return None
        self._sites.put_condition(tunnel, block.when.node)
        if not self._known.clear(block.when):
            return None
        expression, problems = parse_condition(str(block.when), self._known.names)
        self._report(problems, block.when.node)
        return expression

    def _at(self, block: AtBlock | None) -> At | None:
        if block is None or block.field is None or self._known.field(block.field) is None:
            return None
        of = self._known.fields[block.field]
        if of.kind not in {Kind.DATE, Kind.DATETIME}:
            says = f"`at` needs a date or datetime field, but '{block.field}' is of type {of}"
            self._findings.error("FR409", says, block.field.node.span)
        return At(str(block.field), block.offset or Duration(), block.time)

    def _calendar(self, block: TunnelBlock, sources: tuple[str, ...]) -> str | None:
        """The calendar of business time: the tunnel's, that of its stages' pipelines, or the only one.

        None where there is no business time, and where the pipelines differ: then it is that of the deal's.
        """
        if block.has("calendar"):
            return self._known.calendar(block.calendar) if block.calendar else None
        offset = block.at.offset if block.at else None
        if block.after and block.after.business:
            place = block.node_of("after").span
        elif block.at and offset and offset.business:
            place = block.at.node_of("offset").span
        else:
            return None
        pipelines = {stage.partition(".")[0] for stage in sources}
        if not pipelines.isdisjoint(self._known.unsure_calendars):
            self._known.passed_over += 1
            return None
        calendars = {self._known.pipelines[pipeline].calendar for pipeline in pipelines}
        if None in calendars and len(self._known.calendars) != 1:
            self._known.no_calendar("business time (bd, bh) needs a calendar", place)
            return None
        calendars = {calendar or next(iter(self._known.calendars)) for calendar in calendars}
        return calendars.pop() if len(calendars) == 1 else None

    def _unless_exists(self, block: TunnelBlock, target: str | None) -> UnlessExists | None:
        unless = block.unless_exists
        if unless is None:
            return None
        same = [name for ref in unless.same or () if (name := self._known.field(ref, also=SETTABLE))]
        if unless.same == ():
            self._findings.error("FR404", "`same` must name at least one field", unless.place_of("same"))
        pipeline = target.partition(".")[0] if target else ""
        if unless.in_ and self._known.pipeline_part(unless.in_, str(unless.in_)):
            pipeline = str(unless.in_)
        return UnlessExists(tuple(dict.fromkeys(same)), pipeline, unless.open)

    def _copies(self, block: TunnelBlock) -> tuple[str, ...]:
        if block.action is not Action.COPY:
            return ()
        match block.fields:
            case None:
                return tuple(self._known.fields)
            case Scalar(text=Copied.ALL):
                return tuple(self._known.fields)
            case Scalar(text=Copied.NONE):
                return ()
            case Sequence(items=items):
                scalars = [Text(item) for item in items if isinstance(item, Scalar)]
                named = {self._known.field(ref) for ref in scalars if ref not in SETTABLE}
                return tuple(name for name in self._known.fields if name in named)
            case node:
                says = f"`fields` must be all, none or a list of fields, found {found(node)}"
                hint = did_you_mean(node.text, Copied) if isinstance(node, Scalar) else None
                self._findings.error("FR404", says, node.span, hint)
                return ()

    def _origin_in(self, block: TunnelBlock) -> tuple[str, ...] | None:
        if block.origin_in is None:
            return None
        return tuple(stage for ref in block.origin_in if (stage := self._known.stage(ref, "origin_in")))

    def _settings(self, block: TunnelBlock) -> Iterator[tuple[str, Setting]]:
        settable = self._known.settable
        for key, node in block.set.items():
            of = settable.get(key)
            if of is None:
                self._unsettable(key)
                continue
            try:
                setting = self._setting(key, node, of)
            except Unreadable as error:
                self._findings.error(error.code, f"`{key}` {error.says}", error.span, error.hint)
            else:
                if setting is not None:
                    yield str(key), setting

    def _unsettable(self, key: Text) -> None:
        if key in self._known.names.deal and key not in self._known.fields:
            hint = "a tunnel sets fields, `title` and `owner`; the stage is what `to` says"
            self._findings.error("FR408", f"`{key}` can't be set", key.node.span, hint)
        else:
            self._known.field(key, also=SETTABLE)

    def _setting(self, key: Text, node: Node, of: Type) -> Setting | None:
        if isinstance(node, Mapping):
            return self._rotation(key, node, of)
        if isinstance(node, Scalar) and has_template(node.text):
            return self._template(node, of)
        return Literal(read_value(node, of, self._zone))

    def _template(self, node: Scalar, of: Type) -> Template | None:
        if not self._known.clear(node.text):
            return None
        template, problems = parse_template(node.text, self._known.names, of)
        self._report(problems, node)
        return template

    def _rotation(self, key: Text, node: Mapping, of: Type) -> Rotate | None:
        block = read(RotateBlock, node, self._findings, key.node)
        if block is None or block.rotate is None:
            return None
        if of.kind not in {Kind.TEXT, Kind.ENUM}:
            says = f"`rotate` is for text and enum fields, but '{key}' is of type {of}"
            self._findings.error("FR409", says, block.place_of("rotate"))
            return None
        if not block.rotate:
            self._findings.error("FR404", "`rotate` must have at least one value", block.place_of("rotate"))
        for value in block.rotate:
            if has_template(value):
                self._findings.error("FR409", "`rotate` takes texts, no templates", value.node.span)
            else:
                read_value(value.node, of, self._zone)
        return Rotate(tuple(str(value) for value in block.rotate))

    def _report(self, problems: Iterable[Problem], scalar: Scalar) -> None:
        for problem in problems:
            certain = self._known.complete or problem.code not in _UNKNOWN_NAMES
            if certain or "did you mean" in f"{problem.message} {problem.help}":
                span = scalar.locate(problem.start, problem.end)
                self._findings.error(problem.code, problem.message, span, problem.help)
            else:
                self._known.passed_over += 1


def _written(block: TunnelBlock) -> Iterator[Scalar]:
    """The keys as they stand in the file."""
    if isinstance(block.node, Mapping):
        for entry in block.node.entries:
            yield entry.key


def _breaker(block: TunnelBlock) -> Breaker | None:
    if block.breaker is None or block.breaker.firings is None or block.breaker.per is None:
        return None
    return Breaker(block.breaker.firings, exact(block.breaker.per))
