"""Random well-typed expressions and nasty deals, for the tests that hold the evaluators to each other.

Expressions are drawn as text, in all forms that format.md knows, each for a wanted type and with a budget of levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from flowrun.clock import EPOCH, from_ms
from flowrun.expr import Names, builtins
from flowrun.expr.limits import EARLIEST, LATEST
from flowrun.expr.sql import FUNCTIONS, Scope
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Kind, Type, Value, decimal, enum
from flowrun.expr.values import encode, tags
from flowrun.store import postgresql_functions, postgresql_times

CURRENCY = enum("RUB", "EUR", "USD")
STAGES = ("sales.new", "sales.won", "onboarding.kickoff")
FIELDS: dict[str, Type] = {
    "seats": INTEGER,
    "count": INTEGER,
    "amount": decimal(2),
    "price": decimal(2),
    "whole": decimal(0),
    "rate": decimal(6),
    "paid": BOOLEAN,
    "signed": BOOLEAN,
    "account": TEXT,
    "contract": TEXT,
    "currency": CURRENCY,
    "old_currency": CURRENCY,
    "renewal_on": DATE,
    "due_on": DATE,
    "call_at": DATETIME,
    "tags": TAGS,
    "labels": TAGS,
}
VARS: dict[str, tuple[Type, Value]] = {
    "big": (decimal(2), Decimal("100000.00")),
    "share": (decimal(4), Decimal("0.1250")),
    "limit": (INTEGER, 3),
    "word": (TEXT, "Жук"),
    "nothing": (TEXT, None),
    "vips": (TAGS, ("vip", "Ж")),
}
NAMES = Names({**builtins(STAGES, ("sales", "onboarding")), **FIELDS}, VARS)
TODAY = date(2026, 3, 6)
ZONE_NAME = "Test/East"

_TEXTS = (
    None,
    "a",
    "A",
    "ab",
    "aB%",
    "b_",
    "Жук",
    "жук",
    "ЖУК",
    "  Жук\u00a0",
    "ß",
    "İstanbul",
    "ΑΣ",
    "ᾳ",
    "😀",
    "\uffff",
    "a\nb",
    " ",
    "\t\u2003",
    "vip",
    '"',
    ",",
    "\\",
    "0",
    "10",
    "9",
    "ǆ",
    "é",
    "e\u0301",
)
_WHOLES = (
    None,
    0,
    1,
    -1,
    2,
    3,
    5,
    7,
    -5,
    10,
    100,
    10**9,
    -(10**9),
    10**17,
    10**18 - 1,
    -(10**18) + 1,
    10**18,
    2**63 - 1,
    -(2**63),
)
_SCALED = (None, 0, 1, -1, 5, 15, 25, 50, 150, 250, -250, 100, 12345, 10**7, 10**16, 10**18 - 1, 1 - 10**18)
_DATES = (
    None,
    TODAY,
    date(2026, 3, 5),
    date(2026, 3, 7),
    date(2024, 2, 29),
    date(1, 1, 1),
    date(1, 1, 3),
    date(9999, 12, 31),
    date(9999, 12, 29),
    date(1969, 12, 31),
)
_INSTANTS = (
    None,
    0,
    -1,
    1_772_755_199_999,
    1_772_744_400_000,
    1_772_800_000_000,
    EARLIEST,
    EARLIEST + 86_399_999,
    EARLIEST + 86_400_000,
    LATEST,
    LATEST - 86_400_000,
    LATEST - 86_399_999,
    LATEST + 1,
)
_TAGS = ((), ("vip",), ("Ж", "a"), (",", '"'), ("a,b",), ("vip", "Жук", "😀"), ('","',), ("\\",))


@dataclass(frozen=True)
class East:
    """A zone three hours east that, like a real one, has no local time beyond the years 1 to 9999."""

    def local(self, instant: int) -> datetime:
        return from_ms(instant).astimezone(timezone(timedelta(hours=3))).replace(tzinfo=None)

    def instant(self, local: datetime) -> int:
        return (local.replace(tzinfo=UTC) - timedelta(hours=3) - EPOCH) // timedelta(milliseconds=1)

    def date(self, instant: int) -> date:
        return self.local(instant).date()

    def text(self, instant: int) -> str:
        local = self.local(instant)
        precision = "milliseconds" if local.microsecond else "seconds" if local.second else "minutes"
        return local.isoformat(timespec=precision)


ZONE = East()


def deals(count: int, seed: int = 20260306) -> list[dict[str, Value]]:
    """Deals with every mixture of empty, ordinary and extreme values; the same ones every time."""
    random = Random(seed)
    made: list[dict[str, Value]] = []
    for _ in range(count):
        deal: dict[str, Value] = {
            "stage": random.choice(STAGES),
            "title": random.choice(_TEXTS),
            "entered_at": random.choice(_INSTANTS[1:6]),
        }
        deal["pipeline"] = str(deal["stage"]).partition(".")[0]
        tame = random.random() < 0.7
        for name, kind in FIELDS.items():
            deal[name] = _value(random, kind, tame=tame)
        made.append(deal)
    return made


def _value(random: Random, kind: Type, *, tame: bool) -> Value:
    match kind.kind:
        case Kind.INTEGER:
            return random.choice(_WHOLES[:11] if tame else _WHOLES)
        case Kind.DECIMAL:
            number = random.choice(_SCALED[:13] if tame else _SCALED)
            return None if number is None else Decimal(number).scaleb(-kind.places)
        case Kind.BOOLEAN:
            return random.choice((None, True, False))
        case Kind.ENUM:
            return random.choice((None, *kind.values))
        case Kind.DATE:
            return random.choice(_DATES[:5] if tame else _DATES)
        case Kind.DATETIME:
            return random.choice(_INSTANTS[:6] if tame else _INSTANTS)
        case Kind.TAGS:
            return tags(random.choice(_TAGS))
        case _:
            return random.choice(_TEXTS)


_COLUMNS: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.INTEGER: sa.BigInteger(),
    Kind.DECIMAL: sa.BigInteger(),
    Kind.DATETIME: sa.BigInteger(),
    Kind.BOOLEAN: sa.Integer(),
}
_COLUMN_OF_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TABLE = sa.Table(
    "deals",
    sa.MetaData(),
    sa.Column("_n", sa.Integer, primary_key=True),
    *(sa.Column(name, _COLUMNS.get(kind.kind, _COLUMN_OF_TEXT)) for name, kind in NAMES.deal.items()),
)


def connect(rows: list[dict[str, Value]]) -> sa.Connection:
    """An in-memory SQLite that holds the deals, numbered from 0, as the store would keep them."""
    connection = sa.create_engine("sqlite://").connect()
    driver = connection.connection.driver_connection
    assert driver is not None
    for name, arguments, function in FUNCTIONS:
        driver.create_function(name, arguments, function, deterministic=True)
    local: dict[str, Callable[[int], object]] = {
        "fr_local_date": lambda ms: ZONE.date(ms).isoformat(),
        "fr_local_text": ZONE.text,
    }
    for name, function in local.items():
        driver.create_function(name, 2, _of_zone(function), deterministic=True)
    _fill(connection, rows)
    return connection


def connect_postgres(url: str, rows: list[dict[str, Value]]) -> sa.Connection:
    """The same in an empty PostgreSQL database: with the functions of a store, and the zone in its tables."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=sa.NullPool)
    connection = engine.connect()
    postgresql_times.make_tables(connection)
    postgresql_functions.install(connection)
    forever = 2**63 - 1
    connection.exec_driver_sql(
        "INSERT INTO zone_offsets VALUES (%s, %s, %s, %s)", (ZONE_NAME, -forever, 3 * 3_600_000, forever)
    )
    _fill(connection, rows)
    connection.commit()
    return connection


def _fill(connection: sa.Connection, rows: list[dict[str, Value]]) -> None:
    TABLE.create(connection)
    stored = [
        {"_n": number, **{name: encode(deal.get(name), kind) for name, kind in NAMES.deal.items()}}
        for number, deal in enumerate(rows)
    ]
    connection.execute(TABLE.insert(), stored)


def _of_zone(function: Callable[[int], object]) -> Callable[[int | None, str], object]:
    def at(ms: int | None, zone: str) -> object:
        assert zone == ZONE_NAME
        return None if ms is None else function(ms)

    return at


def scope() -> Scope:
    """Where the expressions of these tests find their values."""
    return Scope({name: TABLE.c[name] for name in NAMES.deal}, sa.literal(TODAY.isoformat(), sa.Text()), ZONE_NAME)


def _quoted(text: str | None) -> str:
    return "''" if text is None else "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"


@st.composite
def booleans(draw: st.DrawFn, levels: int) -> str:
    """A text of type boolean."""
    leaves = ["field", "number", "text", "equal", "date", "instant", "list", "tag", "none", "within", "ends"]
    nested = ["logic", "logic", "logic", "not", "choose", "chain", "same", "true", "default"]
    match draw(st.sampled_from(leaves if levels <= 0 else leaves + nested)):
        case "field":
            return draw(st.sampled_from(["deal.paid", "deal.signed"]))
        case "number":
            return f"{draw(numbers(levels - 1))} {draw(_ORDERS)} {draw(numbers(levels - 1))}"
        case "text":
            return f"{draw(texts(levels - 1))} {draw(_ORDERS)} {draw(texts(levels - 1))}"
        case "equal":
            kind = draw(st.sampled_from([texts, dates, sets, instants, enums]))
            return f"{draw(kind(levels - 1))} {draw(_EQUALS)} {draw(kind(levels - 1))}"
        case "date":
            return f"{draw(dates(levels - 1))} {draw(_ORDERS)} {draw(dates(levels - 1))}"
        case "instant":
            return f"{draw(instants(levels - 1))} {draw(_ORDERS)} {draw(instants(levels - 1))}"
        case "list":
            return draw(_listed(levels - 1))
        case "tag":
            return f"{draw(texts(levels - 1))} {draw(_INS)} {draw(sets(levels - 1))}"
        case "none":
            kind = draw(st.sampled_from([numbers, texts, dates, sets, instants, enums]))
            return f"{draw(kind(levels - 1))} is {draw(st.sampled_from(['', 'not ']))}none"
        case "within":
            return f"{draw(texts(levels - 1))} {draw(_INS)} {draw(texts(levels - 1))}"
        case "ends":
            test = draw(st.sampled_from(["startingwith", "endingwith", "not startingwith"]))
            return f"{draw(texts(levels - 1))} is {test}({draw(texts(levels - 1))})"
        case "logic":
            joint = draw(st.sampled_from([" and ", " or "]))
            return "(" + joint.join(draw(st.lists(booleans(levels - 1), min_size=2, max_size=4))) + ")"
        case "not":
            return f"not ({draw(booleans(levels - 1))})"
        case "choose":
            return f"({draw(booleans(levels - 1))} if {draw(booleans(levels - 2))} else {draw(booleans(levels - 1))})"
        case "chain":
            kind = draw(st.sampled_from([numbers, texts, dates]))
            parts = [draw(kind(levels - 2)) for _ in range(3)]
            return f"{parts[0]} {draw(_ORDERS)} {parts[1]} {draw(_ORDERS)} {parts[2]}"
        case "same":
            return f"({draw(booleans(levels - 1))}) {draw(_EQUALS)} ({draw(booleans(levels - 1))})"
        case "true":
            literal = draw(st.sampled_from(["true", "false", "none"]))
            return f"({draw(booleans(levels - 1))}) {draw(_EQUALS)} {literal}"
        case _:
            return f"({draw(booleans(0))})|default({draw(booleans(0))})"


_ORDERS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_EQUALS = st.sampled_from(["==", "!="])
_INS = st.sampled_from(["in", "not in"])


@st.composite
def _listed(draw: st.DrawFn, levels: int) -> str:
    kind, literals = draw(
        st.sampled_from(
            [
                (numbers, ["1", "0", "-5", "2.5", "0.05", "none", "vars.limit", "vars.big"]),
                (texts, ["'a'", "'Жук'", "''", "none", "vars.word", "'vip'", "'10'"]),
                (enums, ["'RUB'", "'EUR'", "none"]),
                (dates, ["date(2026, 3, 6)", "date(2024, 2, 29)", "none"]),
                (booleans, ["true", "false", "none"]),
            ]
        )
    )
    items = draw(st.lists(st.sampled_from(literals), max_size=4))
    return f"({draw(kind(levels))}) {draw(_INS)} [{', '.join(items)}]"


@st.composite
def numbers(draw: st.DrawFn, levels: int) -> str:
    """A text of type integer or decimal."""
    leaves = ["field", "field", "literal", "length"]
    nested = ["sum", "sum", "product", "negate", "abs", "round", "choose", "default"]
    match draw(st.sampled_from(leaves if levels <= 0 else leaves + nested)):
        case "field":
            names = ["seats", "count", "amount", "price", "whole", "rate"]
            return "deal." + draw(st.sampled_from(names))
        case "literal":
            literals = ["0", "1", "-1", "2", "0.5", "1.25", "100", "1000000000", "vars.limit", "vars.big", "vars.share"]
            return draw(st.sampled_from([*literals, "999999999999999999", "0.000001", "-2.5"]))
        case "length":
            return f"({draw(st.one_of(texts(levels - 1), sets(levels - 1)))})|length"
        case "sum":
            parts = draw(st.lists(numbers(levels - 1), min_size=2, max_size=4))
            text = parts[0]
            for part in parts[1:]:
                text += draw(st.sampled_from([" + ", " - "])) + part
            return f"({text})"
        case "product":
            return f"({draw(numbers(levels - 1))} * {draw(numbers(levels - 1))})"
        case "negate":
            return f"(-({draw(numbers(levels - 1))}))"
        case "abs":
            return f"({draw(numbers(levels - 1))})|abs"
        case "round":
            return f"({draw(numbers(levels - 1))})|round({draw(st.integers(0, 3))})"
        case "choose":
            return f"({draw(numbers(levels - 1))} if {draw(booleans(levels - 2))} else {draw(numbers(levels - 1))})"
        case _:
            return f"({draw(numbers(levels - 1))})|default({draw(numbers(levels - 1))})"


@st.composite
def texts(draw: st.DrawFn, levels: int) -> str:
    """A text of type text."""
    leaves = ["field", "field", "literal"]
    nested = ["filter", "filter", "join", "choose", "default"]
    match draw(st.sampled_from(leaves if levels <= 0 else leaves + nested)):
        case "field":
            return "deal." + draw(st.sampled_from(["account", "contract", "title"]))
        case "literal":
            return draw(st.one_of(st.sampled_from(_TEXTS).map(_quoted), st.sampled_from(["vars.word", "vars.nothing"])))
        case "filter":
            return f"({draw(texts(levels - 1))})|{draw(st.sampled_from(['lower', 'upper', 'trim']))}"
        case "join":
            parts = draw(st.lists(st.one_of(texts(levels - 1), enums(0)), min_size=2, max_size=4))
            return "(" + " ~ ".join(parts) + ")"
        case "choose":
            return f"({draw(texts(levels - 1))} if {draw(booleans(levels - 2))} else {draw(texts(levels - 1))})"
        case _:
            return f"({draw(texts(levels - 1))})|default({draw(texts(levels - 1))})"


@st.composite
def enums(draw: st.DrawFn, levels: int) -> str:
    """A text of the type of `currency`."""
    match draw(st.sampled_from(["field", "field", "literal"] if levels <= 0 else ["field", "choose", "default"])):
        case "field":
            return "deal." + draw(st.sampled_from(["currency", "old_currency"]))
        case "literal":
            return draw(st.sampled_from(["'RUB'", "'EUR'", "none"]))
        case "choose":
            return f"({draw(enums(levels - 1))} if {draw(booleans(levels - 2))} else {draw(enums(levels - 1))})"
        case _:
            return f"({draw(enums(levels - 1))})|default('USD')"


@st.composite
def dates(draw: st.DrawFn, levels: int) -> str:
    """A text of type date."""
    leaves = ["field", "field", "today", "literal"]
    nested = ["shift", "shift", "date", "default", "choose"]
    match draw(st.sampled_from(leaves if levels <= 0 else leaves + nested)):
        case "field":
            return "deal." + draw(st.sampled_from(["renewal_on", "due_on"]))
        case "today":
            return "today()"
        case "literal":
            return draw(
                st.sampled_from(["date(2026, 3, 6)", "date(2024, 2, 29)", "date(9999, 12, 31)", "date(1, 1, 1)"])
            )
        case "shift":
            amount = draw(st.one_of(st.integers(-3, 400).map(str), whole(levels - 1)))
            return f"({draw(dates(levels - 1))} {draw(st.sampled_from('+-'))} days({amount}))"
        case "date":
            return f"({draw(instants(levels - 1))}|date)"
        case "choose":
            return f"({draw(dates(levels - 1))} if {draw(booleans(levels - 2))} else {draw(dates(levels - 1))})"
        case _:
            return f"({draw(dates(levels - 1))})|default({draw(dates(levels - 1))})"


@st.composite
def instants(draw: st.DrawFn, levels: int) -> str:
    """A text of type datetime."""
    match draw(st.sampled_from(["field"] if levels <= 0 else ["field", "shift", "shift", "default"])):
        case "field":
            return "deal." + draw(st.sampled_from(["call_at", "entered_at"]))
        case "shift":
            amount = draw(st.one_of(st.integers(-3, 100).map(str), whole(levels - 1)))
            unit = draw(st.sampled_from(["hours", "minutes"]))
            return f"({draw(instants(levels - 1))} {draw(st.sampled_from('+-'))} {unit}({amount}))"
        case _:
            return f"({draw(instants(levels - 1))})|default({draw(instants(levels - 1))})"


@st.composite
def sets(draw: st.DrawFn, levels: int) -> str:
    """A text of type tags."""
    lists = st.sampled_from(["['vip']", "['Ж', 'a']", "[',', '\"']", "[]", "vars.vips"])
    match draw(
        st.sampled_from(["field", "field", "list"] if levels <= 0 else ["field", "change", "change", "default"])
    ):
        case "field":
            return "deal." + draw(st.sampled_from(["tags", "labels"]))
        case "list":
            return draw(lists)
        case "change":
            return f"({draw(sets(levels - 1))} {draw(st.sampled_from('+-'))} {draw(lists)})"
        case _:
            return f"({draw(sets(levels - 1))})|default({draw(sets(levels - 1))})"


@st.composite
def whole(draw: st.DrawFn, levels: int) -> str:
    """A text of type integer."""
    match draw(
        st.sampled_from(["field", "literal"] if levels <= 0 else ["field", "literal", "sum", "product", "round"])
    ):
        case "field":
            return "deal." + draw(st.sampled_from(["seats", "count"]))
        case "literal":
            return draw(st.sampled_from(["0", "1", "2", "-3", "365", "1000000", "999999999999999999"]))
        case "sum":
            return f"({draw(whole(levels - 1))} + {draw(whole(levels - 1))})"
        case "product":
            return f"({draw(whole(levels - 1))} * {draw(whole(levels - 1))})"
        case _:
            return f"({draw(numbers(levels - 1))})|round(0)"
