"""Golden cases: a folder of flows and exactly what `validate` has to say about it.

A case is a folder here, named by the code that it is about. `flows/` is what is loaded; `expected.txt` has every
finding, a line each, with its exact place; `options.json`, where there is one, has an environment, variables, and
files to make first that are too large to keep (their content, and how often it is repeated).
`FLOWRUN_UPDATE_GOLDEN=1` writes what is expected anew: read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from flowrun import config, expr, yamldoc
from flowrun.config import load
from flowrun.config.reading import Block, Text
from flowrun.config.secrets import Secret
from flowrun.diagnostics import Diagnostic
from flowrun.errors import WorkFailed
from flowrun.sources.registry import Kinds

HERE = Path(__file__).parent
CASES = sorted(folder for folder in HERE.iterdir() if folder.is_dir() and not folder.name.startswith(("__", ".")))
CODES = [*yamldoc.CODES, *expr.CODES, *config.CODES]


class _Queue(Block):
    """The keys of a source that another package offers."""

    noun: ClassVar[str] = "the source 'queue'"

    address: Text | None = Field(description="Where it is.")
    password: Secret | None = Field(default=None, description="What opens it.")


class _Known(Kinds):
    """The kinds that come with flowrun, and two of other packages, one of which can't be loaded."""

    def __init__(self) -> None:
        super().__init__(own=True)

    def __getitem__(self, name: str) -> type[Block]:
        if name == "broken":
            raise WorkFailed("the source 'broken' of the package other 1.0 can't be loaded: ImportError: no", "mend it")
        return _Queue if name == "queue" else super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        yield from (*super().__iter__(), "queue", "broken")


def lines(findings: Iterable[Diagnostic]) -> str:
    """Findings as the files here have them."""
    shown = []
    for finding in findings:
        span = finding.span
        place = f"{span.file}:{span.line}:{span.column}-{span.end_line}:{span.end_column}"
        shown.append(f"{finding.severity}[{finding.code}] {place} {finding.message}")
        if finding.help is not None:
            shown.append(f"  help: {finding.help}")
        for related in finding.related:
            span = related.span
            shown.append(f"  related: {span.file}:{span.line}:{span.column} {related.message}")
    return "".join(f"{line}\n" for line in shown) or "nothing\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_finding_is_as_expected(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(case, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    given = Path("options.json")
    options = json.loads(given.read_text("utf-8")) if given.exists() else {}
    for name, (content, times) in options.pop("make", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content * times, "utf-8")
    found = lines(load(Path("flows"), kinds=_Known(), **options).findings)
    if os.environ.get("FLOWRUN_UPDATE_GOLDEN"):
        (case / "expected.txt").write_text(found, "utf-8")
    assert found == (case / "expected.txt").read_text("utf-8")


def test_every_message_is_one_line_for_people() -> None:
    text = "".join((case / "expected.txt").read_text("utf-8") for case in CASES)
    assert not re.search(r"pydantic|Traceback|jinja|NoneType|<class|validator", text, re.IGNORECASE)
    assert all(
        line.startswith(("error[", "warning[", "  help: ", "  related: ", "nothing")) for line in text.splitlines()
    )


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_case(code: str) -> None:
    assert any(code in (case / "expected.txt").read_text("utf-8") for case in CASES if case.name.startswith(code))


def test_no_code_is_declared_twice() -> None:
    assert len(CODES) == len(set(CODES))
