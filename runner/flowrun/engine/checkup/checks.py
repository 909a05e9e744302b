"""The list of all checks, in the order of the report, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from flowrun.engine.checkup import files, machine, server, tables, webhooks, work
from flowrun.engine.checkup.finding import Finding, problem
from flowrun.engine.checkup.patient import UNREADABLE, Patient, said


class Needs(IntEnum):
    """What a check can't do without: nothing, a database that can be read, or a store with current tables."""

    NOTHING = 0
    DATABASE = 1
    STORE = 2


@dataclass(frozen=True, slots=True)
class Check:
    """A check, and what to call it where it can't be made. One that doesn't concern a kind of store yields nothing."""

    name: str
    needs: Needs
    examine: Callable[[Patient], Iterable[Finding]]


CHECKS = (
    Check("flowrun", Needs.NOTHING, machine.versions),
    Check("sqlite", Needs.NOTHING, machine.library),
    Check("clock", Needs.NOTHING, machine.clock),
    Check("zones", Needs.NOTHING, machine.zone_data),
    Check("store", Needs.NOTHING, tables.store),
    Check("postgresql", Needs.DATABASE, server.server),
    Check("permissions", Needs.NOTHING, files.permissions),
    Check("permissions", Needs.STORE, server.rights),
    Check("disk", Needs.NOTHING, files.disk),
    Check("log", Needs.DATABASE, files.log),
    Check("integrity", Needs.DATABASE, tables.whole),
    Check("indexes", Needs.STORE, tables.structure),
    Check("revision", Needs.STORE, work.revision),
    Check("time", Needs.STORE, work.clock),
    Check("queue", Needs.STORE, work.work),
    Check("webhooks", Needs.STORE, webhooks.webhooks),
)


def examined(patient: Patient) -> Iterator[Finding]:
    """The findings of every check that can be made. One that the database refuses is a problem itself."""
    has = Needs.NOTHING
    if patient.readable:
        has = Needs.STORE if patient.current else Needs.DATABASE
    for check in CHECKS:
        if check.needs > has:
            continue
        try:
            yield from check.examine(patient)
        except UNREADABLE as error:
            if patient.failure is None or said(error) not in str(patient.failure):
                yield problem(check.name, f"can't be told: {said(error)}", getattr(error, "help", None))
