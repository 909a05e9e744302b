"""Zones against `whenever`, exhaustively: every zone, and every change of its clocks from 2000 to 2037.

Round each change, instants and local times are compared, the change itself and the ends of its gap or fold among them;
far from any change, a grid over all those years. What has been compared is printed (`pytest -rP` shows it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import pytest

from flowrun.calendars.durations import DAY, HOUR, MINUTE
from flowrun.calendars.zones import zone, zone_names
from tests.property.test_zones import expected_instant, zoned

FIRST, LAST = 946_684_800_000, 2_145_916_800_000
"""2000-01-01 and 2038-01-01, UTC."""
NEAR = (-2 * DAY, -DAY, -HOUR, -30 * MINUTE, -1000, -1, 0, 1, 1000, 30 * MINUTE, HOUR, DAY, 2 * DAY)
"""Milliseconds from a change to the instants and local times that are compared round it."""
GRID = 17 * DAY + 7 * HOUR + 13 * MINUTE
PARTS = 6


def transitions(name: str) -> Iterator[int]:
    """The changes of the zone's clocks, as `whenever` finds them."""
    change = zoned(name, FIRST).next_transition()
    while change is not None and (instant := change.timestamp(unit="millisecond")) < LAST:
        yield instant
        change = change.next_transition()


def differing(name: str, instants: Iterable[int], locals_: Iterable[datetime]) -> Iterator[str]:
    """What flowrun and `whenever` don't agree on."""
    ours = zone(name)
    for instant in instants:
        local = zoned(name, instant).to_plain().to_stdlib()
        if (ours.local(instant), ours.date(instant)) != (local, local.date()):
            yield f"{name} at {instant}"
    for local in locals_:
        if ours.instant(local) != expected_instant(name, local):
            yield f"{name} at local {local}"


@pytest.mark.parametrize("part", range(PARTS))
def test_every_zone_and_transition(part: int) -> None:
    names = zone_names()[part::PARTS]
    changes = compared = 0
    found: list[str] = []
    for name in names:
        for change in transitions(name):
            instants = [change + ms for ms in NEAR]
            before, after = (zoned(name, change + ms).to_plain().to_stdlib() for ms in (-1, 0))
            before += timedelta(milliseconds=1)
            locals_ = {edge + timedelta(milliseconds=ms) for edge in (before, after) for ms in NEAR}
            locals_.add(min(before, after) + abs(after - before) / 2)
            found += differing(name, instants, locals_)
            changes += 1
            compared += len(instants) + len(locals_)
        grid = range(FIRST, LAST, GRID)
        found += differing(name, grid, (zoned(name, instant).to_plain().to_stdlib() for instant in grid))
        compared += 2 * len(grid)
    print(f"{len(names)} zones, {changes:,} transitions, {compared:,} instants compared, {len(found)} differing")
    assert found == []
    assert len(names) > 90
    assert changes > 2_000


def test_no_transition_is_overlooked() -> None:
    assert len(list(transitions("Europe/Berlin"))) == 2 * 38
    assert len(list(transitions("Asia/Kolkata"))) == 0
