"""Bytes and texts: in which encoding a file stands, and how long a text is in it.

A file's untouched bytes are never encoded anew. Texts are decoded only to be read, and the lengths of their lines must
add up to the file's size: so an encoding that can't be told back to its bytes is found out before anything is written.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from flowrun.diagnostics import excerpt
from flowrun.errors import WorkFailed

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks; the longer of two that begin alike first."""

_PLAIN = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
"""Encodings that write a mark, as those that don't: whether a file has one is the file's business."""

_STATEFUL = ("utf-7", "iso2022", "hz", "idna", "punycode", "raw_unicode", "unicode_", "undefined", "mbcs", "oem")
"""In these the bytes of a text depend on what stands before it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, and the bytes of the mark that the file begins with (none: empty)."""

    name: str
    mark: bytes = b""

    def size(self, text: str) -> int:
        """How many bytes the text takes."""
        if text.isascii() and self.name in _ASCII_IS_ONE:
            return len(text)
        return len(text.encode(self.name))


_ASCII_IS_ONE = frozenset({"utf-8", "cp1251", "cp1252", "iso8859-1", "koi8-r", "cp866", "ascii"})
"""Encodings in which an ASCII character is one byte: there a line's length need not be found by encoding it."""


def named(name: str | None) -> str:
    """The encoding that the option names, as Python calls it; null is UTF-8. Raises WorkFailed."""
    if name is None:
        return "utf-8"
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        found = ""
    try:
        sound = not found.startswith(_STATEFUL) and isinstance("a".encode(found), bytes)
    except (LookupError, UnicodeError):
        sound = False
    if not sound:
        message = f"the source 'files' knows no encoding '{excerpt(name)}'"
        raise WorkFailed(message, "write for example utf-8, cp1251, latin-1 or utf-16")
    return _PLAIN.get(found, found)


def of(head: bytes, default: str) -> Encoding:
    """The encoding of a file that begins with these bytes (four suffice): that of its mark, or the default."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, mark)
    return Encoding(default)
