"""Makes the functions in a PostgreSQL store that take the place of those that `functions` registers on SQLite.

They are in `postgresql_functions.sql`; what is filled in here is what Python knows of characters, one by one: the
server's own mapping of case depends on its language and version.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from sqlalchemy import Connection

from flowrun.expr.functions import lower, upper
from flowrun.store.watching import TEXT_CHARACTERS

_ASCII = 0x80
_LAST = 0x1F000
"""No character from there on has a case."""
_SURROGATES = range(0xD800, 0xE000)
_SOME = (range(0x100), range(0x400, 0x460))
"""The characters of the shorter lists: those of Western Europe, and Cyrillic. Texts may have signs beside them."""


def install(connection: Connection) -> None:
    """Make the functions, or make them anew, in the schema that the connection's search path names first."""
    connection.exec_driver_sql(_statements())


@cache
def _statements() -> str:
    text = files("flowrun.store").joinpath("postgresql_functions.sql").read_text("utf-8")
    for name, change in (("LOWER", lower), ("UPPER", upper)):
        pairs = _pairs(change)
        some = [(one, other) for one, other in pairs if any(ord(one) in block for block in _SOME)]
        for mark, found in ((name, pairs), (f"{name}_SOME", some)):
            for at, side in enumerate(("FROM", "TO")):
                text = text.replace(f"@{mark}_{side}@", "".join(pair[at] for pair in found))
    white = "".join(f"\\u{code:04x}" for code in range(1, _SURROGATES.start) if chr(code).isspace())
    return text.replace("@WHITE_SPACE@", f"E'{white}'").replace("@TEXT_CHARACTERS@", str(TEXT_CHARACTERS))


def _pairs(change: Callable[[str], str]) -> list[tuple[str, str]]:
    """The characters beyond ASCII that the mapping changes, each with what it becomes."""
    characters = [chr(code) for code in range(_ASCII, _LAST) if code not in _SURROGATES]
    return [(character, changed) for character in characters if (changed := change(character)) != character]
