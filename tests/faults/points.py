"""The numbered points of a tick: before and after its begin, each of its statements, and its commit.

They are counted in the process under test by the events of its engine and of its driver's commit; nothing in flowrun
knows of them. A point is numbered from 0 over all write transactions of the process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from flowrun.store.connection import Store
from flowrun.store.database import WRITING


class Points:
    """Counts the points that a store's writing connections cross, and dies at one of them, or stops there."""

    def __init__(self, store: Store, deadly: int | None = None, number: int = signal.SIGKILL) -> None:
        self.crossed: list[str] = []
        self._deadly = deadly
        self._number = number
        self._within = False
        self._watch(store.engine)

    def _watch(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        dialect: Any = engine.dialect
        commit: Callable[[Any], None] = dialect.do_commit

        def committed(connection: Any) -> None:
            if not self._within:
                commit(connection)
                return
            self._cross("before the commit")
            commit(connection)
            self._cross("after the commit")
            self._within = False

        rollback: Callable[[Any], None] = dialect.do_rollback

        def rolled_back(connection: Any) -> None:
            rollback(connection)
            self._within = False

        dialect.do_commit = committed
        dialect.do_rollback = rolled_back

    def _before(self, connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        self._within = self._within or bool(connection.get_execution_options().get(WRITING))
        self._at("before", statement)

    def _after(self, _connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        self._at("after", statement)

    def _at(self, when: str, statement: str) -> None:
        if self._within:
            self._cross(f"{when} {' '.join(statement.split()[:4])}")

    def _cross(self, label: str) -> None:
        if len(self.crossed) == self._deadly:
            os.kill(os.getpid(), self._number)
        self.crossed.append(label)
