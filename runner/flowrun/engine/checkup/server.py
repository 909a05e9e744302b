"""Checks of a PostgreSQL server: its version, whether its clock agrees with this machine's, what the role may do."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from flowrun.engine.checkup.finding import Finding, fine, problem, span, warning
from flowrun.engine.checkup.patient import Patient
from flowrun.store.postgresql import OLDEST

_APART = 2_000
"""Milliseconds that two clocks may be apart, the way to the server included."""

_NEEDED = {
    "deals": ("SELECT", "INSERT", "UPDATE"),
    "firings": ("SELECT", "INSERT", "UPDATE"),
    "flowrun": ("SELECT", "UPDATE"),
    "queue": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "runners": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "tunnels": ("SELECT", "UPDATE"),
}
"""What no runner can do without; `deploy/roles.sql` grants more, for all that a runner may have to do."""
_MAY = text("SELECT has_table_privilege(CAST(to_regclass(:table) AS oid), :right)")


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


def rights(patient: Patient) -> Iterable[Finding]:
    """Whether the role may do what a runner's must."""
    if patient.path is not None:
        return
    with patient.read() as connection:
        role = connection.exec_driver_sql("SELECT current_user").scalar_one()
        lacking = {
            table: [one for one in needed if not connection.execute(_MAY, {"table": table, "right": one}).scalar_one()]
            for table, needed in _NEEDED.items()
        }
    missing = [f"{', '.join(some)} on {table}" for table, some in lacking.items() if some]
    if not missing:
        yield fine("permissions", f"'{role}' may do what a runner must")
    elif all(set(needed) - {"SELECT"} <= set(lacking[table]) for table, needed in _NEEDED.items()):
        yield warning("permissions", f"'{role}' may only look", "ask as the role that runs, to see whether it can")
    else:
        yield problem(
            "permissions", f"'{role}' lacks {'; '.join(missing)}", "grant the runner's role what deploy/roles.sql does"
        )
