"""The rules of sources, kept by files of each format."""

from __future__ import annotations

import csv
import io
import json
import shutil
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowrun.calendars.zones import zone
from flowrun.errors import SourceTrouble
from flowrun.expr.types import Kind, Value
from flowrun.expr.values import from_json, read, to_json, write
from flowrun.sources.files import KIND, rewriting
from flowrun.sources.files.output import Output
from flowrun.sources.files.overlay import Overlay
from flowrun.sources.files.source import PAGE, Files
from flowrun.sources.interface import Place, Record
from flowrun.store.deals import types
from flowrun.testing import Bench, Conformance
from tests.unit.sources.files.place import AT_ONCE, options

UTC = zone("UTC")
NO_TRANSACTIONS = {
    "late_changes": "a file has no transactions: it is the one or the other",
    "rate_limits": "nobody counts how often a file is read",
}


class FileBench(Bench):
    """One file, written whole by another program each time."""

    name: str
    finds_deletes = False
    rows = 250

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._deals: dict[str, Record] = {}
        self._spoilt: set[str] = set()
        self.types = types(self.flow)
        self._save({})

    def open(self) -> Files:
        source = KIND.open(options(f"path: {self.name}"), Place(self.flow, self._folder))
        assert isinstance(source, Files)
        source.pace = source._looking.pace = AT_ONCE
        source.page, source.batch = (PAGE if self.many else 100), 200
        return source

    def put(self, deals: Sequence[Record]) -> None:
        if len(deals) > 1_000:  # a part of very many, all of them new
            self._add(deals)
            return
        self._save({**self.standing(), **{one.id: one for one in deals}})

    def delete(self, ids: Iterable[str]) -> None:
        gone = {*ids}
        self._save({id_: one for id_, one in self.standing().items() if id_ not in gone})

    def standing(self) -> Mapping[str, Record]:
        if self._spoilt:
            return self._deals
        return {one.id: one for one in self.read((self._folder / self.name).read_bytes().decode())}

    def spoil(self, id_: str) -> None:
        self._spoilt.add(id_)
        self._save(dict(self._deals))

    def lose_answer(self) -> None:
        def rewrite(*given: Any) -> None:
            self._monkeypatch.undo()
            rewriting.rewrite(*given)
            raise SourceTrouble("the answer is lost")

        self._monkeypatch.setattr(rewriting, "rewrite", rewrite)

    def lose_call(self) -> None:
        def rewrite(*_: Any) -> None:
            self._monkeypatch.undo()
            raise SourceTrouble("the call is lost")

        self._monkeypatch.setattr(rewriting, "rewrite", rewrite)

    def _save(self, deals: Mapping[str, Record]) -> None:
        self._deals = dict(deals)
        beside = self._folder / ".saving"
        beside.write_bytes(self.written([*deals.values()]).encode())
        beside.replace(self._folder / self.name)

    def _add(self, deals: Sequence[Record]) -> None:
        file, beside = self._folder / self.name, self._folder / ".saving"
        shutil.copyfile(file, beside)
        with beside.open("ab") as end:
            end.write(self.written([*deals]).encode().removeprefix(self.written([]).encode()))
        beside.replace(file)

    @abstractmethod
    def written(self, deals: Sequence[Record]) -> str:
        """The file that has these deals."""

    @abstractmethod
    def read(self, text: str) -> Iterable[Record]:
        """The deals of a file."""

    def json(self, one: Record) -> dict[str, Any]:
        """A deal as JSON has it."""
        fields = {name: to_json(one.fields.get(name), type_) for name, type_ in self.types.items()}
        return {"id": one.id, "at": one.stage, **fields} | ({"seats": "abc"} if one.id in self._spoilt else {})


class CsvBench(FileBench):
    name = "deals.csv"

    def holds(self, name: str, value: Value) -> bool:
        if isinstance(value, tuple):
            return not any("," in item for item in value)
        return not isinstance(value, str) or value == value.strip()

    def written(self, deals: Sequence[Record]) -> str:
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(["id", "at", *self.types])
        for one in deals:
            cells = [write(one.fields.get(name), type_, UTC) for name, type_ in self.types.items()]
            if one.id in self._spoilt:
                cells[[*self.types].index("seats")] = "abc"
            writer.writerow([one.id, one.stage, *cells])
        return file.getvalue()

    def read(self, text: str) -> Iterable[Record]:
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        for row in rows:
            cells = dict(zip(header, row, strict=True))
            fields = {name: read(cells[name], type_, UTC) for name, type_ in self.types.items()}
            yield Record(cells["id"], cells["at"], fields)


class OutputBench(CsvBench):
    """An export that flowrun does not write, and its firings beside it."""

    def open(self) -> Any:
        keys = f"path: {self.name}\nwrite: firings.jsonl"
        source = KIND.open(options(keys), Place(self.flow, self._folder))
        assert isinstance(source, Overlay)
        source.files.pace = source.files._looking.pace = AT_ONCE
        source.files.page = 100
        return source

    def standing(self) -> Mapping[str, Record]:
        deals = dict(super().standing())
        file = self._folder / "firings.jsonl"
        for line in file.read_text("utf-8").split("\n")[:-1] if file.exists() else ():
            found = json.loads(line)
            fields = {name: from_json(value, self.types[name]) for name, value in found["fields"].items()}
            one = deals.get(found["id"])
            if found["action"] == "copy" and one is None:
                deals[found["id"]] = Record(found["id"], found["to"], dict.fromkeys(self.types) | fields)
            elif found["action"] == "move" and one is not None and one.stage == found["from"]:
                deals[one.id] = Record(one.id, found["to"], {**one.fields, **fields})
        return deals

    def lose_answer(self) -> None:
        self._accident(True)

    def lose_call(self) -> None:
        self._accident(False)

    def _accident(self, happens: bool) -> None:
        def add(*given: Any) -> None:
            self._monkeypatch.undo()
            if happens:
                Output.add(*given)
            raise SourceTrouble("the connection breaks")

        self._monkeypatch.setattr(Output, "add", add)


class JsonlBench(FileBench):
    name = "deals.jsonl"

    def written(self, deals: Sequence[Record]) -> str:
        return "".join(json.dumps(self.json(one), ensure_ascii=False) + "\n" for one in deals) or "\n"

    def read(self, text: str) -> Iterable[Record]:
        for line in filter(None, text.split("\n")):
            found = json.loads(line)
            fields = {name: from_json(found.get(name), type_) for name, type_ in self.types.items()}
            yield Record(found["id"], found["at"], fields)


class YamlBench(FileBench):
    name = "deals.yaml"
    many = 250  # a file has at most 1 MiB

    def written(self, deals: Sequence[Record]) -> str:
        items = [self.json(one) for one in deals]
        for item in items:
            for name, type_ in self.types.items():
                if type_.kind is Kind.DECIMAL and item[name] is not None:
                    item[name] = Decimal(item[name])
        return "deals:\n" + "".join(f"- {_flow(item)}\n" for item in items) if items else "deals: []\n"

    def read(self, text: str) -> Iterable[Record]:
        root: Any = yaml.compose(text, Loader=yaml.CBaseLoader)
        for deal in root.value[0][1].value:
            item = {key.value: value for key, value in deal.value}
            fields = {name: _value(item.get(name), type_) for name, type_ in self.types.items()}
            yield Record(item["id"].value, item["at"].value, fields)


def _flow(item: Any) -> str:
    if isinstance(item, dict):
        return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(map(_flow, item)) + "]"
    if isinstance(item, str):
        return "".join(
            char if char.isprintable() else f"\\u{ord(char):04x}" for char in json.dumps(item, ensure_ascii=False)
        )
    return "null" if item is None else str(item).lower()


def _value(node: Any, type_: Any) -> Value:
    if node is None or (node.value == "null" and not node.style):
        return None
    if isinstance(node.value, list):
        return tuple(sorted(item.value for item in node.value))
    return read(node.value, type_, UTC)


class TestCsv(Conformance):
    cannot = NO_TRANSACTIONS

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        return CsvBench(tmp_path, monkeypatch)


class TestOutput(Conformance):
    cannot = NO_TRANSACTIONS

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        return OutputBench(tmp_path, monkeypatch)


class TestJsonLines(Conformance):
    cannot = NO_TRANSACTIONS

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        return JsonlBench(tmp_path, monkeypatch)


class TestYaml(Conformance):
    cannot = NO_TRANSACTIONS

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        return YamlBench(tmp_path, monkeypatch)
