"""Values of the flow as an author writes them: `2h`, `[web, ads]`, `{field: renewal_on, offset: -90d}`.

For people and for comparing what they see; never read back. Each function that takes a thing apart returns its keys in
the order of the format, with None for a key that is not given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from flowrun.calendars.durations import Duration
from flowrun.clock import iso
from flowrun.expr.types import Kind, Type, Value
from flowrun.flow.model import (
    JSON,
    Action,
    At,
    Breaker,
    Calendar,
    Field,
    Flow,
    Literal,
    Pipeline,
    Rotate,
    Setting,
    SourceSpec,
    Stage,
    Tunnel,
    UnlessExists,
    Var,
    Webhook,
)

Keys = Mapping[str, str | None]
"""The keys of one thing with their text; None where the key is not given."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE = 60_000
_SECRET = frozenset({"env", "file"})
"""The keys of a reference to a secret, which is one value."""


def field_keys(field: Field) -> Keys:
    """The keys of a field."""
    return {**_type_keys(field.type), "default": _value_or_none(field.default, field.type)}


def var_keys(var: Var) -> Keys:
    """The keys of a variable; its value is that of the environment and the command line."""
    return {**_type_keys(var.type), "value": value_text(var.value, var.type)}


def calendar_keys(calendar: Calendar) -> Keys:
    """The keys of a calendar."""
    return {
        "timezone": calendar.timezone,
        "hours": _hours(calendar),
        "holidays": calendar.holidays,
        "closed": _dates(calendar.closed),
        "open": _dates(calendar.open),
    }


def pipeline_keys(pipeline: Pipeline) -> Keys:
    """The keys of a pipeline, but for its stages."""
    return {"name": None if pipeline.name == pipeline.id else pipeline.name, "calendar": pipeline.calendar}


def stage_keys(stage: Stage) -> Keys:
    """The keys of a stage."""
    return {
        "name": None if stage.name == stage.short else stage.name,
        "outcome": str(stage.outcome) if stage.outcome else None,
        "requires": list_text(stage.requires) if stage.requires else None,
    }


def tunnel_keys(tunnel: Tunnel, fields: Mapping[str, Field]) -> Keys:
    """The keys of a tunnel, in a flow with those fields."""
    keys: dict[str, str | None] = {
        "description": tunnel.description,
        "from": tunnel.sources[0] if len(tunnel.sources) == 1 else list_text(tunnel.sources),
        "to": tunnel.target,
        "action": str(tunnel.action),
        "after": str(tunnel.after) if tunnel.after else None,
        "at": at_text(tunnel.at) if tunnel.at else None,
        "calendar": tunnel.calendar,
        "window": tunnel.window,
        "when": expression_text(tunnel.when.text) if tunnel.when else None,
        "watch": _truth(tunnel.watch),
        "once": "deal" if tunnel.once_per_deal else "entry",
        "unless_exists": _unless_exists(tunnel.unless_exists) if tunnel.unless_exists else None,
        "fields": _copies(tunnel, fields),
    }
    keys |= {f"set.{name}": setting_text(setting, fields.get(name)) for name, setting in tunnel.set}
    return keys | {
        "existing": "include" if tunnel.include_existing else "skip",
        "breaker": _breaker(tunnel.breaker) if tunnel.breaker else None,
        "mode": str(tunnel.mode),
        "which": "origin" if tunnel.origin else "deal",
        "origin_in": None if tunnel.origin_in is None else list_text(tunnel.origin_in),
    }


def setting_keys(flow: Flow) -> Mapping[str, Keys]:
    """The settings of the whole flow, each with its keys; a single value is called `value`."""
    limits, rails = flow.limits, flow.rails
    return {
        "project": {"value": flow.project},
        "timezone": {"value": flow.timezone},
        "source": source_keys(flow.source),
        "limits": {
            "max_hops": str(limits.max_hops),
            "max_copies": str(limits.max_copies),
            "per": milliseconds_text(limits.per),
        },
        "rails": {"existing": str(rails.existing), "share": str(rails.share), "deleted": str(rails.deleted)},
        "environment": {"value": flow.environment},
        "confirm": {"value": flow.confirm},
    }


def source_keys(source: SourceSpec) -> Keys:
    """The keys of where deals live; those of a mapping within it each for itself, `columns.amount`."""
    return {"type": source.type, **dict(_leaves("", source.options))}


def webhook_keys(webhook: Webhook) -> Keys:
    """The keys of a webhook."""
    secrets = [f"{{env: {one.env}}}" if one.env is not None else f"{{file: {one.file}}}" for one in webhook.secrets]
    return {
        "url": webhook.url,
        "secret": secrets[0] if len(secrets) == 1 else list_text(secrets),
        "tunnels": list_text(sorted(webhook.tunnels)) if webhook.tunnels else None,
        "results": list_text(sorted(webhook.results)),
    }


def value_text(value: Value, type_: Type) -> str:
    """A value of that type; `null` for empty."""
    match value:
        case None:
            return "null"
        case bool():
            return _truth(value)
        case int() if type_.kind is Kind.DATETIME:
            return iso(value)
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case tuple():
            return list_text(value)
    return str(value)


def list_text(items: Iterable[str]) -> str:
    """`[a, b]`."""
    return f"[{', '.join(items)}]"


def milliseconds_text(length: int) -> str:
    """An exact length of time: `1d`, `90m` as `1h30m`."""
    days, rest = divmod(length, 86_400_000)
    return str(Duration(days=days, ms=rest))


def at_text(at: At) -> str:
    """`{field: renewal_on, offset: -90d, time: "09:00"}`."""
    parts = [f"field: {at.field}"]
    if not at.offset.zero:
        parts.append(f"offset: {at.offset}")
    if at.time is not None:
        parts.append(f'time: "{_time(at.time)}"')
    return f"{{{', '.join(parts)}}}"


def setting_text(setting: Setting, field: Field | None) -> str:
    """What `set` gives a field; None stands for the built-in `title` and `owner`."""
    if isinstance(setting, Literal):
        return value_text(setting.value, field.type if field else Type(Kind.TEXT))
    if isinstance(setting, Rotate):
        return f"{{rotate: {list_text(setting.values)}}}"
    return setting.text


_TOKEN = re.compile(r"""\s+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\w+|.""", re.DOTALL)


def tokens(expression: str) -> list[str]:
    """The words, texts and signs of an expression, without the spaces between them; texts in single quotes."""
    found = [token for token in _TOKEN.findall(expression) if not token.isspace()]
    return [f"'{token[1:-1]}'" if token[0] == '"' and not {"'", "\\"} & set(token) else token for token in found]


def expression_text(expression: str) -> str:
    """The expression on one line, as it is written but for its line breaks and indentation."""
    return "".join(" " if token.isspace() else token for token in _TOKEN.findall(expression)).strip()


def _leaves(prefix: str, options: Mapping[str, JSON]) -> Iterator[tuple[str, str]]:
    for name, value in options.items():
        if isinstance(value, Mapping) and value and not value.keys() <= _SECRET:
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", _json_text(value)


def _json_text(value: JSON) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return _truth(value)
        case Mapping():
            return f"{{{', '.join(f'{name}: {_json_text(one)}' for name, one in value.items())}}}"
        case str() | int() | float():
            return str(value)
    return list_text(_json_text(one) for one in value)


def _type_keys(type_: Type) -> Keys:
    return {
        "type": str(type_.kind),
        "places": str(type_.places) if type_.kind is Kind.DECIMAL else None,
        "values": list_text(type_.values) if type_.kind is Kind.ENUM else None,
    }


def _value_or_none(value: Value, type_: Type) -> str | None:
    return None if value is None else value_text(value, type_)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _dates(dates: Collection[date]) -> str | None:
    return list_text(day.isoformat() for day in sorted(dates)) if dates else None


def _unless_exists(unless: UnlessExists) -> str:
    return f"{{same: {list_text(unless.same)}, open: {_truth(unless.open)}, in: {unless.pipeline}}}"


def _breaker(breaker: Breaker) -> str:
    return f"{{firings: {breaker.firings}, per: {milliseconds_text(breaker.per)}}}"


def _copies(tunnel: Tunnel, fields: Mapping[str, Field]) -> str | None:
    if tunnel.action is Action.MOVE:
        return None
    if set(tunnel.copies) == set(fields):
        return "all"
    return list_text(tunnel.copies) if tunnel.copies else "none"


def _hours(calendar: Calendar) -> str:
    """Neighbouring days with the same hours together, in their declared order, which has a meaning (semantics, Due).

    `{mon-fri: "09:00-18:00", sat: ["10:00-12:00", "13:00-15:00"]}`
    """
    runs: list[list[int]] = []
    for day in calendar.declared:
        last = runs[-1][-1] if runs else None
        if last is not None and day == last + 1 and calendar.hours[day] == calendar.hours[last]:
            runs[-1].append(day)
        else:
            runs.append([day])
    parts = []
    for run in runs:
        days = _DAYS[run[0]] if len(run) == 1 else f"{_DAYS[run[0]]}-{_DAYS[run[-1]]}"
        parts.append(f"{days}: {_spans(calendar.hours[run[0]])}")
    return f"{{{', '.join(parts)}}}"


def _spans(spans: tuple[tuple[int, int], ...]) -> str:
    texts = [f'"{_time(start)}-{_time(end)}"' for start, end in spans]
    return texts[0] if len(texts) == 1 else list_text(texts)


def _time(ms: int) -> str:
    """Milliseconds since local midnight as `09:00`, with seconds where there are some."""
    minutes, rest = divmod(ms, _MINUTE)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{rest // 1000:02}" if rest else text
