"""Characters that are not what they seem: which may stand in a file, which in a text, and how a message names them.

YAML 1.1 and 1.2, editors and terminals disagree about U+0085, U+2028 and U+2029 (line breaks or not) and about a
carriage return alone. A file has none of them, so that all agree on what a line is. Where they are meant, a
double-quoted text has escapes. What names and ids may hold beyond that is `config`'s to say, with these predicates.
"""

from __future__ import annotations

import re
import unicodedata

NOT_IN_A_FILE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
"""What no file may hold: control characters, line breaks beside LF and CRLF, byte order marks, noncharacters."""

NOT_IN_A_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What no text may hold, however it is written: NUL and lone surrogates (format.md, "Text stays text")."""

_NAMES = {"\x00": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", "\x1b": "escape", "\x7f": "delete"}


def is_control(char: str) -> bool:
    """Whether it is a control character; all line breaks count as such."""
    return unicodedata.category(char) in {"Cc", "Zl", "Zp"}


def is_bidi_or_zero_width(char: str) -> bool:
    """Whether it is invisible or changes the order in which others are shown (Unicode's format characters)."""
    return unicodedata.category(char) == "Cf" or char == "\u034f"


def character_name(char: str) -> str:
    """How a message names it: `U+200B (zero width space)`."""
    name = _NAMES.get(char) or unicodedata.name(char, "").lower()
    return f"U+{ord(char):04X} ({name})" if name else f"U+{ord(char):04X}"
