"""Time zones and calendars in a PostgreSQL store: tables that its functions look up instead of asking Python.

The server has time zones of its own, but perhaps another version of them: what a deal's due instant is must not depend
on where it is reckoned. So `apply` writes down what Python says of the zones and calendars that the flow uses: every
offset of a zone in the years 1-9999, and every working day and open span of a calendar that is known (`calendars.
working`). A look-up is a step or two down an index.

The rows are written anew when the data that they were made of are others: `version` says which those were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from itertools import pairwise

from sqlalchemy import Connection

from flowrun.calendars.calendar import Calendar, key
from flowrun.calendars.working import Timetable, WorkingTime
from flowrun.calendars.zones import zone, zone_data
from flowrun.flow.model import Flow

TABLES = ("zones", "zone_offsets", "calendars", "calendar_days", "calendar_spans")
"""The names of the tables, those that refer to others last."""

_MADE = """
CREATE TABLE zones (name text COLLATE "C" PRIMARY KEY, version text NOT NULL);
CREATE TABLE zone_offsets (
  zone text COLLATE "C" NOT NULL, since bigint NOT NULL, utc_offset bigint NOT NULL, end_wall bigint NOT NULL,
  PRIMARY KEY (zone, since), UNIQUE (zone, end_wall) INCLUDE (since, utc_offset)
);
CREATE TABLE calendars (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text COLLATE "C" NOT NULL UNIQUE, version text NOT NULL,
  zone text COLLATE "C" NOT NULL, starts bigint NOT NULL, ends bigint NOT NULL, days integer NOT NULL,
  open_time bigint NOT NULL
);
CREATE TABLE calendar_days (
  calendar integer NOT NULL, n integer NOT NULL, day integer NOT NULL,
  PRIMARY KEY (calendar, n), UNIQUE (calendar, day) INCLUDE (n)
);
CREATE TABLE calendar_spans (
  calendar integer NOT NULL, opens bigint NOT NULL, closes bigint NOT NULL, before bigint NOT NULL,
  PRIMARY KEY (calendar, opens), UNIQUE (calendar, before) INCLUDE (opens)
);
"""

_FOREVER = 2**63 - 1


def make_tables(connection: Connection) -> None:
    """Make the tables, empty, in the schema that the connection's search path names first."""
    connection.exec_driver_sql(_MADE)


def provide(connection: Connection, *flows: Flow) -> None:
    """Have the tables hold what these flows use, and nothing else; what is there already stays as it is."""
    zones, calendars = _used(flows)
    for name in _stale(connection, "zones", "name", zones):
        connection.exec_driver_sql("DELETE FROM zone_offsets WHERE zone = %s", (name,))
        connection.exec_driver_sql("DELETE FROM zones WHERE name = %s", (name,))
    for known in _stale(connection, "calendars", "key", {name: _version(one) for name, one in calendars.items()}):
        for table in ("calendar_days", "calendar_spans"):
            connection.exec_driver_sql(
                f"DELETE FROM {table} WHERE calendar = (SELECT id FROM calendars WHERE key = %s)", (known,)
            )
        connection.exec_driver_sql("DELETE FROM calendars WHERE key = %s", (known,))
    _fill(connection, zones, calendars)


def provide_scratch(connection: Connection, *flows: Flow) -> None:
    """Have what these flows use where this connection finds it, for a preview: in temporary tables of the same names if
    the store's own lack something. They go with the connection."""
    zones, calendars = _used(flows)
    versions = {name: _version(one) for name, one in calendars.items()}
    if not _missing(connection, "zones", "name", zones) and not _missing(connection, "calendars", "key", versions):
        return
    for table in TABLES:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING ALL)")
    _fill(connection, zones, calendars)


def behind(connection: Connection, flow: Flow) -> bool:
    """Whether the tables lack what the flow uses, or were made of other data than this machine has. Raises UnknownZone.

    What runs here with the store reckons by the tables all the same.
    """
    zones, calendars = _used((flow,))
    versions = {name: _version(one) for name, one in calendars.items()}
    return _missing(connection, "zones", "name", zones) or _missing(connection, "calendars", "key", versions)


def _used(flows: tuple[Flow, ...]) -> tuple[Mapping[str, str], Mapping[str, Calendar]]:
    """The zones that flows use, each with the version of its data, and their calendars by key."""
    calendars = {key(calendar): calendar for flow in flows for calendar in flow.calendars.values()}
    names = {flow.timezone for flow in flows} | {calendar.timezone for calendar in calendars.values()}
    return {name: _zone_version(name) for name in sorted(names)}, calendars


def _stale(connection: Connection, table: str, column: str, wanted: Mapping[str, str]) -> list[str]:
    """The keys in that table that aren't wanted, or not in that version."""
    return [name for name, found in _present(connection, table, column).items() if wanted.get(name) != found]


def _missing(connection: Connection, table: str, column: str, wanted: Mapping[str, str]) -> bool:
    found = _present(connection, table, column)
    return any(found.get(name) != version_ for name, version_ in wanted.items())


def _present(connection: Connection, table: str, column: str) -> dict[str, str]:
    rows = connection.exec_driver_sql(f"SELECT {column}, version FROM {table}").all()
    return {name: found for name, found in rows}  # noqa: C416 - rows are no pairs to mypy


def _fill(connection: Connection, zones: Mapping[str, str], calendars: Mapping[str, Calendar]) -> None:
    """Write down what isn't there."""
    filled = False
    for name in zones.keys() - _present(connection, "zones", "name").keys():
        connection.exec_driver_sql("INSERT INTO zones VALUES (%s, %s)", (name, zones[name]))
        _insert(connection, "zone_offsets", name, _offsets(name), "bigint")
        filled = True
    for known in calendars.keys() - _present(connection, "calendars", "key").keys():
        _write_calendar(connection, known, calendars[known])
        filled = True
    if filled:
        for table in TABLES:
            connection.exec_driver_sql(f"ANALYZE {table}")


@lru_cache(maxsize=32)
def _offsets(name: str) -> tuple[str, ...]:
    """The columns of a zone: since when which offset is in force, and the local time that it ends at."""
    found = list(zone(name).offsets())
    ends = [since + offset for (_, offset), (since, _) in pairwise(found)]
    since = [-_FOREVER, *(since for since, _ in found[1:])]
    return _array(since), _array([offset for _, offset in found]), _array([*ends, _FOREVER])


@lru_cache(maxsize=8)
def _timetable(calendar: Calendar) -> Timetable:
    return WorkingTime(calendar).timetable()


def _write_calendar(connection: Connection, known: str, calendar: Calendar) -> None:
    table = _timetable(calendar)
    number = connection.exec_driver_sql(
        "INSERT INTO calendars (key, version, zone, starts, ends, days, open_time) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (known, _version(calendar), table.zone, table.starts, table.ends, len(table.days), table.open_time),
    ).scalar_one()
    places = range(1, len(table.days) + 1)
    _insert(connection, "calendar_days", number, (_array(places), _array(table.days)), "integer")
    spans = (_array(table.opens), _array(table.closes), _array(table.before))
    _insert(connection, "calendar_spans", number, spans, "bigint")


def _array(numbers: Iterable[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _insert(connection: Connection, table: str, of: str | int, columns: Sequence[str], type_: str) -> None:
    """Insert rows that begin with `of`, by columns: in one statement, each column an array as PostgreSQL reads it."""
    arrays = ", ".join(f"%s::{type_}[]" for _ in columns)
    connection.exec_driver_sql(f"INSERT INTO {table} SELECT %s, * FROM unnest({arrays})", (of, *columns))


def _version(calendar: Calendar) -> str:
    holidays = f" holidays {version('holidays')}" if calendar.holidays else ""
    return _zone_version(calendar.timezone) + holidays


@cache
def _zone_version(name: str) -> str:
    """The digest of the zone's data."""
    return hashlib.sha256(zone_data(name)).hexdigest()[:16]
