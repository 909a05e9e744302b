"""SQL that is compiled once per revision and run on every tick.

A statement over dozens of tunnels is a large expression; SQLAlchemy would walk it on each execution to find its
compiled form. Here it is compiled when it is first run, for the database that it is run on, and each run only binds its
parameters. Nor does a driver have to look for them in the text each time, which takes longer than a small tick's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BindParameter, ClauseElement, Connection, CursorResult, Executable, bindparam
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from flowrun.store.postgresql import execute_numbered

_T = TypeVar("_T")


class _Open:
    """Stands for a parameter that has no value yet; no driver takes it."""

    def __repr__(self) -> str:
        return "a parameter without a value"


def parameter(name: str, type_: TypeEngine[_T] | type[TypeEngine[_T]]) -> BindParameter[_T]:
    """A parameter that each run of a statement gives a value."""
    return bindparam(name, value=_Open(), type_=type_)


class _Compiled(NamedTuple):
    """A statement as one database takes it. `names` are its parameters in their order."""

    sql: str
    fixed: Mapping[str, Any]
    names: tuple[str, ...]


class Statement:
    """A compiled statement. `run` takes the parameters that vary; all others were bound when it was built."""

    __slots__ = ("_compiled", "_element")

    def __init__(self, element: Executable) -> None:
        assert isinstance(element, ClauseElement)
        self._element = element
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, connection: Connection, **parameters: object) -> CursorResult[*tuple[Any, ...]]:
        """Execute with these parameters."""
        sql, fixed, names = self._for(connection)
        given = {**fixed, **parameters}
        values = tuple(given[name] for name in names)
        if connection.dialect.name == "postgresql":
            return execute_numbered(connection, sql, values)
        return connection.exec_driver_sql(sql, values)

    def _for(self, connection: Connection) -> _Compiled:
        schemas = connection.get_execution_options().get("schema_translate_map") or {}
        key = (connection.dialect.name, *schemas.values())
        found = self._compiled.get(key)
        if found is None:
            compiled = self._element.compile(
                dialect=connection.dialect,
                schema_translate_map=schemas,
                render_schema_translate=bool(schemas),
                compile_kwargs={"render_postcompile": True},
            )
            assert isinstance(compiled, SQLCompiler)
            sql, names = str(compiled), tuple(compiled.positiontup or ())
            if not compiled.positional:
                sql, names = _numbered(sql)
            found = self._compiled[key] = _Compiled(sql, dict(compiled.params), names)
        return found


_NAMED = re.compile(r"%(?:\((\w+)\)s|%)")


def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1` where it has `%(name)s`, and the names in the order of their numbers."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}" if match[1] else "%"

    return _NAMED.sub(number, sql), tuple(numbers)
