"""Applied revisions: every configuration that the store has obeyed, whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, select, update

from flowrun.errors import WorkFailed
from flowrun.flow.codec import digest, dumps, loads
from flowrun.flow.model import Flow, Place, Places
from flowrun.store.connection import Transaction
from flowrun.store.tables import flowrun, revisions


@dataclass(frozen=True, slots=True)
class Author:
    """Who applies, from where, and what git says of the files. Null where it isn't known."""

    name: str | None = None
    host: str | None = None
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """How a revision came about.

    `plan` is the id of the saved plan that was applied, `difference` the JSON text of what `diff` said of it, `back_to`
    the revision that it went back to. Null where there is none.
    """

    plan: str | None = None
    difference: str | None = None
    back_to: int | None = None


DIRECT = Occasion()
"""Applied from files, with nothing more to tell."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One applied revision. `applied_at` is an instant (ms, UTC)."""

    number: int
    flow: Flow
    places: Places
    digest: str
    applied_at: int
    author: Author
    occasion: Occasion = DIRECT


def current(connection: Connection) -> Revision | None:
    """The applied revision, or None before the first."""
    found = number(connection)
    return None if found is None else revision(connection, found)


def number(connection: Connection) -> int | None:
    """The number of the applied revision, or None before the first."""
    found: int | None = connection.execute(select(flowrun.c.revision)).scalar_one()
    return found


def applied(connection: Connection) -> Revision:
    """The applied revision. Raises WorkFailed before the first."""
    found = current(connection)
    if found is None:
        raise WorkFailed("no revision is applied in this store yet", "apply one with 'flowrun apply'")
    return found


def revision(connection: Connection, number: int) -> Revision:
    """That revision. Raises sqlalchemy.exc.NoResultFound where there is none."""
    row = connection.execute(select(revisions).where(revisions.c.number == number)).one()
    return Revision(
        number=row.number,
        flow=loads(row.flow),
        places={name: Place(*place) for name, place in json.loads(row.places).items()},
        digest=row.digest,
        applied_at=row.applied_at,
        author=Author(row.applied_by, row.host, row.git_commit, None if row.git_dirty is None else bool(row.git_dirty)),
        occasion=Occasion(row.plan, row.difference, row.back_to),
    )


def find(connection: Connection, number: int) -> Revision | None:
    """That revision, or None where there is none (any more)."""
    known = connection.execute(select(revisions.c.number).where(revisions.c.number == number)).scalar()
    return None if known is None else revision(connection, number)


def numbers(connection: Connection, limit: int | None = None) -> list[int]:
    """The numbers of all revisions that aren't pruned, newest first; of the newest `limit` of them."""
    newest = select(revisions.c.number).order_by(revisions.c.number.desc()).limit(limit)
    return list(connection.execute(newest).scalars())


def made_by(connection: Connection, plan: str) -> int | None:
    """The number of the revision that the saved plan of that id was applied as, or None."""
    found: int | None = connection.execute(select(revisions.c.number).where(revisions.c.plan == plan)).scalar()
    return found


def add(transaction: Transaction, flow: Flow, places: Places, author: Author, occasion: Occasion = DIRECT) -> int:
    """Record the flow as the applied revision; its number."""
    connection = transaction.connection
    new: int = connection.execute(select(func.coalesce(func.max(revisions.c.number), 0) + 1)).scalar_one()
    connection.execute(
        insert(revisions).values(
            number=new,
            applied_at=transaction.now,
            applied_by=author.name,
            host=author.host,
            git_commit=author.commit,
            git_dirty=author.dirty,
            digest=digest(flow),
            flow=dumps(flow),
            places=json.dumps({name: list(asdict(place).values()) for name, place in places.items()}),
            plan=occasion.plan,
            difference=occasion.difference,
            back_to=occasion.back_to,
        )
    )
    connection.execute(update(flowrun).values(revision=new, environment=flow.environment))
    return new
