"""Every diagnostic code of `yamldoc`: what it says, and the exact place it points at, from both parsers."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import pytest

from flowrun.diagnostics import Severity
from flowrun.yamldoc import CODES, compose, events, read_document, syntax
from flowrun.yamldoc.source import Source


@dataclass(frozen=True)
class Case:
    """A file with one mistake. `place` is (line, column, end line, end column) of the finding."""

    code: str
    data: str | bytes
    place: tuple[int, int, int, int]
    message: str
    help: str | None = None
    related: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        return f"{self.code}-{self.data[:24]!r}"

    @property
    def bytes(self) -> bytes:
        return self.data.encode() if isinstance(self.data, str) else self.data


QUOTE = "put the whole value in quotes"
COLUMNS = "keys of one mapping, and items of one list, start in the same column"
NO_COLON = "write 'key: value'; text that goes on from the line above is indented deeper than its key"
TAG = "a value that starts with '!' needs quotes; for text, write the value in quotes instead of the tag"
TEMPLATE = "a value with '{{ }}' needs quotes round the whole of it"
SPACES = "YAML wants spaces: replace the tab"
DIRECTIVE = "take it out, or put a value that starts with '%' in quotes"
ESCAPE = "write '\\\\' for a backslash, or put the text in single quotes"
TOP = (1, 1, 1, 1)

CASES = [
    Case("FR001", b"#" * 1_500_000, TOP, "the file is larger than 1 MiB"),
    Case("FR002", "a: 1\n".encode("utf-16"), TOP, "the file is UTF-16 or UTF-32; expected UTF-8", "save it as UTF-8"),
    Case("FR002", "a: 1\n".encode("utf-16-be"), TOP, "the file is UTF-16 or UTF-32; expected UTF-8"),
    Case("FR002", "a: 1\n".encode("utf-16-le"), TOP, "the file is UTF-16 or UTF-32; expected UTF-8"),
    Case("FR002", "a: 1\n".encode("utf-32"), TOP, "the file is UTF-16 or UTF-32; expected UTF-8"),
    Case("FR002", "a: 1\n".encode("utf-32-be"), TOP, "the file is UTF-16 or UTF-32; expected UTF-8"),
    Case("FR002", "a: 1\n".encode("utf-32-le"), TOP, "the file is UTF-16 or UTF-32; expected UTF-8"),
    Case("FR003", "a: 1\nимя: 😀".encode() + b"\xe9 x", (2, 7, 2, 8), "the byte 0xE9 here is not UTF-8"),
    Case("FR003", b"\xef\xbb\xbfa: \xed\xa0\x80", (1, 4, 1, 5), "the byte 0xED here is not UTF-8"),
    Case("FR004", "a: 1\nb: x\0y", (2, 5, 2, 6), "U+0000 (NUL) can't stand in a file"),
    Case("FR004", "a: x\x1by", (1, 5, 1, 6), "U+001B (escape) can't stand in a file"),
    Case("FR004", "a: x\u2028y", (1, 5, 1, 6), "U+2028 (line separator) can't stand in a file"),
    Case("FR004", "a: \ufeffy", (1, 4, 1, 5), "U+FEFF (zero width no-break space) can't stand in a file"),
    Case("FR004", "a: 1\rb: 2", (1, 5, 1, 6), "a carriage return without a line feed", "end lines with LF or CRLF"),
    Case("FR101", "a: ]", (1, 4, 1, 5), "unexpected ']'; expected a value", QUOTE),
    Case("FR101", "a: - b", (1, 4, 1, 7), "a '-' item can't start on the line of its key"),
    Case("FR101", "a: ? b", (1, 4, 1, 7), "a '?' item can't start on the line of its key"),
    Case("FR101", "a: 1\n- b", (2, 1, 2, 4), "a list item where a key is expected", "write 'key: value'", ((1, 1),)),
    Case("FR101", "- a\nb: 1", (2, 1, 2, 5), "a key where a list item is expected", "start it with '- '", ((1, 1),)),
    Case("FR101", "a: &x *y", (1, 7, 1, 9), "unexpected '*y'", QUOTE),
    Case("FR101", "a: 1\n...\nb", (3, 1, 3, 2), "unexpected 'b' after the end of the document"),
    Case("FR101", "a: [|x]", (1, 5, 1, 7), "unexpected '|x'; expected a key or a value", QUOTE),
    Case("FR102", "a: b\n  c: d", (2, 3, 2, 7), "this line starts in column 3, which fits nothing above it", COLUMNS),
    Case("FR102", "a: 'b'\n  c: d", (2, 3, 2, 7), "this line starts in column 3, which fits nothing above it"),
    Case("FR102", "a:\n    b: 1\n  c: 2", (3, 3, 3, 7), "this line starts in column 3, which fits nothing above it"),
    Case("FR102", "a: 'b'\n  - c", (2, 3, 2, 6), "this line starts in column 3, which fits nothing above it"),
    Case("FR102", "- a: 1\n b: 2", (2, 2, 2, 6), "this line starts in column 2, which fits nothing above it"),
    Case("FR102", " a: 1\nb: 2", (2, 1, 2, 5), "this line starts in column 1, which fits nothing above it"),
    Case("FR103", "a:\n\tb: 1", (2, 1, 2, 2), "a tab in the indentation", SPACES),
    Case("FR103", "a:\n  - b\n\t\t- c", (3, 1, 3, 3), "a tab in the indentation"),
    Case("FR103", "a: |\n  x\n\ty\n", (3, 1, 3, 2), "a tab in the indentation"),
    Case("FR103", "-\ta: 1", (1, 2, 1, 3), "a tab before a value"),
    Case("FR104", "a: b\nfoo bar # c\nd: e", (2, 1, 2, 8), "no ':' after 'foo bar'", NO_COLON),
    Case("FR104", "foo\nbar: 1", (1, 1, 1, 4), "no ':' after 'foo'", NO_COLON),
    Case("FR104", "a: b\nkey:value\nd: e", (2, 1, 2, 10), "no space after the ':' in 'key:value'"),
    Case("FR104", "a" * 1030 + ": b", (1, 1, 1, 1034), "a key of more than 1,024 characters"),
    Case("FR104", "a: 1\n" + "b" * 1030 + "\nc: 1", (2, 1, 2, 1031), "a key of more than 1,024 characters"),
    Case("FR105", "имя: b: c", (1, 7, 1, 8), "a ': ' inside a value that has no quotes", QUOTE),
    Case(
        "FR106",
        "a: 'x\nb: 1\n",
        (1, 4, 1, 5),
        "the quote that opens here is never closed",
        "close it; a quote inside is doubled, ''",
    ),
    Case(
        "FR106",
        'a: "x\n---\n',
        (1, 4, 1, 5),
        "the quote that opens here is never closed",
        'close it; a quote inside is written \\"',
    ),
    Case("FR107", "a: [1, 2\n", (1, 4, 1, 5), "the '[' that opens here is never closed", "close it with ']'"),
    Case("FR107", "a: [1, ", (1, 4, 1, 5), "the '[' that opens here is never closed"),
    Case("FR107", "a: {b: 1", (1, 4, 1, 5), "the '{' that opens here is never closed", "close it with '}'"),
    Case("FR107", "a: [1, 2\nb: 3", (2, 2, 2, 3), "unexpected ':'; expected ',' or ']'", None, ((1, 4),)),
    Case("FR107", "a: {b]", (1, 6, 1, 7), "unexpected ']'; expected ',' or '}'", None, ((1, 4),)),
    Case("FR107", "a: {{ b: c: d }}", (1, 11, 1, 12), "unexpected ':'; expected ',' or '}'", TEMPLATE, ((1, 5),)),
    Case("FR108", 'a: "x\\q"', (1, 6, 1, 8), "'\\q' is no escape for a character in a double-quoted text", ESCAPE),
    Case("FR108", 'a: "\\xZZ"', (1, 5, 1, 9), "'\\xZZ' is no escape for a character in a double-quoted text"),
    Case("FR108", 'a: "\\\\\\ud800"', (1, 7, 1, 13), "'\\ud800' is no escape for a character in a double-quoted text"),
    Case(
        "FR108", 'a: "\\U00110000"', (1, 5, 1, 15), "'\\U00110000' is no escape for a character in a double-quoted text"
    ),
    Case("FR109", "a: @b", (1, 4, 1, 5), "'@' can't start a value or key that has no quotes", QUOTE),
    Case("FR109", "a: `b", (1, 4, 1, 5), "'`' can't start a value or key that has no quotes", QUOTE),
    Case("FR109", "a: %b", (1, 4, 1, 5), "'%' can't start a value or key that has no quotes", QUOTE),
    Case("FR110", "a: | foo", (1, 4, 1, 9), "after '|' only '+', '-' and a digit from 1 to 9 may stand on its line"),
    Case("FR110", "a: >0\n x", (1, 4, 1, 6), "after '>' only '+', '-' and a digit from 1 to 9 may stand on its line"),
    Case("FR111", "a: 'b' == c", (1, 8, 1, 12), "text after the closing quote", None, ((1, 4),)),
    Case("FR111", "a: {{ b }} c", (1, 12, 1, 13), "text after the closing bracket", TEMPLATE, ((1, 4),)),
    Case("FR111", 'a: "x\nb: "y"', (2, 5, 2, 7), "text after the closing quote", None, ((1, 4),)),
    Case("FR111", "{a: 1} b", (1, 8, 1, 9), "text after the closing bracket", None, ((1, 1),)),
    Case("FR111", "x: &x 1\na: *x y", (2, 7, 2, 8), "text after an alias", None, ((2, 4),)),
    Case(
        "FR112", "a: 1\n---\nb: 1", (2, 1, 2, 4), "a second document starts here", "a file holds one document: split it"
    ),
    Case("FR113", "# c\n%TAG ! x\n---\na: 1", (2, 1, 2, 9), "a directive other than %YAML", "take it out"),
    Case(
        "FR113",
        "%YAML 2.0\n---\na: 1",
        (1, 1, 1, 10),
        "a line that starts with '%' is a directive; this one is unknown or wrong",
        DIRECTIVE,
    ),
    Case(
        "FR113",
        "%YAML 1.3\n---\na: 1",
        (1, 1, 1, 10),
        "a line that starts with '%' is a directive; this one is unknown or wrong",
    ),
    Case("FR113", "%YAML 1.1\na: 1", (2, 1, 2, 3), "no '---' after the directives"),
    Case(
        "FR114",
        "from: *.won",
        (1, 7, 1, 12),
        "a '*' that is no name of an alias, '*name'",
        "a value that starts with '*' needs quotes",
    ),
    Case("FR114", "a: & b", (1, 4, 1, 5), "a '&' that is no name of an anchor, '&name'"),
    Case("FR120", "a: 1\nb: 2\n'a': 3", (3, 1, 3, 4), "duplicate key 'a'", "keep one of the two", ((1, 1),)),
    Case("FR121", "a: !!str 1", (1, 4, 1, 9), "tags such as '!!str' are not part of the format", TAG),
    Case("FR121", "a: !y\n  - 1", (1, 4, 1, 6), "tags such as '!y' are not part of the format", TAG),
    Case("FR121", "a: &x !y [1]", (1, 7, 1, 9), "tags such as '!y' are not part of the format", TAG),
    Case("FR121", "a: !<b", (1, 4, 1, 7), "tags such as '!<b' are not part of the format", TAG),
    Case(
        "FR122",
        "a: &a {x: 1}\nb:\n  <<: *a",
        (3, 3, 3, 5),
        "merge keys are not part of the format",
        "write the keys out",
    ),
    Case("FR123", "? [a]\n: b", (1, 3, 1, 6), "a list where a key is expected", "a key is a text"),
    Case("FR123", "a: {{ deal.title }}", (1, 5, 1, 19), "a mapping where a key is expected", TEMPLATE),
    Case("FR123", "? \n: b", (1, 2, 1, 2), "a key is missing here"),
    Case("FR123", "a: b\n: c", (2, 1, 2, 2), "a key is missing here"),
    Case(
        "FR124",
        "anna: &anna 1\na: *ana",
        (2, 4, 2, 8),
        "no anchor '&ana' stands before this alias",
        "did you mean 'anna'?",
    ),
    Case(
        "FR124",
        "a: *b",
        (1, 4, 1, 6),
        "no anchor '&b' stands before this alias",
        "a value that starts with '*' needs quotes",
    ),
    Case(
        "FR125",
        "a: &a [1, *a]",
        (1, 11, 1, 13),
        "'*a' stands inside the value that it stands for",
        "write the value out",
    ),
    Case(
        "FR126",
        "- &a 1\n" + "- *a\n" * 101,
        (102, 3, 102, 5),
        "more than 100 aliases in a file",
        "write the values out",
    ),
    Case(
        "FR127",
        "- 1\n" * 100_000,
        (100_000, 3, 100_000, 4),
        "more than 100,000 keys and values in a file, aliases written out",
    ),
    Case("FR128", "[" * 41, (1, 41, 1, 42), "nested deeper than 40 levels", "the format needs no such depth"),
    Case("FR128", "a: &a " + "[" * 38 + "]" * 38 + "\nb: [[*a]]", (2, 6, 2, 8), "nested deeper than 40 levels"),
    Case("FR129", 'a: b\nc: "x\n  y\\0z"', (3, 4, 3, 6), "U+0000 (NUL) in a text", "no text may hold it: take it out"),
]


@pytest.fixture(params=[True, False], ids=["libyaml", "python"])
def libyaml(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Reads with libyaml, and once more with PyYAML's own parser."""
    chosen: bool = request.param
    monkeypatch.setattr(compose, "events", functools.partial(events.events, libyaml=chosen))
    return chosen


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_mistake_is_named_at_its_exact_place(case: Case, libyaml: bool) -> None:
    findings = [finding for finding in read_document(case.bytes, "flows/a.yaml").findings if finding.code == case.code]
    assert len(findings) == 1
    (finding,) = findings
    span = finding.span
    assert (span.line, span.column, span.end_line, span.end_column) == case.place
    assert finding.message == case.message
    assert finding.severity is Severity.ERROR
    assert span.file == "flows/a.yaml"
    if case.help is not None:
        assert finding.help == case.help
    assert tuple((related.span.line, related.span.column) for related in finding.related) == case.related


def test_words_that_no_rule_knows_still_make_a_finding() -> None:
    failure = events.NotYaml("while scanning, found something new", 3, "", 3)
    finding = syntax.explain(failure, Source("a.yaml", "a: bcd e"), None, None)
    assert (finding.code, finding.message) == ("FR101", "this is not YAML: unexpected 'bcd'")
    assert (finding.span.column, finding.span.end_column) == (4, 7)


def test_every_code_has_a_case() -> None:
    assert {case.code for case in CASES} == set(CODES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_messages_are_one_line_and_never_the_parsers_own(case: Case) -> None:
    for finding in read_document(case.bytes, "a.yaml").findings:
        for text in (finding.message, finding.help or "", *(related.message for related in finding.related)):
            assert text.isprintable()
            assert len(text) < 130
            assert "while scanning" not in text
            assert "while parsing" not in text
            assert "<block" not in text
