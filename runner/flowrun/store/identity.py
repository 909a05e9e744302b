"""Who a store is: what tells it from every other one, and the key that seals the plans made for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from flowrun.store.tables import flowrun


@dataclass(frozen=True, slots=True)
class Identity:
    """A store's random identity, which it says to everyone, and its key, which leaves it in no form."""

    id: str
    key: bytes


def identity(connection: Connection) -> Identity:
    """The identity of that store; both were made with it (the key of an older store with its newer tables)."""
    row = connection.execute(select(flowrun.c.identity, flowrun.c.plan_key)).one()
    return Identity(row.identity, bytes.fromhex(row.plan_key))


def without_password(url: str) -> str:
    """The address of a store as it may be written down; one that has no password stays as it was written."""
    address = make_url(url)
    secret = [name for name in address.query if name.lower() in {"password", "sslpassword"}]
    if address.password is None and not secret:
        return url
    return address._replace(password=None).difference_update_query(secret).render_as_string(hide_password=False)
