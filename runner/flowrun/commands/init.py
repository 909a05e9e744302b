"""`init`: a small commented project to start from, never over anything that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from flowrun.commands.schema import schema
from flowrun.errors import WorkFailed

_STARTER = {
    "flows/project.yaml": "what a deal carries",
    "flows/sales.yaml": "two pipelines and the tunnels between them, explained",
    "flows/sales.test.yaml": "scenarios: what the tunnels shall do",
    "deals.jsonl": "a few deals to try them with",
}
_IGNORE = {".gitignore": "keeps the database of deals out of git"}
_SCHEMAS = {
    "schemas/flow.v1.json": "for your editor: completion and checks as you type",
    "schemas/test.v1.json": "the same for scenarios",
}


@dataclass(frozen=True, slots=True)
class Started:
    """What was written: each file, by its path in `folder`, with what it is for."""

    folder: Path
    files: dict[str, str]


def init(folder: Path) -> Started:
    """Writes the starter project into the folder, making it where need be; a `.gitignore` only where there is none.

    Raises WorkFailed, with nothing written, if another of the files is there already or `flows/` has flow files.
    """
    there = sorted({*(name for name in (*_STARTER, *_SCHEMAS) if (folder / name).exists()), *_flow_files(folder)})
    if there:
        raise WorkFailed(
            f"{folder / there[0]} is there already, and init overwrites nothing",
            "name a new folder: flowrun init my-project",
        )
    purposes = {**_STARTER, **_SCHEMAS, **({} if (folder / ".gitignore").exists() else _IGNORE)}
    for name in purposes:
        text = schema(Path(name).name.partition(".")[0]) if name in _SCHEMAS else _text(name)
        if name == "flows/project.yaml":
            text = text.replace("project: acme", f"project: {_name(folder)}")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return Started(folder, purposes)


def _text(name: str) -> str:
    source: Traversable = files("flowrun.commands") / "starter"
    for part in name.removeprefix(".").split("/"):
        source = source / part
    return source.read_text(encoding="utf-8")


def _flow_files(folder: Path) -> Iterator[str]:
    for pattern in ("*.yaml", "*.yml"):
        for path in (folder / "flows").rglob(pattern):
            yield path.relative_to(folder).as_posix()


def _name(folder: Path) -> str:
    """A project's name after its folder's, or `acme` where that gives none."""
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-_0123456789")
    return name[:63] or "acme"
