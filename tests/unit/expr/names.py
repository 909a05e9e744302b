"""The names that the tests of expressions use."""

from __future__ import annotations

from decimal import Decimal

from flowrun.expr import Names, builtins
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, decimal, enum

NAMES = Names(
    {
        **builtins(["sales.new", "sales.won", "onboarding.kickoff"], ["sales", "onboarding"]),
        "amount": decimal(2),
        "rate": decimal(4),
        "seats": INTEGER,
        "paid": BOOLEAN,
        "source": enum("web", "ads", "partner"),
        "channel": enum("mail", "phone"),
        "account": TEXT,
        "renewal_on": DATE,
        "call_at": DATETIME,
        "tags": TAGS,
    },
    {
        "big": (decimal(2), Decimal("100000.00")),
        "word": (TEXT, "vip"),
        "huge": (INTEGER, 10**18),
        "nothing": (INTEGER, None),
        "vips": (TAGS, ("vip",)),
    },
)
