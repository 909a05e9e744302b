"""JSON Lines: objects, and what is wrong with lines."""

from __future__ import annotations

import io
import json

import pytest

from flowrun.expr.values import BadValue
from flowrun.sources import jsonl
from tests.unit.store.example import NOON, flow

FLOW = flow()


def _faults(text: str) -> list[tuple[int, str | None]]:
    return [(line.number, line.fault) for line in jsonl.lines(io.StringIO(text))]


def _stored(name: str, written: str) -> str | int | None:
    (line,) = jsonl.lines(io.StringIO(f'{{"{name}": {written}}}'))
    assert line.fault is None, line.fault
    return jsonl.reader(FLOW, name)(line.content[name])


def test_lines_are_counted_and_blank_ones_left_out() -> None:
    assert _faults('{"id": "a"}\n\n  \n{}\n') == [(1, None), (4, None)]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "the line is no JSON: expecting property name"),
        ("{'id': 1}", "the line is no JSON"),
        ("[1]", "the line is no object"),
        ("1", "the line is no object"),
        ('{"id": "a", "id": "b"}', "the key 'id' comes twice"),
        ('{"amount": NaN}', "NaN is no number"),
        ('{"amount": -Infinity}', "-Infinity is no number"),
        ("[" * 100_000, "the line is nested too deeply"),
        ('{"a":' * 100_000, "the line is nested too deeply"),
    ],
)
def test_what_is_no_object_is_a_fault(line: str, fault: str) -> None:
    ((number, found),) = _faults(line)
    assert number == 1
    assert found is not None
    assert found.startswith(fault)


def test_unknown_keys_are_named() -> None:
    content = {"id": "a", "at": "b", "title": "c", "amuont": 1, "stage": 2, "entry": 1}
    assert list(jsonl.unknown_keys(content, ["id", "at", "title", "amount"])) == [
        "a deal has no field 'amuont'; did you mean 'amount'?",
        "'stage' is not taken; the stage of a deal is its 'at'",
        "'entry' is kept by flowrun and can't be imported",
    ]


@pytest.mark.parametrize(
    ("name", "written", "stored"),
    [
        ("title", '"x"', "x"),
        ("title", '""', None),
        ("title", "null", None),
        ("account", '" padded "', " padded "),
        ("seats", "7", 7),
        ("seats", "-0", 0),
        ("amount", "12.5", 1250),
        ("amount", "0.1", 10),
        ("amount", "1e2", 10000),
        ("amount", "125E-1", 1250),
        ("amount", "1.25e1", 1250),
        ("amount", '"12.50"', 1250),
        ("amount", "1234567890123456.78", 123456789012345678),
        ("source", '"web"', "web"),
        ("currency", "null", "EUR"),
        ("paid", "true", 1),
        ("paid", "null", 0),
        ("closes", '"2026-12-31"', "2026-12-31"),
        ("call_at", '"2026-03-06T12:00:00.000Z"', NOON),
        ("call_at", '"2026-03-06T13:00"', NOON),
        ("tags", '["b", "a", "b"]', '["a","b"]'),
        ("tags", "[]", None),
    ],
)
def test_values(name: str, written: str, stored: str | int | None) -> None:
    assert _stored(name, written) == stored


@pytest.mark.parametrize(
    ("name", "written", "message"),
    [
        ("title", "7", "7 is no text; write it in quotes"),
        ("title", "true", "true is no text"),
        ("title", '"a\\u0000b"', "NUL"),
        ("title", '"\\ud800"', "surrogate"),
        ("tags", '["\\udfff"]', "surrogate"),
        ("seats", "7.0", "no integer"),
        ("seats", "1e3", "no integer"),
        ("seats", '"7"', '"7" is not an integer'),
        ("seats", "true", "true is not an integer"),
        ("seats", "9" * 5000, "beyond 64 bits"),
        ("amount", "12.505", "3 decimal places"),
        ("amount", "1e400", "too large"),
        ("amount", "1e-400", "too large or too small"),
        ("amount", "1e99999999999", "no decimal"),
        ("amount", "true", "true is no decimal"),
        ("amount", "9" * 5000, "too large"),
        ("source", '"wbe"', "did you mean 'web'"),
        ("source", "1", "1 is no text"),
        ("paid", '"yes"', '"yes" is not true or false'),
        ("paid", "1", "1 is not true or false"),
        ("closes", "20261231", "20261231 is no text"),
        ("closes", '"31.12.2026"', "no date"),
        ("call_at", '"soon"', "no date and time"),
        ("tags", '"a,b"', "not a list of texts"),
        ("tags", "[1]", "not a list of texts"),
        ("tags", '{"a": 1}', "not a list of texts"),
    ],
)
def test_what_is_refused(name: str, written: str, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        _stored(name, written)


def test_a_long_value_is_shown_shortened() -> None:
    with pytest.raises(BadValue) as caught:
        _stored("paid", json.dumps("x\n" * 1000))
    assert len(str(caught.value)) < 100
    assert "\n" not in str(caught.value)
