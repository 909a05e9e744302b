"""A flow as canonical JSON, and digests of it: what a revision is stored as, and what tells two of them apart.

The form is complete and has one spelling: equal flows give equal text. What is not set is left out, so that a later
version of the format with more keys gives old flows the same text. Things with an order are lists, since file order
is meaning; conditions and templates are their source text, parsed again on the way back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from flowrun.calendars.calendar import from_record as _read_calendar
from flowrun.calendars.calendar import to_record as _calendar
from flowrun.calendars.durations import Duration, parse_duration
from flowrun.expr import Expression, Names, Problem, Template, builtins, parse_condition, parse_template
from flowrun.expr.types import TEXT, Kind, Type
from flowrun.expr.values import from_json, to_json
from flowrun.flow.model import (
    Action,
    At,
    Breaker,
    Field,
    Flow,
    Limits,
    Literal,
    Mode,
    Moved,
    Outcome,
    Pipeline,
    Rails,
    Removed,
    Rotate,
    SecretRef,
    Setting,
    SourceSpec,
    Stage,
    Tunnel,
    UnlessExists,
    Var,
    Webhook,
)

VERSION = 1

Record: TypeAlias = dict[str, Any]

E = TypeVar("E", Expression, Template)

_VARS = re.compile(r"\bvars\s*\.\s*(\w+)")


class BadFlow(ValueError):
    """The text is no flow that this flowrun can read; `str(error)` is one line that says why."""


def dumps(flow: Flow) -> str:
    """The flow as canonical JSON."""
    return _canonical(_flow(flow))


@lru_cache(maxsize=4)
def loads(text: str) -> Flow:
    """The flow that `dumps` wrote. Raises BadFlow.

    The last few are remembered: a store is asked for its revision often.
    """
    try:
        record = json.loads(text)
        if record["version"] != VERSION:
            raise BadFlow(f"the flow is stored in version {record['version']}; this flowrun reads version {VERSION}")
        return _Reader(record).flow()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, BadFlow):
            raise
        raise BadFlow(f"the stored flow is damaged: {type(error).__name__}: {error}") from error


def once_per_deal(text: str) -> tuple[frozenset[str], Mapping[str, str]]:
    """The tunnels of `once: deal` of a flow that `dumps` wrote, and its tunnels' renames, without reading the rest."""
    record = json.loads(text)
    once = frozenset(item["id"] for item in record.get("tunnels", ()) if item.get("once_per_deal"))
    return once, {item["old"]: item["new"] for item in record.get("moved", ()) if item["kind"] == "tunnel"}


def digest(flow: Flow) -> str:
    """What identifies the flow: the SHA-256 of its canonical JSON, in hex."""
    return _sha256(_flow(flow))


def source_digest(source: SourceSpec) -> str:
    """What identifies the place where deals live: of the SHA-256 of its type and options, 16 hex digits."""
    return _sha256({"source": _source(source)})[:16]


def route_digest(flow: Flow, tunnel: str, calendar: str | None, requires: Sequence[str] | None = None) -> str:
    """What identifies what one tunnel does with the deals of one of its stages, as SHA-256 in hex: equal as long as it
    does the same, wherever else it leaves from.

    Its own content without the description and the stages that it leaves; the values of variables and types of fields
    that it uses; the project's zone, the calendars that count, what its target requires (with its defaults, which may
    fill it), the outcomes that `unless_exists` looks at, and the limits. `calendar` is that of the stage's pipeline,
    `requires` what the target stage requires (None: as the flow says).
    """
    one = flow.tunnels[tunnel]
    content = _tunnel(flow, one)
    for key in ("description", "sources", "calendar"):
        content.pop(key, None)
    own = _calendar_of(one, calendar)
    texts = [
        part.text for part in (one.when, *(value for _, value in one.set)) if isinstance(part, Expression | Template)
    ]
    vars_ = {name for text in texts for name in _VARS.findall(text)}
    reads = {name for part in (one.when, *(value for _, value in one.set)) for name in _reads(part)}
    reads |= {name for name, _ in one.set} | ({one.at.field} if one.at else set())
    reads |= set(one.unless_exists.same) if one.unless_exists else set()
    looked_at = flow.pipelines[one.unless_exists.pipeline].stages if one.unless_exists else ()
    read = [flow.fields[name] for name in sorted(reads & flow.fields.keys())]
    return _sha256(
        {
            "tunnel": content,
            "calendar": own,
            "vars": [_var(flow.vars[name]) for name in sorted(vars_ & flow.vars.keys())],
            "types": {field.id: _type(field.type) for field in read},
            "filled": [field.id for field in read if field.default is not None],
            "timezone": flow.timezone,
            "calendars": [_calendar(flow.calendars[id_]) for id_ in (own, one.window) if id_ and id_ in flow.calendars],
            "requires": {
                name: _field(flow.fields[name]) if name in flow.fields else {}
                for name in (flow.stages[one.target].requires if requires is None else requires)
            },
            "outcomes": {stage.id: stage.outcome for stage in looked_at if stage.outcome},
            "limits": _limits(flow.limits),
        }
    )


def _reads(part: Expression | Setting | None) -> Iterable[str]:
    return part.reads if isinstance(part, Expression | Template) else ()


def _calendar_of(tunnel: Tunnel, home: str | None) -> str | None:
    """The calendar of the tunnel's business time, if it has any, for deals of a pipeline whose own one is `home`."""
    lengths = (tunnel.after, tunnel.at and tunnel.at.offset)
    return (tunnel.calendar or home) if any(length and length.business for length in lengths) else None


def _sha256(record: Record) -> str:
    return hashlib.sha256(_canonical(record).encode()).hexdigest()


def _canonical(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# From the flow


def _record(**pairs: Any) -> Record:
    """A record of what is set: None and empty things are left out."""
    return {key: value for key, value in pairs.items() if value is not None and value != [] and value != {}}


def _flow(flow: Flow) -> Record:
    return _record(
        version=VERSION,
        project=flow.project,
        timezone=flow.timezone,
        vars=[_var(var) for var in flow.vars.values()],
        fields=[_field(field) for field in flow.fields.values()],
        calendars=[_calendar(calendar) for calendar in flow.calendars.values()],
        pipelines=[_pipeline(pipeline) for pipeline in flow.pipelines.values()],
        tunnels=[_tunnel(flow, tunnel) for tunnel in flow.tunnels.values()],
        moved=[{"kind": moved.kind, "old": moved.old, "new": moved.new} for moved in flow.moved],
        removed=[{"stage": removed.stage, "target": removed.target} for removed in flow.removed],
        source=_source(flow.source),
        webhooks=[_webhook(webhook) for webhook in flow.webhooks.values()],
        limits=_limits(flow.limits),
        rails=_rails(flow.rails),
        environment=flow.environment,
        confirm=flow.confirm,
    )


def _rails(rails: Rails) -> Record:
    """What came later than the first two is left out where it is the default, so that old digests hold."""
    deleted = None if rails.deleted == Rails().deleted else rails.deleted
    return _record(existing=rails.existing, share=rails.share, deleted=deleted)


def _type(type: Type) -> Record:  # noqa: A002
    places = type.places if type.kind is Kind.DECIMAL else None
    return _record(kind=type.kind, places=places, values=list(type.values))


def _var(var: Var) -> Record:
    return _record(id=var.id, type=_type(var.type), value=to_json(var.value, var.type))


def _field(field: Field) -> Record:
    return _record(id=field.id, type=_type(field.type), default=to_json(field.default, field.type))


def _pipeline(pipeline: Pipeline) -> Record:
    stages = [
        _record(id=stage.id, name=stage.name, outcome=stage.outcome, requires=list(stage.requires))
        for stage in pipeline.stages
    ]
    return _record(id=pipeline.id, name=pipeline.name, calendar=pipeline.calendar, stages=stages)


def _tunnel(flow: Flow, tunnel: Tunnel) -> Record:
    at, unless, breaker = tunnel.at, tunnel.unless_exists, tunnel.breaker
    types = _settable(flow.fields)
    return _record(
        id=tunnel.id,
        sources=list(tunnel.sources),
        target=tunnel.target,
        action=tunnel.action,
        description=tunnel.description,
        when=tunnel.when and tunnel.when.text,
        watch=None if tunnel.watch else False,
        after=None if tunnel.after is None else str(tunnel.after),
        at=at and _record(field=at.field, offset=str(at.offset), time=at.time),
        calendar=tunnel.calendar,
        window=tunnel.window,
        once_per_deal=tunnel.once_per_deal or None,
        unless_exists=unless and {"same": list(unless.same), "pipeline": unless.pipeline, "open": unless.open},
        copies=list(tunnel.copies),
        set=[[name, _setting(setting, types[name])] for name, setting in tunnel.set],
        include_existing=tunnel.include_existing or None,
        breaker=breaker and {"firings": breaker.firings, "per": breaker.per},
        mode=tunnel.mode,
        origin=tunnel.origin or None,
        origin_in=None if tunnel.origin_in is None else {"stages": list(tunnel.origin_in)},
    )


def _setting(setting: Setting, type: Type) -> Record:  # noqa: A002
    match setting:
        case Template():
            return {"template": setting.text}
        case Rotate():
            return {"rotate": list(setting.values)}
        case Literal():
            return {"literal": to_json(setting.value, type)}


def _limits(limits: Limits) -> Record:
    return {"max_hops": limits.max_hops, "max_copies": limits.max_copies, "per": limits.per}


def _source(source: SourceSpec) -> str | Record:
    """Without options the type alone, as in the flows of before there were any."""
    return {"type": source.type, "options": dict(source.options)} if source.options else source.type


def _webhook(webhook: Webhook) -> Record:
    return _record(
        id=webhook.id,
        url=webhook.url,
        secrets=[_record(env=secret.env, file=secret.file) for secret in webhook.secrets],
        tunnels=list(webhook.tunnels),
        results=list(webhook.results),
    )


def _settable(fields: Mapping[str, Field]) -> dict[str, Type]:
    return {"title": TEXT, "owner": TEXT, **{name: field.type for name, field in fields.items()}}


# Back to the flow


class _Reader:
    """Reads one stored flow. What is read first (fields, variables, stages) gives the names for conditions."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._vars = {item["id"]: _read_var(item) for item in record.get("vars", ())}
        self._fields = {item["id"]: _read_field(item) for item in record.get("fields", ())}
        self._pipelines = {item["id"]: _read_pipeline(item) for item in record.get("pipelines", ())}
        self._types = _settable(self._fields)
        stages = [stage.id for pipeline in self._pipelines.values() for stage in pipeline.stages]
        self._names = Names(
            {
                **builtins(stages, list(self._pipelines)),
                **{name: field.type for name, field in self._fields.items()},
            },
            {name: (var.type, var.value) for name, var in self._vars.items()},
        )

    def flow(self) -> Flow:
        record = self._record
        return Flow(
            project=record["project"],
            timezone=record["timezone"],
            vars=self._vars,
            fields=self._fields,
            calendars={item["id"]: _read_calendar(item) for item in record.get("calendars", ())},
            pipelines=self._pipelines,
            tunnels={item["id"]: self._tunnel(item) for item in record.get("tunnels", ())},
            moved=tuple(Moved(**item) for item in record.get("moved", ())),
            removed=tuple(Removed(**item) for item in record.get("removed", ())),
            source=_read_source(record["source"]),
            webhooks={item["id"]: _read_webhook(item) for item in record.get("webhooks", ())},
            limits=Limits(**record["limits"]),
            rails=Rails(**record["rails"]),
            environment=record.get("environment"),
            confirm=record.get("confirm"),
        )

    def _tunnel(self, item: Record) -> Tunnel:
        at, unless, origin_in = item.get("at"), item.get("unless_exists"), item.get("origin_in")
        return Tunnel(
            id=item["id"],
            sources=tuple(item["sources"]),
            target=item["target"],
            action=Action(item["action"]),
            description=item.get("description"),
            when=self._condition(item["when"]) if "when" in item else None,
            watch=item.get("watch", True),
            after=_duration(item["after"]) if "after" in item else None,
            at=At(at["field"], _duration(at["offset"]), at.get("time")) if at else None,
            calendar=item.get("calendar"),
            window=item.get("window"),
            once_per_deal=item.get("once_per_deal", False),
            unless_exists=UnlessExists(tuple(unless["same"]), unless["pipeline"], unless["open"]) if unless else None,
            copies=tuple(item.get("copies", ())),
            set=tuple((name, self._setting(setting, self._types[name])) for name, setting in item.get("set", ())),
            include_existing=item.get("include_existing", False),
            breaker=Breaker(**item["breaker"]) if "breaker" in item else None,
            mode=Mode(item["mode"]),
            origin=item.get("origin", False),
            origin_in=tuple(origin_in["stages"]) if origin_in else None,
        )

    def _condition(self, text: str) -> Expression:
        expression, problems = parse_condition(text, self._names)
        return _sure(expression, problems, text)

    def _setting(self, item: Record, type: Type) -> Setting:  # noqa: A002
        if "template" in item:
            template, problems = parse_template(item["template"], self._names, type)
            return _sure(template, problems, item["template"])
        if "rotate" in item:
            return Rotate(tuple(item["rotate"]))
        return Literal(from_json(item["literal"], type))


def _sure(parsed: E | None, problems: Iterable[Problem], text: str) -> E:
    if parsed is None:
        reason = "; ".join(problem.message for problem in problems)
        raise BadFlow(f"the stored expression {text!r} can't be read: {reason}")
    return parsed


def _read_source(item: str | Record) -> SourceSpec:
    return SourceSpec(item) if isinstance(item, str) else SourceSpec(item["type"], item["options"])


def _read_webhook(item: Record) -> Webhook:
    secrets = tuple(SecretRef(**secret) for secret in item["secrets"])
    return Webhook(item["id"], item["url"], secrets, tuple(item.get("tunnels", ())), tuple(item["results"]))


def _duration(text: str) -> Duration:
    return parse_duration(text, signed=True)


def _read_type(item: Record) -> Type:
    return Type(Kind(item["kind"]), item.get("places", 0), tuple(item.get("values", ())))


def _read_var(item: Record) -> Var:
    type = _read_type(item["type"])  # noqa: A001
    return Var(item["id"], type, from_json(item.get("value"), type))


def _read_field(item: Record) -> Field:
    type = _read_type(item["type"])  # noqa: A001
    return Field(item["id"], type, from_json(item.get("default"), type))


def _read_pipeline(item: Record) -> Pipeline:
    stages = tuple(
        Stage(
            id=stage["id"],
            name=stage["name"],
            outcome=Outcome(stage["outcome"]) if "outcome" in stage else None,
            requires=tuple(stage.get("requires", ())),
        )
        for stage in item["stages"]
    )
    return Pipeline(item["id"], item["name"], stages, item.get("calendar"))
