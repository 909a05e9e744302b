"""What a webhook is told: one firing, as the journal has it, under an id that every attempt repeats."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flowrun.clock import iso


def id_of(store: str, webhook: str, firing: Mapping[str, Any]) -> str:
    """The header `webhook-id`: the same for each attempt, another for each firing, webhook and store.

    A digest, since ids of deals may be of any language and length. `store` is the store's identity.
    """
    what = [store, webhook, *(firing[name] for name in ("deal", "entry", "tunnel", "result", "fired_at"))]
    digest = hashlib.sha256(json.dumps(what).encode()).digest()
    return "msg_" + base64.b32encode(digest[:20]).decode().lower()


def body_of(project: str, firing: Mapping[str, Any]) -> bytes:
    """What is sent: `type` is `firing.fired`, or another result; `data` has the keys of `flowrun journal`."""
    data = {
        "tunnel": firing["tunnel"],
        "deal": firing["deal"],
        "entry": firing["entry"],
        "action": firing["action"],
        "from": firing["from_stage"],
        "to": firing["to_stage"],
        "result": firing["result"],
        "target": firing["target"],
        "due_at": None if firing["due_at"] is None else iso(firing["due_at"]),
        "fired_at": iso(firing["fired_at"]),
        "revision": firing["revision"],
        "reason": firing["reason"],
    }
    content = {
        "version": 1,
        "type": f"firing.{firing['result']}",
        "timestamp": iso(firing["fired_at"]),
        "project": project,
        "data": data,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
