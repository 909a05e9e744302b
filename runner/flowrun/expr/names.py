"""What an expression may name, with the types: the fields and built-ins of a deal, and the variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowrun.expr.types import DATETIME, TEXT, Type, Value, enum


@dataclass(frozen=True, slots=True)
class Names:
    """The fields and built-ins of a deal with their types, and the variables with types and values."""

    deal: Mapping[str, Type]
    vars: Mapping[str, tuple[Type, Value]]


def builtins(stages: Sequence[str], pipelines: Sequence[str]) -> dict[str, Type]:
    """The types of what every deal has, given all stages (`sales.won`) and pipelines (format.md, "Built-ins")."""
    return {
        "id": TEXT,
        "title": TEXT,
        "owner": TEXT,
        "pipeline": enum(*pipelines),
        "stage": enum(*stages),
        "created_at": DATETIME,
        "updated_at": DATETIME,
        "entered_at": DATETIME,
        "origin": TEXT,
        "origin_tunnel": TEXT,
    }
