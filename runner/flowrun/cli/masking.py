"""What must never be shown: passwords in addresses, and secrets in the environment of this process.

They may turn up anywhere: in what a driver says, in a traceback, in arguments. So every text that goes to stderr, a log
or the report of a defect passes through here, whoever made it. Results (stdout) don't: they are the users' data, in
which addresses are shown without their passwords.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_USERINFO = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_QUERY = re.compile(r"([?&](?:ssl)?password=)[^&\s'\"]+", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"://[^:/@\s]*:([^@\s]+)@|[?&](?:ssl)?password=([^&\s]+)", re.IGNORECASE)
_SECRET_NAME = re.compile(r"PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|_KEY$|^KEY$", re.IGNORECASE)
_SHORTEST = 4
"""A shorter secret is hidden in addresses alone: everywhere else it would hide half of what is said."""
_LONG = 8
"""From here on a secret is hidden inside of words too."""
MASK = "***"


class Mask:
    """Hides the secrets of these addresses and this environment."""

    def __init__(self, addresses: Iterable[str], environment: Mapping[str, str]) -> None:
        found = {value.strip() for name, value in environment.items() if _SECRET_NAME.search(name)}
        for address in (*addresses, *environment.values()):
            for match in _IN_ADDRESS.finditer(address):
                found |= _forms(match[1] or match[2])
        told = sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(map(_pattern, told))) if told else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        text = _QUERY.sub(rf"\1{MASK}", _USERINFO.sub(rf"\1:{MASK}@", text))
        return self._known.sub(MASK, text) if self._known else text


def _forms(secret: str) -> set[str]:
    """A secret of an address as it is written there, and as it is meant."""
    from urllib.parse import unquote

    return {secret, unquote(secret)}


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) >= _LONG else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
