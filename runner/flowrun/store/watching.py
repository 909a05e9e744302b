"""What a store has to watch for a flow: the fields whose change may make a tunnel fire, and what may be written."""

from __future__ import annotations

from flowrun.expr import Template
from flowrun.expr.types import Kind, Type
from flowrun.flow.model import Flow, Mode

TEXT_CHARACTERS = 1_000_000
"""The most characters of one text."""

WRITABLE_BUILTINS = ("title", "owner")
"""The built-ins that may be set like fields; both are text (format.md, "Field types")."""


def watched(flow: Flow) -> tuple[str, ...]:
    """The fields (and `title`, `owner`, `updated_at`) whose change may make a tunnel fire."""
    found: set[str] = set()
    stage_of = flow.stages
    for tunnel in flow.tunnels.values():
        if tunnel.mode is Mode.OFF:
            continue
        required = stage_of[tunnel.target].requires
        found.update(tunnel.when.reads if tunnel.when else ())
        found.update((tunnel.at.field,) if tunnel.at else ())
        found.update(required)
        for name, setting in tunnel.set:
            found.update(setting.reads if name in required and isinstance(setting, Template) else ())
    return tuple(name for name in (*WRITABLE_BUILTINS, "updated_at", *flow.fields) if name in found)


def asked_of_origins(flow: Flow) -> tuple[str, ...]:
    """The fields that a `which: origin` tunnel requires of the deal that it moves."""
    stage_of = flow.stages
    targets = {tunnel.target for tunnel in flow.tunnels.values() if tunnel.origin and tunnel.mode is not Mode.OFF}
    found = {name for target in targets for name in stage_of[target].requires}
    return tuple(name for name in (*WRITABLE_BUILTINS, *flow.fields) if name in found)


def expected(name: str, type_: Type) -> str:
    """What a value of that name must be, as a database's message says it (quotes doubled)."""
    what = {
        Kind.TEXT: "text",
        Kind.INTEGER: "an integer",
        Kind.DECIMAL: f"an integer: the decimal times 10 to the power of {type_.places}, of 18 digits at most",
        Kind.BOOLEAN: "0 or 1",
        Kind.DATE: "a date such as 2026-03-06",
        Kind.DATETIME: "an integer: milliseconds since 1970 in UTC",
        Kind.TAGS: "a JSON array of texts",
        Kind.ENUM: "one of " + ", ".join(type_.values),
    }[type_.kind]
    return f"{name} must be {what}".replace("'", "''")
