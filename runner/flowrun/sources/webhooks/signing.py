"""Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, by each of the secrets."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from pathlib import Path

from flowrun.errors import WorkFailed
from flowrun.flow.model import SecretRef
from flowrun.sources.secrets import reveal

PREFIX = "whsec_"
"""How a secret begins; base64 of 24 to 64 bytes follows."""

_SHORTEST, _LONGEST = 24, 64


def keys(secrets: Sequence[SecretRef], folder: Path, webhook: str) -> tuple[bytes, ...]:
    """What these secrets sign with. Raises WorkFailed, without the secret, for one that isn't there or is none."""
    return tuple(_key(reveal(one, folder, f"the secret of the webhook '{webhook}'"), webhook) for one in secrets)


def _key(text: str, webhook: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not text.startswith(PREFIX) or not _SHORTEST <= len(found) <= _LONGEST:
        raise WorkFailed(
            f"the secret of the webhook '{webhook}' is none: expected {PREFIX} and base64 of 24 to 64 bytes",
            f"make one for example with: echo {PREFIX}$(openssl rand -base64 32)",
        )
    return found


def signature(key_s: Sequence[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`. `timestamp` is in whole seconds, UTC."""
    signed = f"{id_}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in key_s)
