"""Public holidays, by the code of a country and perhaps a part of it: `RU`, `DE-BY`.

The one door to the `holidays` package, which knows them; it is loaded when a calendar first asks, since that takes a
tenth of a second. Its days are its public holidays with their substitutes ("observed"), in the years that it has: for
most countries until 2100, and none beyond.
"""

from __future__ import annotations

import warnings
from datetime import date
from functools import cache, lru_cache

from flowrun.diagnostics import did_you_mean, excerpt

_LISTED = 60
"""Subdivisions that a hint lists at most: the states of the largest federations."""


class UnknownHolidays(ValueError):
    """No holidays are known by that code; `str(error)` is one line, `hint` what to write, if that can be said."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


@cache
def holiday_codes() -> tuple[str, ...]:
    """Every code there is, sorted: countries by their two letters, and with a dash each of their subdivisions."""
    codes = [*_countries(), *(f"{country}-{part}" for country, parts in _countries().items() for part in parts)]
    return tuple(sorted(codes))


def check_code(code: str) -> None:
    """Raises UnknownHolidays unless `code` is one of `holiday_codes()`."""
    country, dash, part = code.partition("-")
    parts = _countries().get(country)
    if parts is None:
        raise UnknownHolidays(f"no holidays are known for '{excerpt(country)}'", _near_country(country))
    if not dash or part in parts:
        return
    if not parts:
        raise UnknownHolidays(f"the holidays of {country} are known for the whole country only", f"write '{country}'")
    near = did_you_mean(part.upper(), parts)
    few = f"choose from: {', '.join(parts)}" if len(parts) <= _LISTED else None
    raise UnknownHolidays(f"no holidays are known for '{excerpt(part)}' of {country}", near or few)


@lru_cache(maxsize=16_384)
def days_off(code: str, year: int) -> frozenset[date]:
    """The holidays of that year. Raises UnknownHolidays."""
    check_code(code)
    from holidays import country_holidays

    country, _, part = code.partition("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some days of a year are not known yet
        return frozenset(country_holidays(country, subdiv=part or None, years=year, expand=False))


@cache
def _countries() -> dict[str, tuple[str, ...]]:
    """The subdivisions of each country."""
    from holidays import list_supported_countries

    supported = list_supported_countries(include_aliases=False)
    return {country: tuple(parts) for country, parts in supported.items()}


def _near_country(country: str) -> str:
    """What to write: the code of that country in another case or by another code (`UK`, `RUS`), else a near miss."""
    from holidays import country_holidays, list_supported_countries

    written = country.upper()
    if written in list_supported_countries():
        return f"did you mean '{country_holidays(written).country}'?"
    return (
        did_you_mean(written, _countries()) or "write the two letters of a country, as RU, and a part of it, as DE-BY"
    )
