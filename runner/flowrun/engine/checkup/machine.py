"""Checks of the machine: what runs here, and what it knows of time zones and holidays."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from importlib.metadata import version

from flowrun import __version__
from flowrun.calendars.zones import zone
from flowrun.clock import from_ms
from flowrun.engine.checkup.finding import Finding, fine, problem, warning
from flowrun.engine.checkup.patient import Patient

_MENDED = (3, 51, 3)
"""The first SQLite in which two processes that reset a WAL at once can't damage it (engine.md, "SQLite with care")."""

_KNOWN = ("Europe/Berlin", datetime(2026, 3, 29, 3), 1_774_746_000_000)  # noqa: DTZ001 - local, as the zone has it
"""Clocks there went from 02:00 to 03:00 at 2026-03-29T01:00Z."""

_EARLIEST = 1_735_689_600_000
"""2025-01-01: no clock that is right says less."""


def versions(_: Patient) -> Iterable[Finding]:
    """What runs here."""
    yield fine(
        "flowrun", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )


def library(patient: Patient) -> Iterable[Finding]:
    """The SQLite that this Python has."""
    if patient.path is None:
        return
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= _MENDED:
        yield fine("sqlite", found)
        return
    yield warning(
        "sqlite",
        f"{found}: before 3.51.3 two processes that reset the log at the same moment can damage the store; "
        "flowrun's own take turns, other programs that write it don't",
        "upgrade SQLite where other programs write this store",
    )


def clock(patient: Patient) -> Iterable[Finding]:
    """Whether the clock can be right at all."""
    now = patient.clock.now()
    shown = f"{from_ms(now):%Y-%m-%d %H:%M} UTC"
    if now < _EARLIEST:
        yield problem("clock", f"says {shown}", "set the clock: deals fire by it")
    else:
        yield fine("clock", shown)


def zone_data(_: Patient) -> Iterable[Finding]:
    """Whether a change of the clocks is known that is certain."""
    name, local, instant = _KNOWN
    if zone(name).local(instant) != local:
        yield problem("zones", f"{name} misses the change of 2026-03-29", "upgrade the package tzdata")
        return
    yield fine("zones", f"tzdata {getattr(import_module('tzdata'), 'IANA_VERSION', version('tzdata'))}")
