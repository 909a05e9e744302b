"""The values that options and arguments take beyond those of click itself: how many, and which revision.

Each is a function for click's `type=`, from the text to the value. It raises click.BadParameter, to which click adds
the option.
"""

from __future__ import annotations

import re

import click

from flowrun.diagnostics import excerpt

LARGEST = 999_999_999_999
"""The most that a count may be: more than there is of anything, and far below what a store can take."""

_NUMBER = re.compile("0{0,99}[1-9][0-9]{0,11}")


def how_many(text: str) -> int:
    """How many of something: from 1 to `LARGEST`."""
    return _number(text, "count")


def revision_number(text: str) -> int:
    """The number of a revision, be there such a one or not: from 1 to `LARGEST`."""
    return _number(text, "number of a revision")


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise click.BadParameter(f"'{excerpt(text)}' is no {what}: 1 to {LARGEST:,}")
    return int(text)
