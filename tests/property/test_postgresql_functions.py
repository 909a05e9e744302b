"""The functions of a PostgreSQL store answer as those that SQLite is given: text, local time and working time.

Random instants, many of them near changes of the clocks, borders of days and spans, and the ends of time; thousands in
a statement. `FLOWRUN_TEST_TIMES=10` draws ten times as many.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from flowrun.calendars.calendar import Calendar, from_text, key, to_text
from flowrun.calendars.durations import DAY, HOUR, MINUTE
from flowrun.calendars.working import working
from flowrun.calendars.zones import zone, zone_names
from flowrun.expr.functions import lower, upper
from flowrun.expr.limits import EARLIEST, LATEST
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Kind, Type, decimal, enum
from flowrun.flow.model import Flow
from flowrun.store import postgresql_functions, postgresql_times
from flowrun.store.columns import type_text
from flowrun.store.functions import all_functions, copy_id
from tests.postgres import Databases

TIMES = int(os.environ.get("FLOWRUN_TEST_TIMES", "1"))
PYTHON = {name: function for name, _, function in all_functions()}
ZONES = (
    "UTC",
    "Europe/Moscow",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "Africa/Casablanca",  # changes on record until 2087
    "America/St_Johns",  # changed at one minute past midnight
    "Pacific/Apia",  # left out a day
    "America/Santiago",  # changes at midnight
    "Antarctica/Troll",  # by two hours
)
NINE_TO_SIX, LUNCH = (9 * HOUR, 18 * HOUR), ((9 * HOUR, 12 * HOUR), (13 * HOUR, 17 * HOUR + 30 * MINUTE))
CALENDARS = (
    Calendar("office", "America/New_York", ((NINE_TO_SIX,),) * 5 + ((), ()), (0, 1, 2, 3, 4), "US"),
    Calendar("always", "Australia/Lord_Howe", (((0, DAY),),) * 7, tuple(range(7))),
    Calendar("night", "America/Santiago", (((0, 3 * HOUR), (22 * HOUR, DAY)),) * 7, tuple(range(7))),
    Calendar("rare", "Pacific/Apia", (LUNCH,) + ((),) * 6, (0,), None, (date(2026, 3, 9),), (date(2026, 3, 10),)),
    Calendar("sundays", "Europe/Moscow", ((),) * 6 + (((2 * HOUR + 15 * MINUTE, 2 * HOUR + 45 * MINUTE),),), (6,)),
)
FLOW = Flow("test", timezone="Europe/Berlin", calendars={calendar.id: calendar for calendar in CALENDARS})
ELSEWHERE = tuple(Flow("test", timezone=name) for name in ZONES)


@pytest.fixture(scope="module")
def store(fast_postgres_server: Databases) -> Iterator[sa.Connection]:
    with fast_postgres_server.fresh() as database:
        engine = sa.create_engine(database.url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=sa.NullPool)
        with engine.begin() as connection:
            postgresql_times.make_tables(connection)
            postgresql_functions.install(connection)
            postgresql_times.provide(connection, FLOW, *ELSEWHERE)
        with engine.connect() as connection:
            yield connection


def held_to_python(
    store: sa.Connection, name: str, types: Sequence[str], cases: list[tuple[Any, ...]], python: Callable[..., object]
) -> None:
    """Every case in one statement; `types` are those of the arguments."""
    arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
    names = ", ".join(f"a{at}" for at in range(len(types)))
    found = store.exec_driver_sql(
        f"SELECT {name}({names}) FROM unnest({arrays}) WITH ORDINALITY AS t({names}, n) ORDER BY n",
        tuple(list(column) for column in zip(*cases, strict=True)),
    )
    for case, answer in zip(cases, found.scalars(), strict=True):
        assert answer == python(*case), f"{name}{case}"


@cache
def changes(name: str) -> list[int]:
    return [since for since, _ in zone(name).offsets()][1:]


def instants(random: Random, name: str, count: int) -> list[int]:
    """Instants of all sorts."""
    made: list[int] = []
    near = changes(name) or [0]
    recent = near[: bisect_right(near, 4_102_444_800_000)] or near
    while len(made) < count:
        match random.randrange(8):
            case 0:
                made.append(random.randint(EARLIEST, LATEST))
            case 1:
                made.append(random.choice((EARLIEST, LATEST)) + random.randint(-3 * DAY, 3 * DAY))
            case 2:
                made.append(random.randint(-DAY, 7_258_118_400_000 + DAY))
            case 3:
                made.append(random.choice((0, 7_258_118_400_000)) + random.randint(-2 * DAY, 2 * DAY))
            case 4:
                made.append(random.choice(near) + random.choice((-1, 0, 1)))
            case 5:
                made.append(random.choice(recent) + random.randint(-DAY, DAY) // MINUTE * MINUTE)
            case _:
                made.append(random.choice(recent) + random.randint(-40 * DAY, 40 * DAY) // HOUR * HOUR)
    return made


def in_time(random: Random, name: str, count: int) -> list[int]:
    """Instants that have a local time."""
    made = (instant for instant in instants(random, name, 2 * count) if EARLIEST + DAY < instant < LATEST - DAY)
    return list(made)[:count]


def days_of(random: Random, name: str, count: int) -> list[str]:
    ordinals = (instant // DAY + 719_163 for instant in instants(random, name, count))
    return [date.fromordinal(min(max(ordinal, 1), date.max.toordinal())).isoformat() for ordinal in ordinals]


def test_case_is_mapped_character_by_character(store: sa.Connection) -> None:
    characters = [chr(code) for code in range(1, 0x1F400) if not 0xD800 <= code < 0xE000]
    blocks = ["".join(characters[at : at + 64]) for at in range(0, len(characters), 64)]
    for name, python in (("fr_lower", lower), ("fr_upper", upper)):
        for texts in (characters[:0x2200], blocks, ["Сделка «Ёж» № 5", "İSTANBUL ΑΣ", ""]):
            held_to_python(store, name, ["text"], [(text,) for text in texts], python)


def test_ids_of_copies(store: sa.Connection) -> None:
    cases = [(f"r{n}", f"д{n}", f"t-{n % 7}", n) for n in range(2000)]
    held_to_python(store, "fr_copy_id", ["text", "text", "text", "bigint"], cases, copy_id)


@pytest.mark.parametrize("name", ZONES)
def test_local_time(store: sa.Connection, name: str) -> None:
    random = Random(name)
    cases = [(instant, name) for instant in in_time(random, name, 1500 * TIMES)]
    for function in ("fr_local_date", "fr_local_text"):
        held_to_python(store, function, ["bigint", "text"], cases, PYTHON[function])
    count = 2000 * TIMES
    lengths = [(random.choice((0, 0, 1, -1, 30, -90, 3660)), random.choice((0, 0, 1, -HOUR))) for _ in range(count)]
    times = [random.choice((None, 0, HOUR, 2 * HOUR + 30 * MINUTE, DAY - 1)) for _ in range(count)]
    moments = instants(random, name, count)
    shifted = [(instant, *length, name) for instant, length in zip(moments, lengths, strict=True)]
    held_to_python(store, "fr_shift", ["bigint", "bigint", "bigint", "text"], shifted, PYTHON["fr_shift"])
    for kind, values in (("bigint", moments), ("text", days_of(random, name, count))):
        cases_at = [(value, *length, time, name) for value, length, time in zip(values, lengths, times, strict=True)]
        held_to_python(store, "fr_at", [kind, "bigint", "bigint", "bigint", "text"], cases_at, PYTHON["fr_at"])


@pytest.mark.parametrize("calendar", CALENDARS, ids=lambda calendar: calendar.id)
def test_working_time(store: sa.Connection, calendar: Calendar) -> None:
    random, name, count = Random(calendar.id), calendar.timezone, 2000 * TIMES
    moments = instants(random, name, count)
    table = working(calendar).timetable()
    for at in range(0, count, 3):
        moments[at] = random.choice(random.choice((table.opens, table.closes))) + random.choice((-1, 0, 1))
    named = {to_text(calendar): calendar}

    def by_key(function: str) -> Callable[..., object]:
        return lambda *case: PYTHON[function](*case[:-1], next(text for text in named if case[-1] == key(named[text])))

    known = key(calendar)
    held_to_python(store, "fr_next_open", ["bigint", "text"], [(at, known) for at in moments], by_key("fr_next_open"))
    spans = [(random.choice((1, 2, 10, -1, -3, 2600, -2600)), 0) for _ in range(count)]
    for at in range(0, count, 2):
        spans[at] = (0, random.choice((1, -1, HOUR, -HOUR, 9 * HOUR, 45 * HOUR, -100 * HOUR, 5000 * HOUR)))
    cases = [(at, *span, known) for at, span in zip(moments, spans, strict=True)]
    held_to_python(store, "fr_business", ["bigint", "bigint", "bigint", "text"], cases, by_key("fr_business"))
    times = [random.choice((None, 0, 9 * HOUR, 2 * HOUR + 30 * MINUTE)) for _ in range(count)]
    for kind, values in (("bigint", moments), ("text", days_of(random, name, count))):
        cases_at = [(value, *span, time, name, known) for value, span, time in zip(values, spans, times, strict=True)]
        types = [kind, "bigint", "bigint", "bigint", "text", "text"]
        held_to_python(store, "fr_at_business", types, cases_at, by_key("fr_at_business"))


TYPES = (
    TEXT,
    INTEGER,
    BOOLEAN,
    DATE,
    DATETIME,
    TAGS,
    decimal(0),
    decimal(2),
    decimal(6),
    enum("new", "5", "true", "2026-03-06"),
    enum("new", "old"),
)
PIECES = ("0", "00", "5", "12", "999999999999999999", "-", "+", ".", "2026-03-06", "2024-02-29", "2023-02-29", "T", " ")
MORE = ("10:30", ":59", ".1234", "Z", "+03:00", "-0530", "24:00", "a", "b", ",", "Ж", "\x1f", "\u3000", '"', "\n", "٣")
WHOLE = [
    "true",
    "false",
    "True",
    "1",
    "new",
    "old",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "2026-03-29T02:30",
    "2026-10-25T02:30:15.5",
    "2026-03-06t10:30z",
    "0001-01-01T00:00+00:01",
    "9999-12-31T23:59:59.999Z",
    "0000-01-01",
    "2026-13-01",
    "2026-00-10",
    "2026-03-06T10:30+99:00",
    "2026-03-06T24:00",
    "a,b,a,,c",
    "1e5",
    "1_0",
    "999999999999.999999",
    "1000000000000.000000",
    "0000000000000000000001.50",
    "-0",
    "-0.00",
    ".5",
    "5.",
    "+5",
    "2026-03-06T10:30+2359",
    "2026-03-06T10:30-05:99",
]


def stored(random: Random, type_: Type) -> str | int:
    """A value as the store keeps it."""
    match type_.kind:
        case Kind.TEXT if random.random() < 0.5:
            return random.choice(WHOLE)
        case Kind.TEXT:
            return "".join(random.choices((*PIECES, *MORE), k=random.randint(1, 5)))
        case Kind.INTEGER:
            return random.choice((0, 1, -1, 5, 10**12, 2**63 - 1, -(2**63), random.randint(-(10**18), 10**18)))
        case Kind.DECIMAL:
            return random.choice((0, 5, -5, 50, 150, -250, 10**18 - 1, 1 - 10**18, random.randint(-(10**9), 10**9)))
        case Kind.BOOLEAN:
            return random.randint(0, 1)
        case Kind.DATE:
            return random.choice(("0001-01-01", "2026-03-06", "9999-12-31"))
        case Kind.DATETIME:
            return random.choice(
                (EARLIEST + DAY, 0, 1_772_800_000_000, 1_772_800_000_001, LATEST - DAY, EARLIEST, LATEST)
            )
        case Kind.TAGS:
            return random.choice(('["a"]', '["a","b, c","Ж"]', '["\\"","\\\\"]'))
        case _:
            return random.choice(type_.values)


def test_fields_that_change_their_type(store: sa.Connection) -> None:
    random, name = Random(5), "Europe/Berlin"

    def python(value: str | int, old: str, new: str, zone_name: str) -> str | None:
        found = PYTHON["fr_converted"](value, old, new, zone_name)
        return None if found is None else str(found)

    for old in TYPES:
        values = [stored(random, old) for _ in range(60 * TIMES)]
        kind = "text" if isinstance(values[0], str) else "bigint"
        cases = [(value, type_text(old), type_text(new), name) for value in values for new in TYPES if new != old]
        held_to_python(store, "fr_converted", [kind, "text", "text", "text"], cases, python)


def test_the_offsets_of_every_zone_are_those_of_python() -> None:
    random = Random(20260306)
    for name in zone_names()[:: max(1, 60 // TIMES)]:
        one, found = zone(name), list(zone(name).offsets())
        since = [start for start, _ in found]
        assert since == sorted(set(since))
        for instant in in_time(random, name, 400):
            assert one.wall(instant) - instant == found[bisect_right(since, instant) - 1][1], (name, instant)


def test_what_is_empty_stays_empty(store: sa.Connection) -> None:
    for call in (
        "fr_lower(NULL)",
        "fr_local_date(NULL, 'UTC')",
        "fr_shift(NULL, 1, 0, 'UTC')",
        "fr_at(NULL::text, 1, 0, 0, 'UTC')",
        "fr_at(NULL::bigint, 1, 0, 0, 'UTC')",
        "fr_at_business(NULL::text, 1, 0, 0, 'UTC', 'x')",
        "fr_at_business(NULL::bigint, 1, 0, 0, 'UTC', 'x')",
        "fr_business(NULL, 1, 0, 'x')",
        "fr_next_open(NULL, 'x')",
        "fr_stored(9223372036854775808)",
    ):
        assert store.exec_driver_sql(f"SELECT {call}").scalar_one() is None, call


def test_a_zone_or_calendar_that_was_not_provided_is_an_error(store: sa.Connection) -> None:
    for call in ("fr_local_date(0, 'Asia/Tokyo')", "fr_next_open(0, 'x')"):
        with pytest.raises(sa.exc.DBAPIError, match="apply the flow again"):
            store.exec_driver_sql(f"SELECT {call}")
        store.rollback()


def test_only_what_is_missing_or_old_is_written(store: sa.Connection) -> None:
    def written() -> list[Any]:
        found = store.exec_driver_sql("SELECT id, key FROM calendars ORDER BY id").all()
        return [*found, *store.exec_driver_sql("SELECT xmin::text, name FROM zones ORDER BY name").all()]

    before = written()
    postgresql_times.provide(store, FLOW, *ELSEWHERE)
    assert written() == before
    store.exec_driver_sql("UPDATE zones SET version = 'old' WHERE name = 'Pacific/Apia'")
    store.exec_driver_sql("DELETE FROM zone_offsets WHERE zone = 'Pacific/Apia'")
    postgresql_times.provide(store, FLOW)
    assert {name for _, name in store.exec_driver_sql("SELECT version, name FROM zones")} == {
        FLOW.timezone,
        *(calendar.timezone for calendar in CALENDARS),
    }
    assert store.exec_driver_sql("SELECT fr_local_date(0, 'Pacific/Apia')").scalar_one() == "1969-12-31"
    assert store.exec_driver_sql("SELECT count(DISTINCT zone) FROM zone_offsets").scalar_one() == 6
    store.rollback()


def test_a_preview_brings_what_the_store_lacks(store: sa.Connection) -> None:
    other = Flow("test", timezone="Asia/Tokyo")
    postgresql_times.provide_scratch(store, FLOW)
    assert store.exec_driver_sql("SELECT to_regclass('pg_temp.zones')").scalar_one() is None
    postgresql_times.provide_scratch(store, FLOW, other)
    assert store.exec_driver_sql("SELECT fr_local_date(0, 'Asia/Tokyo')").scalar_one() == "1970-01-01"
    text = to_text(CALENDARS[0])
    assert from_text(text) == CALENDARS[0]
    found = store.exec_driver_sql("SELECT fr_next_open(0, %s)", (key(CALENDARS[0]),)).scalar_one()
    assert found == PYTHON["fr_next_open"](0, text)
    store.rollback()
    assert store.exec_driver_sql("SELECT count(*) FROM zones WHERE name = 'Asia/Tokyo'").scalar_one() == 0
    store.rollback()
