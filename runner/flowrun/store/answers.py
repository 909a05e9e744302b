"""Answers that were given to requests with a key of their own: a request that comes again gets the same one.

The key is taken first, so that of two requests that come at once the second waits for the first one's transaction.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from flowrun.store.connection import Transaction
from flowrun.store.tables import answers
from flowrun.store.upsert import upsert

KEPT = 86_400_000
"""For how long an answer is kept: milliseconds, a day."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before. `digest` is that of its request, `content` is null where it had none."""

    digest: str
    status: int
    content: str | None


def digest(*parts: object) -> str:
    """What identifies a request made of these parts, as SHA-256 in hex."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def taken(transaction: Transaction, key: str, request: str) -> Kept | None:
    """Take that key for the request of that digest; the answer that was given under it where it is taken already."""
    connection = transaction.connection
    connection.execute(delete(answers).where(answers.c.at <= transaction.now - KEPT))
    mine = upsert(answers).values(key=key, digest=request, status=0, content=None, at=transaction.now)
    if connection.execute(mine.on_conflict_do_nothing()).rowcount:
        return None
    row = connection.execute(select(answers).where(answers.c.key == key)).one()
    return Kept(row.digest, row.status, row.content)


def keep(transaction: Transaction, key: str, status: int, content: str | None) -> None:
    """Remember what is answered under the key that was taken in this transaction."""
    values = {"status": status, "content": content}
    transaction.connection.execute(update(answers).where(answers.c.key == key).values(values))
