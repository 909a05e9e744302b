"""The ids of deals: what may be one (format.md, "Ids")."""

from __future__ import annotations

import re

ID_CHARACTERS = 200
"""The most characters of a deal's id."""

_BAD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def id_problem(text: str, *, new: bool) -> str | None:
    """What is wrong with the id of a deal, or None. Only copies, which flowrun makes, have a `~` in theirs."""
    if not text:
        return "the id is empty"
    if len(text) > ID_CHARACTERS:
        return f"the id has {len(text):,} characters; at most {ID_CHARACTERS} are allowed"
    if _BAD.search(text):
        return "the id holds a control character"
    if new and text != text.strip():
        return f"the id '{text}' begins or ends with white space"
    if new and "~" in text:
        return f"'{text}' is no id for a new deal: only the ids of copies, which flowrun makes, hold a '~'"
    return None
