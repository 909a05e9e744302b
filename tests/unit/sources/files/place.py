"""A folder with files of deals, and the source that reads them; nothing in it waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowrun import yamldoc
from flowrun.clock import FixedClock
from flowrun.config.findings import Findings
from flowrun.config.reading import read
from flowrun.flow.model import Flow
from flowrun.sources.files import KIND
from flowrun.sources.files.looking import Pace
from flowrun.sources.files.options import FilesBlock
from flowrun.sources.files.source import Files
from flowrun.sources.interface import Action, Bad, Change, Gone, Order, Outcome, Page, Place, Record
from tests.unit.store.example import NOON, flow

AT_ONCE = Pace(quiet=0.0, doubt=0.0, longest=0.5)
"""For files that are whole: nothing is waited for."""


def options(text: str) -> FilesBlock:
    """The options that a text of YAML gives."""
    document = yamldoc.read_document(text.encode(), "flow.yaml")
    findings = Findings()
    assert document.root is not None
    found = read(FilesBlock, document.root, findings)
    assert found is not None
    assert not findings.all
    return found


@dataclass
class Ground:
    """A folder, and a source with these options in it."""

    folder: Path
    keys: str = "path: deals.csv"
    pace: Pace = AT_ONCE
    flow: Flow = field(default_factory=flow)
    mark: str | None = None

    def __post_init__(self) -> None:
        self.source = self.restarted()

    def restarted(self) -> Files:
        """Another process's source."""
        opened = KIND.open(options(self.keys), Place(self.flow, self.folder))
        assert isinstance(opened, Files)
        self.source = opened
        self.source.clock = FixedClock(NOON)
        self.source.pace = self.source._looking.pace = self.pace
        return self.source

    def write(self, content: str | bytes, name: str = "deals.csv", encoding: str = "utf-8") -> Path:
        """Save a file as most editors do: another one takes its place."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        beside = self.folder / f".saving-{path.name}"
        beside.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        beside.replace(path)
        return path

    def bytes(self, name: str = "deals.csv") -> bytes:
        return (self.folder / name).read_bytes()

    def text(self, name: str = "deals.csv") -> str:
        return self.bytes(name).decode()

    def changes(self) -> list[Change]:
        """What has changed since the last time."""
        pages = list(self.source.changes(self.mark))
        self.mark = pages[-1].mark
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert all(len(page.mark or "") <= 10_000 for page in pages)
        return [change for page in pages for change in page.changes]

    def everything(self) -> list[Page]:
        pages = list(self.source.everything())
        self.mark = pages[-1].mark
        return pages

    def perform(self, *orders: Order) -> list[Outcome]:
        return list(self.source.perform(orders))

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


def move(id_: str, from_: str = "sales.new", to: str = "sales.offer", **fields: Any) -> Order:
    return Order(f"key-{id_}-{to}".replace(".", "-"), Action.MOVE, id_, from_, to, fields, tunnel="offers")


def copy(id_: str, new: str, to: str = "support.open", **fields: Any) -> Order:
    return Order(f"key-{new.replace('~', '-')}", Action.COPY, id_, "sales.won", to, fields, new, tunnel="supports")


def stages(changes: Sequence[Change]) -> Mapping[str, str | None]:
    """The stages of the records among the changes, by id; gone ones as None."""
    found: dict[str, str | None] = {}
    for change in changes:
        if isinstance(change, Record):
            found[change.id] = change.stage
        elif isinstance(change, Gone):
            found[change.id] = None
    return found


def bads(changes: Sequence[Change]) -> list[tuple[str, str, str | None]]:
    return [(change.where, change.reason, change.id) for change in changes if isinstance(change, Bad)]
