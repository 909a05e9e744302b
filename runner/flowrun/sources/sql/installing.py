"""Installing: what flowrun makes in a user's database, on the user's word only, and takes away again.

Everything is made only where it is missing, so that installing again mends what someone has dropped, and leaves no
moment in which a change goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Protocol

from sqlalchemy import Connection, inspect

from flowrun.errors import WorkFailed
from flowrun.sources.interface import Place
from flowrun.sources.secrets import reveal
from flowrun.sources.sql import triggers
from flowrun.sources.sql.database import open_database
from flowrun.sources.sql.options import Notice, SqlBlock
from flowrun.sources.sql.shape import Shape, described
from flowrun.sources.sql.triggers import Names


def install(options: SqlBlock, place: Place, *, make: bool = True) -> tuple[str, ...]:
    """Make what is missing in the database: the table of keys if no column holds them, and for `notice: outbox` the
    outbox and its triggers. Gives the statements of SQL, in order; none if nothing was missing. Without `make`, they
    are only given, for a person to read or to run.

    Raises WorkFailed or SourceTrouble as the database says.
    """
    return _done(options, place, _missing, make=make)


def uninstall(options: SqlBlock, place: Place, *, make: bool = True) -> tuple[str, ...]:
    """Take the triggers and the outbox away, whatever `notice` says now; what is in the outbox is lost with it, so
    that the next reading must be of everything. The keys stay. Otherwise as `install`."""
    return _done(options, place, _removal, make=make)


def check_outbox(connection: Connection, shape: Shape, names: Names) -> None:
    """Raises WorkFailed unless the outbox and all its triggers are there."""
    found = triggers.there(connection, shape, names)
    lacking = [names.trigger(event) for event in triggers.events(shape.database) if names.trigger(event) not in found]
    if not inspect(connection).has_table(names.outbox, schema=names.schema):
        lacking.insert(0, names.outbox)
    if lacking:
        raise WorkFailed(
            f"'{shape.table.name}' has no {lacking[0]}, which `notice: outbox` rests on",
            "install the outbox and its triggers; after they were missing, changes are found by the next full reading",
        )


def has_keys(connection: Connection, names: Names) -> bool:
    """Whether the table of keys is there."""
    return inspect(connection).has_table(names.keys, schema=names.schema)


def _done(options: SqlBlock, place: Place, wanted: _Wanted, *, make: bool) -> tuple[str, ...]:
    assert options.url is not None
    database = open_database(reveal(options.url, place.folder, "the address of the database"), place.folder)
    with closing(database), database.changing() as connection:
        shape = described(connection, options, place.flow)
        statements = tuple(wanted(connection, options, shape))
        for statement in statements if make else ():
            connection.exec_driver_sql(statement if database.name == "sqlite" else statement.replace("%", "%%"))
    return statements


class _Wanted(Protocol):
    def __call__(self, connection: Connection, options: SqlBlock, shape: Shape) -> Iterator[str]: ...


def _missing(connection: Connection, options: SqlBlock, shape: Shape) -> Iterator[str]:
    names = Names.of(options, shape)
    if shape.key is None and not has_keys(connection, names):
        yield triggers.keys_table(shape, names)
    if options.notice is not Notice.OUTBOX:
        return
    found = triggers.there(connection, shape, names)
    if not inspect(connection).has_table(names.outbox, schema=names.schema):
        yield triggers.outbox_table(shape, names)
        if shape.database == "postgresql":
            yield triggers.function(shape, names)
            yield triggers.private(shape, names)
    for event in triggers.events(shape.database):
        if names.trigger(event) not in found:
            yield triggers.trigger(shape, names, event)
            if shape.database == "postgresql":
                yield triggers.always(shape, names, event)


def _removal(connection: Connection, options: SqlBlock, shape: Shape) -> Iterator[str]:
    names = Names.of(options, shape)
    yield from triggers.removal(shape, names, triggers.there(connection, shape, names))
