"""Reading a file: bytes in, a document out, with every finding that YAML alone can give.

In order: the size, the encoding, the characters, then the events under the format's limits (`compose`). Each step
rests on the one before, so the first that fails is the last.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from flowrun.diagnostics import Diagnostic, Span, error, in_order
from flowrun.yamldoc.characters import NOT_IN_A_FILE, character_name
from flowrun.yamldoc.comments import comments
from flowrun.yamldoc.compose import Composer
from flowrun.yamldoc.document import Document
from flowrun.yamldoc.source import Source

MAX_BYTES = 1 << 20
"""1 MiB (format.md, "Rules")."""

_MAX_CHARACTER_FINDINGS = 20
"""A binary file has a million of them; a damaged text has a few."""

_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|(?:[^\0]\0){2}|(?:\0[^\0]){2}|[^\0]\0\0\0|\0\0\0[^\0]")
"""How UTF-16 and UTF-32 start: with a byte order mark, or with ASCII characters among NUL bytes (YAML 1.2, 5.2)."""

_SPLIT = "split it: all files of a folder are read into one project"

_DIRECTIVE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n|%YAML\b[^\n]*\n)*+(?=(%(?!YAML\b)[^\r\n]*))")
"""A directive that says no version. One for tags has no use here, and libyaml's time grows with the square of many."""


@lru_cache(maxsize=16)
def read_document(data: bytes, file: str) -> Document:
    """The document that the bytes of a file hold; `file` is its name in every span. Raises nothing.

    The last ones are remembered: whoever edits files reads each several times, before and after.
    """
    if len(data) > MAX_BYTES:
        return _refused("", [error("FR001", "the file is larger than 1 MiB", _top(file), _SPLIT)])
    if _WIDE.match(data):
        message = "the file is UTF-16 or UTF-32; expected UTF-8"
        return _refused("", [error("FR002", message, _top(file), "save it as UTF-8")])
    try:
        text = data.removeprefix(_UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError as failure:
        return _refused("", [_undecodable(failure, file)])
    source = Source(file, text)
    if findings := _bad_characters(source):
        return _refused(text, findings)
    if directive := _DIRECTIVE.match(text):
        span = source.span(*directive.span(1))
        return _refused(text, [error("FR113", "a directive other than %YAML", span, "take it out")])
    composer = Composer(source)
    root = composer.read()
    stopped = root is None and composer.findings
    remarks = () if stopped else tuple(comments(source, composer.scalars, composer.end))
    return Document(root, in_order(composer.findings), text, remarks)


def _refused(text: str, findings: list[Diagnostic]) -> Document:
    return Document(None, tuple(findings), text, ())


def _top(file: str) -> Span:
    """The place of a finding about a whole file."""
    return Span(file, 1, 1, 1, 1)


def _undecodable(failure: UnicodeDecodeError, file: str) -> Diagnostic:
    data, start = failure.object, failure.start
    before = Source(file, data[:start].decode("utf-8"))
    place = before.span(len(before.text), len(before.text))
    span = Span(file, place.line, place.column, place.line, place.column + 1)
    return error("FR003", f"the byte 0x{data[start]:02X} here is not UTF-8", span, "save the file as UTF-8")


def _bad_characters(source: Source) -> list[Diagnostic]:
    found = islice(NOT_IN_A_FILE.finditer(source.text), _MAX_CHARACTER_FINDINGS)
    return [_bad_character(match.group(), source.span(*match.span())) for match in found]


def _bad_character(char: str, span: Span) -> Diagnostic:
    if char == "\r":
        return error("FR004", "a carriage return without a line feed", span, "end lines with LF or CRLF")
    help_ = "take it out; where a text needs it, write it as an escape in double quotes"
    return error("FR004", f"{character_name(char)} can't stand in a file", span, help_)
