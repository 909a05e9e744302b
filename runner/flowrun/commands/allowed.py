"""What a run is allowed in spite of the rails: the words of `--allow`, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.errors import WrongUsage
from flowrun.plan import Allowed, Rail

_NUMBER = re.compile("[1-9][0-9]{0,11}")
_WHOLE = 100


def allowed(words: Iterable[str]) -> Allowed:
    """What words such as `existing=214` or `environment` allow; of two about one rail, the last one counts.

    Raises WrongUsage for an unknown rail, for what is no number from 1, and for a share beyond 100 percent.
    """
    found: dict[Rail, int | None] = {}
    for word in words:
        name, equals, number = word.partition("=")
        if name not in set(Rail):
            raise WrongUsage(f"--allow: there is no rail '{excerpt(name)}'", _rails(name))
        rail = Rail(name)
        if equals and rail is Rail.ENVIRONMENT:
            raise WrongUsage("--allow: the rail 'environment' takes no number", "write --allow environment")
        if equals and not _NUMBER.fullmatch(number):
            says = f"--allow: '{excerpt(number)}' is no number of {_unit(rail)}"
            raise WrongUsage(says, f"write for example --allow {rail}=12; without a number, any is allowed")
        if equals and rail is Rail.SHARE and int(number) > _WHOLE:
            raise WrongUsage(
                f"--allow: a share is at most {_WHOLE} percent, not {number}", "write for example share=12"
            )
        found[rail] = int(number) if equals else None
    return found


def words(allowed: Allowed) -> list[str]:
    """What is allowed, in the words of `--allow`."""
    return [str(rail) if number is None else f"{rail}={number}" for rail, number in allowed.items()]


def _rails(name: str) -> str:
    every = f"the rails are {', '.join(Rail)}"
    close = did_you_mean(name, Rail)
    return f"{close} ({every})" if close else every


def _unit(rail: Rail) -> str:
    return "percent" if rail is Rail.SHARE else "deals"
