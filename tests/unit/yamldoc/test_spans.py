"""Exact places of keys, values and single characters, in every style."""

from __future__ import annotations

import pytest

from flowrun.diagnostics import Span
from flowrun.yamldoc import Mapping, Node, Scalar, Sequence, Style, read_document
from flowrun.yamldoc.locate import Locator
from flowrun.yamldoc.source import Source

Place = tuple[int, int, int, int]


def root(text: str) -> Mapping:
    document = read_document(text.encode(), "a.yaml")
    assert document.findings == ()
    assert isinstance(document.root, Mapping)
    return document.root


def place(span: Span) -> Place:
    return span.line, span.column, span.end_line, span.end_column


def value(text: str, key: str = "a") -> Node:
    node = root(text).get(key)
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("text", "style", "written", "expected"),
    [
        ("a: b c", Style.PLAIN, "b c", (1, 4, 1, 7)),
        ("a: Ж😀  # c", Style.PLAIN, "Ж😀", (1, 4, 1, 6)),
        ("a: b\n   c\n\n   d\n", Style.PLAIN, "b c\nd", (1, 4, 4, 5)),
        ("a: 'it''s'", Style.SINGLE, "it's", (1, 4, 1, 11)),
        ('a: "x\\n\n  y"', Style.DOUBLE, "x\n y", (1, 4, 2, 5)),
        ("a: |\n  x\n  y\n\n# c\nb: 1", Style.LITERAL, "x\ny\n", (1, 4, 3, 4)),
        ("a: |2-\n    x\n\n\nb: 1", Style.LITERAL, "  x", (1, 4, 2, 6)),
        ("a: >+ # c\n  x\n  y\n\n", Style.FOLDED, "x y\n\n", (1, 4, 3, 4)),
        ("a: |\nb: 1", Style.LITERAL, "", (1, 4, 1, 5)),
        ("a: &x  b", Style.PLAIN, "b", (1, 8, 1, 9)),
        ("a: &x # c\n  'b'", Style.SINGLE, "b", (2, 3, 2, 6)),
    ],
)
def test_a_value_and_its_span(text: str, style: Style, written: str, expected: Place) -> None:
    node = value(text)
    assert isinstance(node, Scalar)
    assert (node.style, node.text) == (style, written)
    assert place(node.span) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:", (1, 3, 1, 3)),
        ("a:   # later\nb: 1", (1, 3, 1, 3)),
        ("'a' :\nb: 1", (1, 6, 1, 6)),
        ("a: &x\nb: 1", (1, 6, 1, 6)),
        ("{a: , b: 1}", (1, 4, 1, 4)),
        ("{b: 1, a  }", (1, 9, 1, 9)),
        ("? a\nb: 1", (1, 4, 1, 4)),
        ("? a\n:\nb: 1", (2, 2, 2, 2)),
    ],
)
def test_a_value_that_is_not_there_is_right_after_its_colon(text: str, expected: Place) -> None:
    node = value(text)
    assert isinstance(node, Scalar)
    assert (node.text, node.style) == ("", Style.PLAIN)
    assert place(node.span) == expected
    assert node.locate(0, 0) == node.span


def test_an_item_that_is_not_there_is_right_after_its_dash() -> None:
    node = value("a:\n  -\n  - b")
    assert isinstance(node, Sequence)
    assert place(node.items[0].span) == (2, 4, 2, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1\n  c: 'x'\n\n# d\ne: 1", (2, 3, 3, 9)),
        ("a:\n- 1\n- 2 \ne: 1", (2, 1, 3, 4)),
        ("a: {b: 1,\n  c: 2 }  \ne: 1", (1, 4, 2, 9)),
        ("a: &x [1]\ne: 1", (1, 7, 1, 10)),
        ("a: &x\n  - 1\ne: 1", (2, 3, 2, 6)),
        ("a: &x\n  b: 1\ne: 1", (2, 3, 2, 7)),
        ("a:\n  b: |\n    x\n\ne: 1", (2, 3, 3, 6)),
        ("a:\n  - b: &z 1\n    c: *z\ne: 1", (2, 3, 3, 10)),
    ],
)
def test_a_collection_runs_from_its_first_key_to_its_last_value(text: str, expected: Place) -> None:
    assert place(value(text).span) == expected


def test_keys_have_spans_too() -> None:
    entries = root('имя: 1\n"b\\tc": 2\n? |\n  d\n: 3\n').entries
    assert [(entry.key.text, place(entry.key.span)) for entry in entries] == [
        ("имя", (1, 1, 1, 4)),
        ("b\tc", (2, 1, 2, 7)),
        ("d\n", (3, 3, 4, 4)),
    ]


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("a: deal.amuont > 1", "amuont", (1, 9, 1, 15)),
        ("a: deal\n  .x\n   and amuont", "amuont", (3, 8, 3, 14)),
        ("a: 'it''s amuont'", "amuont", (1, 11, 1, 17)),
        ("a: 'it''s'", "'", (1, 7, 1, 9)),
        ('a: "\\u0416 \\x41 amuont"', "amuont", (1, 17, 1, 23)),
        ('a: "\\u0416 \\x41 amuont"', "A", (1, 12, 1, 16)),
        ('a: "x \\\n   amuont"', "amuont", (2, 4, 2, 10)),
        ('a: "x\n\n\n  amuont"', "amuont", (4, 3, 4, 9)),
        ('a: "x\n\n\n  y"', "\n\n", (2, 1, 4, 1)),
        ("a: |\n  x\n   amuont", "amuont", (3, 4, 3, 10)),
        ("a: |1\n   x\n   amuont", "amuont", (3, 4, 3, 10)),
        ("a: >-\n  deal.x and\n  amuont\n\n", "amuont", (3, 3, 3, 9)),
        ("a: >-\n  deal.x and\n  amuont\n\n", " amuont", (2, 13, 3, 9)),
        ("a: >\r\n  😀\r\n\r\n  amuont\r\n", "amuont", (4, 3, 4, 9)),
        ("a: |+\n\n  x\n    amuont\n\n", "amuont", (4, 5, 4, 11)),
    ],
)
def test_a_part_of_a_text_is_found_where_it_was_written(text: str, part: str, expected: Place) -> None:
    node = value(text)
    assert isinstance(node, Scalar)
    start = node.text.index(part)
    assert place(node.locate(start, start + len(part))) == expected


def test_offsets_beyond_a_text_are_its_ends() -> None:
    node = value("a: 'b''c'")
    assert isinstance(node, Scalar)
    assert place(node.locate(-5, 99)) == (1, 5, 1, 9)
    assert place(node.locate(3, 3)) == (1, 9, 1, 9)
    assert place(node.locate(1, 1)) == (1, 6, 1, 6)


@pytest.mark.parametrize("text", ["a: |\nb: 1", "a: >-\n\n\nb: 1", 'a: "\\\n  "'])
def test_nothing_is_found_in_a_text_that_is_empty(text: str) -> None:
    node = value(text)
    assert isinstance(node, Scalar)
    assert node.text == ""
    assert node.locate(0, 0) == node.span


def test_an_escaped_line_break_at_the_margin() -> None:
    node = read_document(b'"a\\\nbc"', "a.yaml").root
    assert isinstance(node, Scalar)
    assert node.text == "abc"
    assert place(node.locate(1, 3)) == (2, 1, 2, 3)


def test_a_scan_that_does_not_fit_the_text_answers_with_the_whole_scalar() -> None:
    locate = Locator(Source("a.yaml", "a: 'b''c'"), Style.SINGLE, 3, 9, "something else")
    assert place(locate(0, 1)) == (1, 4, 1, 10)
