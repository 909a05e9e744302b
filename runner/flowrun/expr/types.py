"""The types of values that a deal carries and a condition computes with.

A value in Python is one of: `str` (text, enum), `int`, `decimal.Decimal`, `bool`, `datetime.date`, an instant
as `int` milliseconds (datetime), a sorted `tuple[str, ...]` without repetitions (tags), or None for empty.
There is one empty: an empty text and a set without members are None (format.md, "Field types").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

Value = str | int | Decimal | bool | date | tuple[str, ...] | None
"""A typed value; see the module's docstring for which Python type stands for which kind."""

DIGITS = 18
"""The most digits a decimal or a product may have in all (format.md): 10**18 still fits a 64-bit integer."""

MAX_PLACES = 6
"""The most decimal places of a field or a product (format.md)."""


class Kind(StrEnum):
    """What sort of value it is; the names are those of the format."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    ENUM = "enum"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Type:
    """A type: a kind with its parameters.

    `places` counts for decimals only (0-6); `values` are an enum's allowed texts, in their declared order.
    """

    kind: Kind
    places: int = 0
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.kind)


TEXT = Type(Kind.TEXT)
INTEGER = Type(Kind.INTEGER)
BOOLEAN = Type(Kind.BOOLEAN)
DATE = Type(Kind.DATE)
DATETIME = Type(Kind.DATETIME)
TAGS = Type(Kind.TAGS)


def decimal(places: int = 2) -> Type:
    """A decimal type with that many places."""
    return Type(Kind.DECIMAL, places=places)


def enum(*values: str) -> Type:
    """An enum type of those texts."""
    return Type(Kind.ENUM, values=values)
