"""Comments, and what only looks like one."""

from __future__ import annotations

import pytest

from flowrun.yamldoc import read_document


def found(text: str) -> list[tuple[str, int, int, bool]]:
    comments = read_document(text.encode(), "a.yaml").comments
    return [(comment.text, comment.span.line, comment.span.column, comment.alone) for comment in comments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# one\na: 1  # two\n  # three", [(" one", 1, 1, True), (" two", 2, 7, False), (" three", 3, 3, True)]),
        ("имя: 1 # flowrun: ignore[FR310] так надо\r\n", [(" flowrun: ignore[FR310] так надо", 1, 8, False)]),
        ("a: b#c\nd: '# x'\ne: \"# y\"\n", []),
        ("a: 'x\n  # y'\nb: z#\n", []),
        ("a: | # head\n  # text\n  x # text\n# foot\n", [(" head", 1, 6, False), (" foot", 4, 1, True)]),
        ("a: >+\n  # text\n\n # foot\n", [(" foot", 4, 2, True)]),
        ("[a, # one\n b #two\n]#three", [(" one", 1, 5, False), ("two", 2, 4, False), ("three", 3, 2, False)]),
        (
            "%YAML 1.2 # one\n--- # two\n&x # three\na: 1",
            [(" one", 1, 11, False), (" two", 2, 5, False), (" three", 3, 4, False)],
        ),
        ("# a # b\n", [(" a # b", 1, 1, True)]),
        ("#\n", []),
        ("# only", [(" only", 1, 1, True)]),
    ],
)
def test_comments(text: str, expected: list[tuple[str, int, int, bool]]) -> None:
    assert found(text) == expected


def test_the_span_ends_with_the_line() -> None:
    (comment,) = read_document(b"a: 1 # two\r\nb: 2\n", "a.yaml").comments
    assert (comment.span.end_line, comment.span.end_column) == (1, 11)
