"""The bench of an SQL source for the conformance suite: a table with a column of every type, in each database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from flowrun.expr.types import Value
from flowrun.sources.interface import Record, Source
from flowrun.sources.sql.installing import install
from flowrun.sources.sql.outbox import PAGE, Outbox
from flowrun.testing import Bench
from tests.faults.proxy import Cut, Proxy
from tests.unit.sources.sql.grounds import Ground, opened, options, place

COLUMNS: tuple[str, ...] = ("id", "stage", "title", "owner", "note", "seats", "amount", "share", "paid", "renewal_on")
COLUMNS += ("call_at", "channel", "labels")

_TABLE = {
    "sqlite": "id TEXT PRIMARY KEY NOT NULL, stage TEXT, title TEXT, owner TEXT, note TEXT, seats INTEGER, "
    "amount TEXT, share TEXT, paid BOOLEAN, renewal_on DATE, call_at TIMESTAMP, channel TEXT, labels JSON, "
    "firing TEXT UNIQUE, "
    "changed_at TIMESTAMP DEFAULT (strftime('%Y-%m-%d %H:%M:%f'))",
    "postgresql": "id text PRIMARY KEY, stage varchar(40), title text, owner text, note text, seats bigint, "
    "amount numeric(18, 2), share numeric(18, 6), paid boolean, renewal_on date, call_at timestamptz, channel text, "
    "labels text[], firing text UNIQUE, changed_at timestamptz DEFAULT now()",
    "mysql": "id VARCHAR(200) COLLATE utf8mb4_bin PRIMARY KEY, stage VARCHAR(40), title TEXT, owner TEXT, "
    "note MEDIUMTEXT, seats BIGINT, amount DECIMAL(18, 2), share DECIMAL(18, 6), paid TINYINT(1), renewal_on DATE, "
    "call_at DATETIME(3), channel TEXT, labels JSON, firing VARCHAR(64) UNIQUE, "
    "changed_at TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6)",
}
_NOW = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f')",
    "postgresql": "clock_timestamp()",
    "mysql": "CURRENT_TIMESTAMP(6)",
}
_COMMIT = {"postgresql": "COMMIT\0", "mysql": "\3COMMIT"}
"""A commit as it goes over the wire; a transaction that begins as READ COMMITTED is none."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class SqlBench(Bench):
    """A table in that database, and a source that notices in that way."""

    ground: Ground
    notice: str
    key: bool = False
    page: int = 40
    rows: int = 130
    _proxy: Proxy | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.finds_deletes = self.notice == "outbox"
        more = " ENGINE=InnoDB CHARACTER SET utf8mb4" if self.ground.name == "mysql" else ""
        self.ground.run(f"CREATE TABLE deals ({_TABLE[self.ground.name]}){more}")
        install(self._options, place(self.ground, self.flow))
        if self.ground.name != "sqlite":
            self._proxy = Proxy(self.ground.url).__enter__()

    @property
    def _options(self) -> Any:
        return options(self._text)

    @property
    def _text(self) -> str:
        columns = "".join(f"  {name}: {name}\n" for name in COLUMNS[2:])
        more = "changed_at: changed_at\n" if self.notice == "timestamp" else ""
        more += "key: firing\n" if self.key else ""
        return f"table: deals\nstage: stage\nnotice: {self.notice}\n{more}columns:\n{columns}"

    def open(self) -> Source:
        source = opened(self.ground, self.flow, self._text, self._proxy.url if self._proxy else None)
        source.page = source.noticing.page = PAGE if self.many else self.page
        assert isinstance(source.noticing, Outbox) == (self.notice == "outbox")
        return source

    def put(self, deals: Sequence[Record]) -> None:
        connection = self.ground.connect(autocommit=False)
        with closing(connection):
            self._write(connection, deals)
            connection.commit()
        self.ground.opened.remove(connection)

    def _write(self, connection: Any, deals: Sequence[Record]) -> None:
        names = [*COLUMNS]
        marks = ", ".join(["%s"] * len(names))
        now = _NOW[self.ground.name]
        insert = f"INSERT INTO deals ({', '.join(names)}, changed_at) VALUES ({marks}, {now.replace('%', '%%')})"
        if self.ground.name == "sqlite":
            insert = insert.replace("%%", "%")
        if self.ground.name == "mysql":
            given = ", ".join(f"{one} = VALUES({one})" for one in [*names[1:], "changed_at"])
            insert += f" ON DUPLICATE KEY UPDATE {given}"
        else:
            given = ", ".join(f"{one} = excluded.{one}" for one in [*names[1:], "changed_at"])
            insert += f" ON CONFLICT (id) DO UPDATE SET {given}"
        rows = [[one.id, one.stage, *(self._given(name, one.fields.get(name)) for name in names[2:])] for one in deals]
        self.ground.run(insert, rows, on=connection)

    def _given(self, name: str, value: Value) -> Any:
        if value is None:
            return None
        match name:
            case "amount" | "share":
                return str(value)
            case "paid":
                return bool(value)
            case "renewal_on":
                return str(value)
            case "call_at":
                assert isinstance(value, int)
                moment = _EPOCH + timedelta(milliseconds=value)
                text = moment.replace(tzinfo=None).isoformat(" ", "milliseconds")
                return text + "+00" if self.ground.name == "postgresql" else text
            case "labels":
                assert isinstance(value, tuple)
                return list(value) if self.ground.name == "postgresql" else json.dumps(value)
            case _:
                return value

    def delete(self, ids: Iterable[str]) -> None:
        self.ground.run("DELETE FROM deals WHERE id = %s", [[one] for one in ids])

    def standing(self) -> Mapping[str, Record]:
        text = {"sqlite": "call_at", "postgresql": "call_at::text", "mysql": "CAST(call_at AS CHAR)"}[self.ground.name]
        day = {"sqlite": "renewal_on", "postgresql": "renewal_on::text", "mysql": "CAST(renewal_on AS CHAR)"}
        names = [{"call_at": text, "renewal_on": day[self.ground.name]}.get(name, name) for name in COLUMNS]
        found = {}
        for id_, stage, *values in self.ground.ask(f"SELECT {', '.join(names)} FROM deals"):
            fields = {name: self._found(name, value) for name, value in zip(COLUMNS[2:], values, strict=True)}
            found[id_] = Record(id_, stage, fields)
        return found

    def _found(self, name: str, value: Any) -> Value:
        if value is None:
            return None
        match name:
            case "amount" | "share":
                return Decimal(str(value))
            case "paid":
                return bool(value)
            case "renewal_on":
                return date.fromisoformat(value)
            case "call_at":
                text = value.removesuffix("+00")
                return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
            case "labels":
                return tuple(value if isinstance(value, list) else json.loads(value))
        assert isinstance(value, str | int)
        return value

    def close(self) -> None:
        if self._proxy is not None:
            self._proxy.__exit__()
        self.ground.close()

    def late(self, one: Record) -> Callable[[], None]:
        connection = self.ground.connect(autocommit=False)
        self._write(connection, [one])
        commit: Callable[[], None] = connection.commit
        return commit

    def spoil(self, id_: str) -> None:
        self.ground.run(f"UPDATE deals SET stage = 'nowhere', changed_at = {_NOW[self.ground.name]} WHERE id = '{id_}'")

    def lose_answer(self) -> None:
        assert self._proxy is not None
        self._proxy.cut(Cut.AFTER, _COMMIT[self.ground.name])

    def lose_call(self) -> None:
        assert self._proxy is not None
        self._proxy.cut(Cut.BEFORE, _COMMIT[self.ground.name])
