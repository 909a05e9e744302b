"""A runner's presence in the register (`store.runners`): it signs on, signs again every ten seconds, and signs off.

A signature is a short transaction of its own, so that one that fails undoes no work. Nothing rests on it: a failure is
told, once until one succeeds again, and the runner goes on.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from flowrun import __version__
from flowrun.errors import Interfered, Unreachable, WorkFailed
from flowrun.store import runners
from flowrun.store.connection import Store
from flowrun.store.runners import Registered
from flowrun.store.tables import flowrun

EVERY = 10.0
"""Seconds between two signatures of a runner."""

PATIENCE = 1.0
"""Seconds that a signature waits for another writer: the next one will do as well."""


@dataclass(slots=True)
class Presence:
    """One runner's. `warn` hears of a signature that failed, `applied` with each of the revision that is applied."""

    store: Store
    warn: Callable[[str], None]
    applied: Callable[[int], None] = lambda _revision: None
    carried: Callable[[], int] = lambda: 0
    me: Registered = field(default_factory=lambda: _someone())
    _last: float | None = None
    _failing: bool = False

    def due(self) -> bool:
        """Whether it is time to sign."""
        return self._last is None or time.monotonic() - self._last >= EVERY

    def sign(self, connection: Connection, ticks: int, fired: int) -> None:
        """Sign; the first time, those that have gone are taken out. Raises Unreachable if the store has gone."""
        first, self._last = self._last is None, time.monotonic()
        try:
            with self.store.write(connection, patience=PATIENCE) as transaction:
                now = transaction.now
                if first:
                    self.me = replace(self.me, started_at=now)
                    runners.forget_gone(transaction.connection, now)
                self.me = replace(self.me, seen_at=now, ticks=ticks, fired=fired + self.carried())
                runners.sign(transaction.connection, self.me)
                revision = transaction.connection.execute(select(flowrun.c.revision)).scalar_one()
        except Unreachable:
            raise  # there is no register to care about: the runner waits for the store
        except Interfered:
            pass  # the next time
        except (WorkFailed, DBAPIError) as error:
            if not self._failing:
                self.warn(f"'flowrun status' may show this runner as gone: {_said(error)}")
            self._failing = True
        else:
            self._failing = False
            self.applied(revision)

    def sign_off(self, connection: Connection) -> None:
        """Leave the register."""
        try:
            with self.store.write(connection, patience=PATIENCE) as transaction:
                runners.sign_off(transaction.connection, self.me.id)
        except (WorkFailed, DBAPIError) as error:
            self.warn(f"'flowrun status' will show this runner as gone: {_said(error)}")


def _said(error: WorkFailed | DBAPIError) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def _someone() -> Registered:
    """This process, under a new id."""
    return Registered(secrets.token_hex(4), socket.gethostname(), os.getpid(), __version__, 0, 0)
