"""SQL that is compiled once per revision and run on every tick.

A statement over dozens of tunnels is a large expression; SQLAlchemy would walk it on each execution to find its
compiled form. Here it is compiled when the revision is loaded, and each run only binds its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ClauseElement, Connection, CursorResult, Executable, bindparam
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_DIALECT = sqlite.dialect()
_T = TypeVar("_T")


class _Open:
    """Stands for a parameter that has no value yet; no driver takes it."""

    def __repr__(self) -> str:
        return "a parameter without a value"


def parameter(name: str, type_: TypeEngine[_T] | type[TypeEngine[_T]]) -> BindParameter[_T]:
    """A parameter that each run of a statement gives a value."""
    return bindparam(name, value=_Open(), type_=type_)


class Statement:
    """A compiled statement. `run` takes the parameters that vary; all others were bound when it was built."""

    __slots__ = ("_fixed", "_names", "sql")

    def __init__(self, element: Executable) -> None:
        assert isinstance(element, ClauseElement)
        compiled = element.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, SQLCompiler)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._fixed: Mapping[str, Any] = dict(compiled.params)

    def run(self, connection: Connection, **parameters: object) -> CursorResult[*tuple[Any, ...]]:
        """Execute with these parameters."""
        values = {**self._fixed, **parameters}
        return connection.exec_driver_sql(self.sql, tuple(values[name] for name in self._names))
