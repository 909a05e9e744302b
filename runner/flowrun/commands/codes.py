"""What a person can be told about a deal that a command names or writes: the codes FR62x."""

from __future__ import annotations

CODES: dict[str, str] = {
    "FR621": "a deal has no such field",
    "FR622": "something of a deal that flowrun keeps itself",
    "FR623": "a value that does not fit its field",
    "FR624": "an id that a new deal can't have",
    "FR625": "there is no such deal",
    "FR626": "a field without a value, or one that is given twice",
}
"""Every code of this floor, with what it is about."""
