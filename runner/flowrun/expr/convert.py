"""A value of one type as one of another: what is left of the values of a field whose type changes.

Only what is exact is kept, with one exception: fewer places round, half to even. Whatever has no exact counterpart
becomes empty. A text counts as what it would be if someone gave it to a field of the new type (`values.read`).
"""

from __future__ import annotations

from decimal import Decimal

from flowrun.expr.functions import round_half_even
from flowrun.expr.types import DIGITS, Kind, Type, Value
from flowrun.expr.values import BadValue, LocalTime, read, scaled, unscaled, write


def keeps_all(old: Type, new: Type) -> bool:
    """Whether every value of the old type is stored as the same value of the new one."""
    if old.kind is not new.kind:
        return False
    if old.kind is Kind.ENUM:
        return bool(old.values) and set(old.values) <= set(new.values)
    return old.places == new.places


def converted(value: Value, old: Type, new: Type, zone: LocalTime) -> Value:
    """The value of type `old` as one of type `new`; None if it is empty, or nothing of it is left.

    Local times are of `zone`.
    """
    if value is None:
        return None
    match old.kind, new.kind:
        case Kind.ENUM, Kind.ENUM:
            return value if value in new.values else None
        case Kind.DECIMAL, Kind.DECIMAL:
            return _rescaled(scaled(value, old.places), new.places - old.places, new.places)
        case before, after if before is after:
            return value
        case _, Kind.TEXT:
            return write(value, old, zone)
        case Kind.TEXT | Kind.ENUM, _:
            try:
                return read(str(value), new, zone)
            except BadValue:
                return None
        case Kind.INTEGER, Kind.DECIMAL:
            return _rescaled(scaled(value, 0), new.places, new.places)
        case Kind.DECIMAL, Kind.INTEGER:
            assert isinstance(value, Decimal)
            return int(value) if value == value.to_integral_value() else None
        case _:
            return None


def _rescaled(number: int, more: int, places: int) -> Decimal | None:
    """A scaled integer with that many more digits after the point, `places` in all; None beyond those of a decimal."""
    moved = number * 10**more if more >= 0 else round_half_even(number, -more)
    return unscaled(moved, places) if abs(moved) < 10**DIGITS else None
