"""Samples: ids and values that are easily taken for one another, or don't survive a careless conversion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from flowrun.expr.types import Value

IDS = (
    "7",
    "007",
    "deal",
    "Deal",
    "two words",
    "a,b;c\t".strip(),
    'say "so"',
    "it's",
    "100%_",
    "a/b\\c",
    "Ivan Иванов",
    "é",
    "e\u0301",
    "ß",
    "ss",
    "שלום-עולם",
    "中文",
    "𝔘🦊",
    "👩‍👩‍👧",
    "null",
    "x" * 200,
    "🦊" * 200,
)
"""Ids that are all different: no two of them may be taken for one."""

VALUES: Mapping[str, tuple[Value, ...]] = {
    "title": ("Acme", "é", "e\u0301", "שלום", "𝔘🦊 👩‍👩‍👧", "null", "true", "007", "1e3", "2026-01-02"),
    "owner": ("ann", "it's", 'say "so"', "a,b;c|d", "=1+1", "{{ deal.title }}", "$1 %s :x ?", "\\N"),
    "note": (" padded ", "line\nbreak", "tab\there", "\ufeffbom", "sep\u2028arated", "n" * 10_000, "🦊" * 1_000),
    "seats": (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    "amount": (Decimal("0.01"), Decimal("-0.01"), Decimal("9999999999999999.99"), Decimal("-9999999999999999.99")),
    "share": (Decimal("0.000001"), Decimal("999999999999.999999"), Decimal("1.500000")),
    "paid": (True, False),
    "renewal_on": (date(1, 1, 1), date(1970, 1, 1), date(2028, 2, 29), date(9999, 12, 31)),
    "call_at": (0, 1, -1, 1_767_225_599_999, -62_135_596_800_000, 253_402_300_799_999),
    "channel": ("web", "партнёр"),
    "labels": (("vip",), ("a,b", "c;d"), ('q"', "ß", "שלום", "🦊")),
}
"""Values of every type, with their limits (format.md, "Field types"). Empty is tried besides, for all."""
