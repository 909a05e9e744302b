"""How much an expression may be, and how far its values may go. format.md, "Conditions", is the source."""

from flowrun.expr.types import DIGITS

CHARACTERS = 4096
"""The longest condition or template."""

LEVELS = 40
"""How deep brackets may stand in brackets, and operations in operations; a chain such as `a and b and c` is one."""

ITEMS = 500
"""The longest list."""

TERMS = 10_000
"""The most terms that the SQL of an expression may have, its overflow checks included (see `size`)."""

DEPTH = 70
"""The most entries of SQLite's parser stack, of a hundred, that an expression may need: the rest is for the statement
around it. Brackets, `and`, `or`, `not`, `+`, `*` nest to all `LEVELS`; what becomes a function or CASE, less deep."""

LIMIT = 10**DIGITS
"""Arithmetic overflows where a number, scaled by its places, reaches this."""

EARLIEST = -62_135_596_800_000
"""The first millisecond of the year 1, UTC."""

LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999, UTC."""

ZONE_MARGIN = 86_400_000
"""Instants nearer than a day to these two have no local date in some zone; making one overflows."""
