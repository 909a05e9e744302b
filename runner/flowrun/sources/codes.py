"""What a person can be told about a mapping: the codes FR60x."""

from __future__ import annotations

CODES: dict[str, str] = {
    "FR601": "a key or value that a mapping does not have",
    "FR602": "a column mapped to something that a deal does not have",
    "FR603": "two columns mapped to one field",
    "FR604": "no such stage or pipeline",
    "FR605": "settings of a mapping that do not go together",
    "FR606": "a date format, delimiter, decimal sign or instant that is none",
    "FR607": "a mapped column that the file does not have",
    "FR608": "a header that comes twice or can't be read",
}
"""Every code of this floor, with what it is about."""
