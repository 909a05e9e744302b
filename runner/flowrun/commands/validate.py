"""`validate`: everything there is to say about the files, offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from flowrun import config, expr, yamldoc
from flowrun.commands.project import Project
from flowrun.diagnostics import Diagnostic, has_errors
from flowrun.errors import WrongUsage
from flowrun.sources.registry import KINDS
from flowrun.yamldoc.read import MAX_BYTES

STDIN = "<stdin>"
"""What findings call a text from standard input."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `ok` is false if something makes the command fail; `rules` has the meaning of every code."""

    ok: bool
    findings: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    files: tuple[str, ...]
    rules: Mapping[str, str]


def validate(project: Project, paths: Sequence[Path] = (), stdin: BinaryIO | None = None, *, strict: bool) -> Checked:
    """Checks the project's folder, the files and folders given instead of it, or the text of `stdin`.

    Without a chosen environment, each one is looked at. `strict` makes warnings fail. Raises WrongUsage for paths
    beside `stdin`.
    """
    given: Any = {"environment": project.environment, "variables": project.variables, "kinds": KINDS}
    if stdin is not None:
        if len(paths) > 1:
            raise WrongUsage("'-' is standard input and stands alone", "give either '-' or files and folders")
        texts = {STDIN: stdin.read(MAX_BYTES + 1)}
        loaded = config.load_texts(texts, everywhere=True, **given)
    elif paths:
        loaded = config.load_paths(paths, everywhere=True, **given)
    else:
        loaded = project.load(everywhere=True)
    failed = has_errors(loaded.findings) or (strict and bool(loaded.findings))
    rules = {**yamldoc.CODES, **expr.CODES, **config.CODES}
    return Checked(not failed, loaded.findings, loaded.sources, loaded.files, rules)
