"""Lines of text with ink, and how much room a text takes in a terminal.

The one place that makes data safe to show: `visible` escapes whatever could steer a terminal or hide in it. It is
idempotent, so a renderer that needs widths may call it early, and the terminal calls it on everything at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import category, east_asian_width


class Ink(StrEnum):
    """How a run of text stands out. The values are SGR parameters (ECMA-48, 8.3.117)."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    CYAN = "36"
    ERROR = "1;31"
    WARNING = "1;33"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one line in one ink."""

    text: str
    ink: Ink = Ink.PLAIN


Line = tuple[Run, ...]
"""One line of output, without its line break."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: they steer the terminal, or break the line
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # bidi and invisible: they show something else than is there
    "\ud800-\udfff]"  # lone surrogates: no encoding takes them
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def line(*parts: str | Run) -> Line:
    """A line of runs; bare texts are plain."""
    return tuple(Run(part) if isinstance(part, str) else part for part in parts)


def visible(text: str) -> str:
    r"""The text with control, bidi and invisible characters escaped as `\n`, `\x1b`, `\u202e`."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def width(text: str) -> int:
    """The columns that a visible text takes in a terminal: two for East Asian wide ones and emoji, none for marks."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in {"W", "F"} else 1


def shortened(text: str, columns: int) -> str:
    """A visible text cut to that many columns, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    kept, used = "", 1
    for char in text:
        used += _columns(char)
        if used > columns:
            break
        kept += char
    return kept.rstrip() + "…"


def painted(text: Line, *, color: bool) -> str:
    """The line as a terminal takes it: made visible, with SGR sequences if `color`, without a line break."""
    return "".join(
        f"\x1b[{run.ink}m{visible(run.text)}\x1b[0m" if color and run.ink and run.text else visible(run.text)
        for run in text
    )


def plain(lines: Iterable[Line]) -> str:
    """The lines without colour, each ended by a line break."""
    return "".join(painted(text, color=False) + "\n" for text in lines)
