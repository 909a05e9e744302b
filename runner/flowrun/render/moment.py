"""Instants for people: in the project's zone, as short as they can be without being unclear."""

from __future__ import annotations

from flowrun.calendars.zones import zone


def moment(instant: int, timezone: str) -> str:
    """`2026-03-06 16:00`, with seconds only where they are not zero."""
    text = zone(timezone).text(instant // 1000 * 1000)
    return text.replace("T", " ")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 deal`, `12 deals`, `1,200 deals`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
