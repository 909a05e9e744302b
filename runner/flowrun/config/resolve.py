"""From the namespace of all files to the flow: types, values, references, defaults.

What can't be resolved is reported and left out; the rest goes on, so the flow that comes out is a true part of what
the files mean even where they have errors, and the checks of the graph can look at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flowrun.calendars.days_off import UnknownHolidays, check_code
from flowrun.calendars.zones import zone
from flowrun.config.environments import (
    check_environments,
    given_everywhere,
    limits,
    modes,
    put_origins,
    rails,
)
from flowrun.config.findings import Findings
from flowrun.config.history import History
from flowrun.config.known import SETTABLE, Known
from flowrun.config.models import (
    CalendarBlock,
    EnvironmentBlock,
    FieldBlock,
    PipelineBlock,
    StageBlock,
    VarBlock,
)
from flowrun.config.namespace import Declared, Namespace, declared_twice
from flowrun.config.overrides import Overrides
from flowrun.config.reading import Text, Unreadable, shown
from flowrun.config.sites import Sites
from flowrun.config.sources import Kinds
from flowrun.config.tunnels import Tunnels
from flowrun.config.values import read_value
from flowrun.config.webhooks import webhooks
from flowrun.diagnostics import Related, Span
from flowrun.expr import LocalTime, Names, builtins
from flowrun.expr.types import Kind, Type, Value
from flowrun.flow.model import Calendar, Field, Flow, Pipeline, Stage, Tunnel, Var
from flowrun.yamldoc import Node, Scalar, Sequence

DEFAULT_PROJECT = "flows"
MAX_VALUES = 1_000
"""Values of an enum: beyond it, it is data and no part of a configuration."""
RESERVED_PIPELINES = frozenset({"tunnels", "fields", "vars"})
"""format.md, "Ids": they are prefixes in `moved`."""
RESERVED_FIELDS = frozenset(
    {"at", "entry", "seq"}  # keys of deals in JSON and scenarios, columns of the deals' table
    | {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}  # PostgreSQL lets no column have these names
    | {"rowid", "oid"}  # a column of SQLite's own
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the files mean, as far as they mean anything, and where it stands."""

    flow: Flow
    sites: Sites
    known: Known


def resolve(namespace: Namespace, overrides: Overrides, findings: Findings, kinds: Kinds) -> Resolved:
    """The flow that the namespace declares. `kinds` are the sources that there are, beside the store."""
    return _Resolver(namespace, overrides, findings, kinds).resolve()


class _Resolver:
    def __init__(self, namespace: Namespace, overrides: Overrides, findings: Findings, kinds: Kinds) -> None:
        self._kinds = kinds
        self._namespace = namespace
        self._overrides = overrides
        self._findings = findings
        self._sites = Sites()
        self._zone: LocalTime = zone(namespace.timezone or "UTC")
        moved = {str(block.from_): str(block.to) for block in namespace.moved if block.from_ and block.to}
        self._known = Known(findings, namespace.complete, moved)

    def resolve(self) -> Resolved:
        namespace, known = self._namespace, self._known
        self._place()
        chosen = self._overrides.choose(namespace, self._findings)
        environment = chosen.block if chosen else None
        put_origins(chosen, self._sites)
        known.vars = namespace.vars.keys()
        known.tunnels = namespace.tunnels.keys()
        known.calendars = namespace.calendars.keys()
        types = self._types()
        variables = self._variables(types, environment)
        fields = self._fields()
        calendars = self._calendars()
        self._pipelines()
        self._check_variables(types)
        source = check_environments(namespace, known, self._kinds, environment)
        known.names = Names(
            {**builtins(list(known.stages), list(known.pipelines)), **known.fields},
            {var.id: (var.type, var.value) for var in variables.values()},
        )
        if known.unsure_pipelines:
            known.unsure |= {"deal.stage", "deal.pipeline"}
        tunnels = self._tunnels(environment)
        moved, removed = History(namespace, known, self._sites, self._findings).resolve()
        flow = Flow(
            project=str(namespace.project or DEFAULT_PROJECT),
            timezone=namespace.timezone or "UTC",
            vars=variables,
            fields=fields,
            calendars=calendars,
            pipelines=dict(known.pipelines),
            tunnels=tunnels,
            moved=moved,
            removed=removed,
            source=source,
            webhooks=webhooks(namespace, known, environment, self._findings),
            limits=limits(namespace.limits, environment.limits if environment else None),
            rails=rails(namespace.rails, environment.rails if environment else None),
            environment=self._overrides.environment if environment else None,
            confirm=str(environment.confirm) if environment and environment.confirm else None,
        )
        return Resolved(flow, self._sites, known)

    def _place(self) -> None:
        namespace, put = self._namespace, self._sites.put
        for prefix, declared in (
            ("tunnels.", namespace.tunnels),
            ("fields.", namespace.fields),
            ("vars.", namespace.vars),
            ("", namespace.pipelines),
            ("calendars/", namespace.calendars),
            ("webhooks/", namespace.webhooks),
            ("environments/", namespace.environments),
        ):
            for name, one in declared.items():
                put(prefix + name, one.span)
        for setting, span in namespace.settings.items():
            put(f"settings/{setting}", span)

    # Types and values

    def _types(self) -> dict[str, Type]:
        """The types of the variables, where they can be made out."""
        types = {name: self._type(declared.block) for name, declared in self._namespace.vars.items()}
        return {name: kind for name, kind in types.items() if kind is not None}

    def _type(self, block: FieldBlock | VarBlock | None) -> Type | None:
        """The declared type, or None where it can't be made out."""
        if block is None or block.type is None:
            return None
        kind = block.type
        for key, owner in (("places", Kind.DECIMAL), ("values", Kind.ENUM)):
            if not block.has(key):
                continue
            if kind is not owner:
                self._findings.error("FR408", f"`{key}` is only for the type {owner}", block.place_of(key))
            elif not block.sound:
                return None
        if kind is not Kind.ENUM:
            return Type(kind, places=block.places if kind is Kind.DECIMAL else 0)
        if not block.values:
            place = block.place_of("values" if block.has("values") else "type")
            self._findings.error("FR402", "an enum needs `values`, a list of its texts", place)
            return None
        if len(block.values) > MAX_VALUES:
            says = f"an enum has at most {MAX_VALUES:,} values, found {len(block.values):,}"
            self._findings.error("FR404", says, block.place_of("values"), "use a text")
            return None
        seen: dict[str, Text] = {}
        for value in block.values:
            if value in seen:
                declared_twice(self._findings, f"the value {shown(value)}", value.node.span, seen[value].node.span)
            seen.setdefault(str(value), value)
        return Type(kind, values=tuple(seen))

    def _variables(self, types: dict[str, Type], environment: EnvironmentBlock | None) -> dict[str, Var]:
        """Every variable with its value: that of --var, else of the environment, else its default."""
        variables: dict[str, Var] = {}
        given = {str(name): (name, node) for name, node in environment.vars.items()} if environment else {}
        self._overrides.check_names(self._namespace.vars, self._findings)
        for name, declared in self._namespace.vars.items():
            before = self._findings.errors
            block, of = declared.block, types.get(name)
            if block is not None and of is not None:
                value = self._value("default", block.default, of)
                if name in self._overrides.variables:
                    value = self._overrides.value(name, of, self._zone, self._findings)
                    self._sites.put(f"from/vars.{name}.value", self._overrides.span(name))
                elif name in given:
                    key, node = given[name]
                    value = self._value(name, node, of)
                    self._sites.put(f"from/vars.{name}.value", key.node.span)
                elif block.default is None and self._overrides.everywhere and given_everywhere(self._namespace, name):
                    self._known.unsure.add(f"vars.{name}")
                elif block.default is None:
                    hint = f"give it a `default`, or a value in an environment or with --var {name}=…"
                    self._findings.error("FR402", f"variable '{name}' has no value", declared.span, hint)
                variables[name] = Var(name, of, value)
            if name not in variables or self._findings.errors > before:
                self._known.unsure.add(f"vars.{name}")
        return variables

    def _fields(self) -> dict[str, Field]:
        fields: dict[str, Field] = {}
        taken = builtins((), ())
        for name, declared in self._namespace.fields.items():
            if name in taken or name in RESERVED_FIELDS:
                what = "a built-in of every deal" if name in taken else "a name that flowrun needs itself"
                self._findings.error("FR406", f"'{name}' is {what}", declared.span, "choose another id")
                continue
            block, of = declared.block, self._type(declared.block)
            if block is None or of is None:
                self._known.unsure.add(f"deal.{name}")
                continue
            fields[name] = Field(name, of, self._value("default", block.default, of))
            self._known.fields[name] = of
        return fields

    def _value(self, key: str, node: Node | None, of: Type) -> Value:
        """The value that stands under a key, None if nothing does; None, and a finding, if it does not fit."""
        try:
            return None if node is None else read_value(node, of, self._zone)
        except Unreadable as error:
            self._findings.error(error.code, f"`{key}` {error.says}", error.span, error.hint)
            return None

    # Calendars and pipelines

    def _calendars(self) -> dict[str, Calendar]:
        calendars: dict[str, Calendar] = {}
        for name, declared in self._namespace.calendars.items():
            block = declared.block
            if block is None:
                continue
            holidays = self._holidays(block)
            self._check_days(block)
            if block.hours is not None:
                calendars[name] = Calendar(
                    id=name,
                    timezone=block.timezone or self._namespace.timezone or "UTC",
                    hours=block.hours.hours,
                    declared=block.hours.declared,
                    holidays=holidays,
                    closed=block.closed,
                    open=block.open,
                )
        return calendars

    def _holidays(self, block: CalendarBlock) -> str | None:
        if block.holidays is None:
            return None
        try:
            check_code(block.holidays)
        except UnknownHolidays as error:
            self._findings.error("FR414", str(error), block.holidays.node.span, error.hint)
            return None
        return str(block.holidays)

    def _check_days(self, block: CalendarBlock) -> None:
        """A day can't be both closed and open."""
        both = set(block.open) & set(block.closed)
        if not both:
            return
        opened, closed = _items(block, "open"), _items(block, "closed")
        for day in map(date.isoformat, sorted(both)):
            also = Related("it is closed here", closed[day])
            self._findings.error("FR415", f"{day} is both open and closed", opened[day], "remove one of them", also)

    def _pipelines(self) -> None:
        for name, declared in self._namespace.pipelines.items():
            if name in RESERVED_PIPELINES:
                says = f"'{name}' is no id for a pipeline: it is a section of the file"
                self._findings.error("FR406", says, declared.span, "choose another id")
            self._pipeline(name, declared)

    def _pipeline(self, pipeline: str, declared: Declared[PipelineBlock]) -> None:
        block = declared.block
        stages: dict[str, Stage] = {}
        places: dict[str, Text] = {}
        for one in block.stages or () if block else ():
            if one.id is None:
                continue
            if one.id in places:
                first = places[one.id].node.span
                declared_twice(self._findings, f"stage '{pipeline}.{one.id}'", one.id.node.span, first)
                continue
            places[one.id] = one.id
            self._sites.put(f"{pipeline}.{one.id}", one.id.node.span)
            stages[one.id] = self._stage(pipeline, one)
        if block is None or block.stages is None or _hidden_stages(block):
            self._known.unsure_pipelines.add(pipeline)
        elif not block.stages:
            self._findings.error("FR404", "`stages` must have at least one stage", block.place_of("stages"))
            self._known.unsure_pipelines.add(pipeline)
        calendar = self._known.calendar(block.calendar) if block and block.calendar else None
        if block is None or (calendar is None and block.has("calendar")):
            self._known.unsure_calendars.add(pipeline)
        name = str(block.name) if block and block.name else pipeline
        self._known.pipelines[pipeline] = Pipeline(pipeline, name, tuple(stages.values()), calendar)
        self._known.stages.update({stage.id: stage for stage in stages.values()})

    def _stage(self, pipeline: str, block: StageBlock) -> Stage:
        requires = [name for ref in block.requires if (name := self._known.field(ref, also=SETTABLE))]
        return Stage(
            id=f"{pipeline}.{block.id}",
            name=str(block.name or block.id),
            outcome=block.outcome,
            requires=tuple(dict.fromkeys(requires)),
        )

    # The rest

    def _tunnels(self, environment: EnvironmentBlock | None) -> dict[str, Tunnel]:
        given = modes(environment)
        resolver = Tunnels(self._known, self._zone, self._sites, self._findings)
        tunnels: dict[str, Tunnel] = {}
        for name, declared in self._namespace.tunnels.items():
            tunnel = resolver.resolve(declared, given.get(name))
            if tunnel is not None:
                tunnels[name] = tunnel
        return tunnels

    def _check_variables(self, types: dict[str, Type]) -> None:
        """The values that each environment gives to variables, whichever is chosen."""
        for declared in self._namespace.environments.values():
            for name, node in declared.block.vars.items() if declared.block else ():
                if self._known.var(name) and str(name) in types:
                    self._value(name, node, types[str(name)])


def _hidden_stages(block: PipelineBlock) -> bool:
    """Whether some stage could not be read so far as its id."""
    written = block.node_of("stages")
    readable = [stage for stage in block.stages or () if stage.id is not None]
    return isinstance(written, Sequence) and len(written.items) > len(readable)


def _items(block: CalendarBlock, key: str) -> dict[str, Span]:
    """Where each text stands in the list under the key."""
    node = block.node_of(key)
    items = node.items if isinstance(node, Sequence) else ()
    return {item.text: item.span for item in items if isinstance(item, Scalar)}
