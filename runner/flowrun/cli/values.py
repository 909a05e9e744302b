"""The values that options and arguments take beyond those of click itself: how many, which revision, whose plan.

Each is for click's `type=`, and raises click.BadParameter, to which click adds the option.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

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


class PlanPath(click.Path):
    """The path of a saved plan's file, be it there or not: never a standard stream."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; fails for a text that names no file."""
        if value == "":
            self.fail("'' names no file; write for example plan.json", param, ctx)
        if value == "-":
            self.fail("a plan is a file, and '-' is none; write for example plan.json", param, ctx)
        return super().convert(value, param, ctx)


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise click.BadParameter(f"'{excerpt(text)}' is no {what}: 1 to {LARGEST:,}")
    return int(text)
