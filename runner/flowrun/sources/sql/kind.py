"""The kind `sql`. Reading its keys must not cost what opening it does: everything else is imported then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowrun.sources.interface import Place, Source
from flowrun.sources.sql.options import SqlBlock


class SqlKind:
    """The kind `sql` (`interface.Kind`)."""

    @property
    def options(self) -> type[SqlBlock]:
        """Its keys."""
        return SqlBlock

    def open(self, options: Any, place: Place) -> Source:
        """The source of these keys, as `source.open_source`."""
        from flowrun.sources.sql.source import open_source

        assert isinstance(options, SqlBlock)
        return open_source(options, place)

    def install(self, options: Any, place: Place, *, make: bool) -> Sequence[str]:
        """As `installing.install`."""
        from flowrun.sources.sql import installing

        assert isinstance(options, SqlBlock)
        return installing.install(options, place, make=make)

    def uninstall(self, options: Any, place: Place, *, make: bool) -> Sequence[str]:
        """As `installing.uninstall`."""
        from flowrun.sources.sql import installing

        assert isinstance(options, SqlBlock)
        return installing.uninstall(options, place, make=make)


KIND = SqlKind()
