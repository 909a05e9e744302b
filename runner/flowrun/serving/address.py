"""The address to listen at: HOST:PORT."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowrun.errors import WrongUsage

_LOOPBACK = "127.0.0.1"
_WRITTEN = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]\s/]*)):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0: at any that is free."""

    host: str
    port: int


def parsed(text: str) -> Address:
    """The address that `HOST:PORT` or `:PORT` names; without a host, this machine alone can reach it.

    Raises WrongUsage.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        raise WrongUsage(
            f"--listen: '{text}' is no HOST:PORT",
            "write for example :9464 (for this machine alone), 0.0.0.0:9464 (for all), or [::1]:9464",
        )
    return Address(match["six"] or match["host"] or _LOOPBACK, int(match["port"]))
