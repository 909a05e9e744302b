"""Checks of a PostgreSQL server: its version, and whether its clock agrees with this machine's."""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.engine.checkup.finding import Finding, fine, problem, span, warning
from flowrun.engine.checkup.patient import Patient
from flowrun.store.postgresql import OLDEST

_APART = 2_000
"""Milliseconds that two clocks may be apart, the way to the server included."""


def server(patient: Patient) -> Iterable[Finding]:
    """The server behind the store."""
    if patient.path is not None:
        return
    with patient.read() as connection:
        number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
        version = str(connection.exec_driver_sql("SHOW server_version").scalar_one())
        theirs = connection.exec_driver_sql(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        ).scalar_one()
    ours = patient.clock.now()
    if number < OLDEST * 10_000:
        yield problem("postgresql", f"{version}; flowrun needs {OLDEST} or newer", "upgrade the server")
    elif abs(theirs - ours) > _APART:
        yield warning(
            "postgresql",
            f"{version}; its clock is {span(abs(theirs - ours))} {'ahead' if theirs > ours else 'behind'}",
            "let both follow a time server: triggers use its clock, runners their own",
        )
    else:
        yield fine("postgresql", version)
