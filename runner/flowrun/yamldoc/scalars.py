"""Writing a text as a scalar, in the style that its place asks for, so that it reads back as the same text.

Whether a text may stand without quotes is not decided by rules of our own: the parser is asked what it makes of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from yaml.events import ScalarEvent

from flowrun.yamldoc.characters import NOT_IN_A_FILE, NOT_IN_A_TEXT
from flowrun.yamldoc.events import NotYaml, events
from flowrun.yamldoc.nodes import NULLS, STYLES, Style
from flowrun.yamldoc.plain import Bare, Impossible

_ELSEWHERE = re.compile(
    r"y|n|yes|no|on|off|true|false|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|0o?[0-7_]+|0x[0-9a-f_]+|=|<<",
    re.IGNORECASE,
)
"""Texts that other readers of YAML take for something else; careful authors quote them."""
_NOT_SHOWN = re.compile(r"[\t\n\r\"\\]")
_ESCAPES = {"\t": r"\t", "\n": r"\n", "\r": r"\r", '"': r"\"", "\\": r"\\"}
_SPACE = re.compile(r"(?<=[^\s]) (?=[^\s])")
_JOINT = re.compile(r"(?:and|or)\b")
"""Before which words a condition is broken, if that is not too early in its line."""
_BLOCK = {Style.LITERAL: "|", Style.FOLDED: ">"}


def reads_as(source: str, *, flow: bool) -> tuple[str, Style] | None:
    """The text that the source of one scalar writes, with its style; None if it is no scalar, or more than that."""
    text = f"[{source}]\n" if flow else f"- {source}\n"
    if NOT_IN_A_FILE.search(source):
        return None
    try:
        found = [(event, end) for event, _, end in events(text) if not _structural(event)]
    except NotYaml:
        return None
    match found:
        case [(ScalarEvent(anchor=None, tag=None) as event, end)] if text[end:] in {"", "\n", "]\n"}:
            return event.value, STYLES[event.style]
        case _:
            return None


def _structural(event: object) -> bool:
    return type(event).__name__ in {
        "StreamStartEvent",
        "StreamEndEvent",
        "DocumentStartEvent",
        "DocumentEndEvent",
        "SequenceStartEvent",
        "SequenceEndEvent",
    }


def may_be_plain(text: str, *, flow: bool, key: bool = False) -> bool:
    """Whether the text may stand without quotes there, as a value or as a key, and is no null then."""
    if text in NULLS or "\n" in text or "\t" in text:
        return False
    if not key:
        return reads_as(text, flow=flow) == (text, Style.PLAIN)
    if text == "<<" or NOT_IN_A_FILE.search(text):
        return False
    try:
        written = f"{{{text}: x}}" if flow else f"{text}: x"
        return [one.value for one, _, _ in events(written) if isinstance(one, ScalarEvent)] == [text, "x"]
    except NotYaml:
        return False


def read_otherwise(text: str) -> bool:
    """Whether careful authors quote that text, since other readers take it for a number, a time or a boolean."""
    return _ELSEWHERE.fullmatch(text) is not None


def quoted(text: str, quote: str) -> str:
    """The text in quotes: those, unless the others need no escapes. Raises Impossible for what no text may hold."""
    if bad := NOT_IN_A_TEXT.search(text):
        raise Impossible(f"U+{ord(bad.group()):04X} in a text", "no text may hold it: take it out")
    if NOT_IN_A_FILE.search(text) or "\n" in text or "\t" in text:
        return _double(text)
    if quote == '"' and _NOT_SHOWN.search(text) and "'" not in text:
        quote = "'"
    if quote == "'" and "'" in text and not _NOT_SHOWN.search(text):
        quote = '"'
    return "'" + text.replace("'", "''") + "'" if quote == "'" else _double(text)


def _double(text: str) -> str:
    shown = _NOT_SHOWN.sub(lambda found: _ESCAPES.get(found.group(), found.group()), text)
    return '"' + NOT_IN_A_FILE.sub(lambda found: _escape(found.group()), shown) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def inline(text: str, style: Style | None, quote: str, *, flow: bool) -> str:
    """The text on one line: in the style, where it can be; without quotes where `style` is None and it can be."""
    if isinstance(text, Bare):
        if not may_be_plain(text, flow=flow):
            raise Impossible(f"'{text}' can't stand without quotes")
        return text
    if style in {Style.SINGLE, Style.DOUBLE}:
        return quoted(text, "'" if style is Style.SINGLE else '"')
    if may_be_plain(text, flow=flow) and (style is Style.PLAIN or not read_otherwise(text)):
        return text
    return quoted(text, quote)


def block(text: str, style: Style, indent: int, width: int, newline: str) -> str | None:
    """The text as a block scalar: its header, then lines indented by `indent`. None where it can't be one.

    Folded lines are broken where that leaves them shorter than `width`, of spaces between words only.
    """
    body = text.rstrip("\n")
    if not body or NOT_IN_A_FILE.search(text) or NOT_IN_A_TEXT.search(text) or body.strip(" \t\n") != body:
        return None
    ends = len(text) - len(body)
    header = _BLOCK[style] + ("-" if ends == 0 else "" if ends == 1 else "+")
    if style is Style.LITERAL:
        lines = body.split("\n")
    else:
        lines = [line for part in body.split("\n") for line in (*_wrapped(part, width - indent), "")][:-1]
    lines += [""] * (ends - 1)
    source = newline.join([header, *(" " * indent + line if line else "" for line in lines)])
    read = reads_as(source.replace("\r\n", "\n"), flow=False)
    return source if read == (text, style) else None


def _wrapped(line: str, width: int) -> list[str]:
    """The line in pieces not longer than `width`, where spaces between words allow that."""
    spaces = [found.end() for found in _SPACE.finditer(line)]
    pieces = []
    begin = at = 0
    while len(line) - begin > width and at < len(spaces):
        end = max(bisect_right(spaces, begin + width + 1), at + 1)
        joints = [space for space in spaces[at:end] if _JOINT.match(line, space) and space - begin > width // 3]
        cut = joints[-1] if joints else spaces[end - 1]
        pieces.append(line[begin : cut - 1])
        begin, at = cut, bisect_right(spaces, cut)
    return [*pieces, line[begin:]]
