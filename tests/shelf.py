"""The source that the docs write (`docs/how-to/write-a-source.md`), as a package that is installed in a folder."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "write-a-source.md").read_text("utf-8")


def block(language: str, number: int = 0) -> str:
    """A fenced block of the page."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found[number]


def install(folder: Path, **more: str) -> Path:
    """Put the package into that folder, and modules of these texts beside it: kinds of source by their names."""
    project = tomllib.loads(block("toml"))["project"]
    texts = {"shelf": block("python"), "test_shelf": block("python", 1), **more}
    points = {**project["entry-points"]["flowrun.sources"], **{name: f"{name}:KIND" for name in more}}
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {value}\n" for name, value in points.items()]
    (info / "entry_points.txt").write_text("[flowrun.sources]\n" + "".join(lines))
    return folder


def file_of(folder: Path, id_: str) -> Path:
    """Where a deal lies."""
    return folder / f"{hashlib.sha256(id_.encode()).hexdigest()[:32]}.json"


def put(folder: Path, id_: str, stage: str, **fields: str) -> None:
    """Lay a deal down there, in one step."""
    file = file_of(folder, id_)
    file.with_suffix(".put").write_text(json.dumps({"id": id_, "stage": stage, "fields": fields, "done": []}))
    file.with_suffix(".put").replace(file)


def stages(folder: Path) -> dict[str, str]:
    """Where each deal stands there."""
    deals = [json.loads(file.read_bytes()) for file in folder.glob("*.json")]
    return {deal["id"]: deal["stage"] for deal in deals}
