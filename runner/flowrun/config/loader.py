"""From files to a checked flow: the only place of `config` that touches the file system.

Reads every `*.yaml` and `*.yml` below a folder, in path order, into one namespace; `*.test.yaml` holds scenarios.
Files and folders whose names start with a dot are passed over (`.git`, and the shadow folders of mounted volumes).
Whatever the file system holds, the answer comes soon and is a finding: nothing but regular files is opened, nothing
is read beyond its limit, and the walk itself is bounded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from flowrun.calendars.zones import zone
from flowrun.config.checks import check
from flowrun.config.environments import elsewhere
from flowrun.config.findings import Findings
from flowrun.config.ignores import apply_ignores
from flowrun.config.models import FlowFile
from flowrun.config.namespace import Namespace
from flowrun.config.overrides import Overrides
from flowrun.config.reading import read
from flowrun.config.resolve import resolve
from flowrun.config.scenario_models import ScenarioFile
from flowrun.config.scenarios import scenarios_of
from flowrun.config.secrets import hidden
from flowrun.config.sources import Kinds
from flowrun.diagnostics import Diagnostic, Span, error, has_errors, in_order
from flowrun.flow.model import Flow, Places
from flowrun.flow.scenario import Scenario
from flowrun.yamldoc import Comment, Document, read_document
from flowrun.yamldoc.read import MAX_BYTES

MAX_FILES = 2_000
MAX_ENTRIES = 20_000
"""Names looked at on the way: beyond it, this is not a folder of flows (someone gave `/`)."""
MAX_TOTAL = 32 * MAX_BYTES
"""Bytes of all files together: some 800,000 lines."""
VERSION = 1

STORE_ALONE: Kinds = {}
"""No source but the store."""

F = TypeVar("F", FlowFile, ScenarioFile)

_SUFFIXES = (".yaml", ".yml")
SCENARIOS = (".test.yaml", ".test.yml")
"""How the name of a scenario file ends."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a folder says.

    `flow` is None if there are errors. `sources` has the text of every file that a finding may point into, `--env`
    and `--var` included; `files` the names of those that were read, as findings call them, scenarios included.
    `scenarios` are those of each scenario file, by its name, and `documents` all files as YAML.
    """

    flow: Flow | None
    places: Places
    findings: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    files: tuple[str, ...]
    scenarios: Mapping[str, tuple[Scenario, ...]] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)


def load(
    folder: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    scenarios: Iterable[Path] | None = None,
    everywhere: bool = False,
    kinds: Kinds = STORE_ALONE,
) -> Loaded:
    """The flow that the files below `folder` declare, with `--env` and `--var`, and everything found in them.

    `scenarios` are the scenario files, and folders of some, to read instead of those below `folder`. `everywhere`:
    also what is only found where one of the environments is chosen, unless `environment` chooses one. `kinds` are the
    sources that there are, beside the store.
    """
    findings = Findings()
    status = _status(folder, findings)
    if status and not stat.S_ISDIR(status.st_mode):
        findings.add(_failed("FR011", folder, "is not a folder", "give the folder that the flow files are in"))
    elif status:
        files = _below(folder, findings)
        if scenarios is not None:
            others = _files(scenarios, findings)
            files = [file for file in files if not is_scenario(file)] + [file for file in others if is_scenario(file)]
        overrides = _overrides(environment, variables, everywhere)
        return _load(_read_all(files, findings), [folder], overrides, findings, kinds)
    return _nothing(findings)


def load_paths(
    paths: Iterable[Path],
    *,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    everywhere: bool = False,
    kinds: Kinds = STORE_ALONE,
) -> Loaded:
    """As `load`, of some files and folders together; a file is read whatever its name, and each only once."""
    findings = Findings()
    paths = list(paths)
    files = _files(paths, findings)
    if not files and findings.errors:
        return _nothing(findings)
    overrides = _overrides(environment, variables, everywhere)
    return _load(_read_all(files, findings), paths, overrides, findings, kinds)


def load_texts(
    texts: Mapping[str, bytes],
    *,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    everywhere: bool = False,
    kinds: Kinds = STORE_ALONE,
    found: Iterable[Diagnostic] = (),
) -> Loaded:
    """As `load`, of texts by the names that findings shall call them; what needs no folder (stdin, tests).

    `found` is what there was to say of the texts before.
    """
    findings = Findings()
    findings.extend(found)
    return _load(texts, [], _overrides(environment, variables, everywhere), findings, kinds)


def read_inside(folder: Path) -> tuple[Mapping[str, bytes], tuple[Diagnostic, ...]]:
    """The files that `load` reads, by their paths below the folder, and what there is to say of them as files.

    For whoever writes them, too: a link that leads out of the folder is not followed, and that is an error.
    """
    findings = Findings()
    status = _status(folder, findings)
    if status and not stat.S_ISDIR(status.st_mode):
        findings.add(_failed("FR011", folder, "is not a folder", "give the folder that the flow files are in"))
    if findings.errors:
        return {}, in_order(findings.all)
    top = Path(os.path.realpath(folder))
    inside: list[Path] = []
    for path in _below(folder, findings):
        if Path(os.path.realpath(path)).is_relative_to(top):
            inside.append(path)
        else:
            findings.add(_failed("FR012", path, "leads out of the folder", "put a file there instead of a link"))
    texts = _read_all(inside, findings)
    names = {_name(path): _name(path.relative_to(folder)) for path in inside}
    return {names[name]: data for name, data in texts.items()}, in_order(findings.all)


def flow_files(names: Iterable[str]) -> list[str]:
    """Those of some paths below a folder that are flow files and would be read, in path order; no scenarios."""
    seen = (name for name in names if name.endswith(_SUFFIXES) and not name.endswith(SCENARIOS))
    return sorted(name for name in seen if not any(part.startswith(".") for part in name.split("/")))


def is_scenario(path: Path) -> bool:
    """Whether that is the name of a scenario file."""
    return path.name.endswith(SCENARIOS)


def _overrides(environment: str | None, variables: Mapping[str, str] | None, everywhere: bool) -> Overrides:
    return Overrides(environment, variables or {}, everywhere and environment is None)


def _load(
    texts: Mapping[str, bytes], asked: list[Path], overrides: Overrides, findings: Findings, kinds: Kinds
) -> Loaded:
    documents = {name: read_document(data, name) for name, data in texts.items()}
    if not texts and not findings.errors:
        where = asked[0] if asked else Path()
        findings.add(_failed("FR013", where, "has no flow files (*.yaml, *.yml)", "`flowrun init` writes a project"))
    namespace, tests = _merge(documents, findings)
    resolved = resolve(namespace, overrides, findings, kinds)
    check(resolved.flow, resolved.sites, findings)
    flow, known = resolved.flow, resolved.known
    scenarios = {
        name: scenarios_of(file, known, flow.tunnels, zone(flow.timezone), findings) for name, file in tests.items()
    }
    if overrides.everywhere:
        findings.extend(elsewhere(namespace, overrides, findings.all, partial(_judge, namespace, kinds)))
    comments: list[Comment] = [comment for document in documents.values() for comment in document.comments]
    shown = in_order(apply_ignores(findings.all, comments))
    return Loaded(
        flow=None if has_errors(shown) else flow,
        places=resolved.sites.places(),
        findings=shown,
        sources=hidden({name: document.text for name, document in documents.items()}, shown) | overrides.sources(),
        files=tuple(documents),
        scenarios=scenarios,
        documents=documents,
    )


def _judge(namespace: Namespace, kinds: Kinds, overrides: Overrides, findings: Findings) -> None:
    resolved = resolve(namespace, replace(overrides, everywhere=False), findings, kinds)
    check(resolved.flow, resolved.sites, findings)


def _nothing(findings: Findings) -> Loaded:
    return Loaded(None, {}, in_order(findings.all), {}, ())


def _merge(documents: Mapping[str, Document], findings: Findings) -> tuple[Namespace, dict[str, ScenarioFile]]:
    """The namespace of all flow files, and the scenario files by their names."""
    namespace = Namespace()
    scenarios: dict[str, ScenarioFile] = {}
    for name, document in documents.items():
        findings.extend(document.findings)
        if name.endswith(SCENARIOS):
            if tests := _file(ScenarioFile, name, document, findings):
                scenarios[name] = tests
        elif file := _file(FlowFile, name, document, findings):
            namespace.add(file, findings)
        else:
            namespace.complete = False
    if len(scenarios) == len(documents):
        namespace.complete = False  # scenarios alone refer to files that aren't looked at
    return namespace, scenarios


def _file(block: type[F], name: str, document: Document, findings: Findings) -> F | None:
    if document.root is None:
        if not has_errors(document.findings):
            findings.error(
                "FR016", "the file is empty; expected `flowrun: 1`", _top(name), "add it, or remove the file"
            )
        return None
    file = read(block, document.root, findings)
    if file is not None and file.flowrun not in {None, VERSION}:
        says = f"this flowrun reads version {VERSION} of the format, found {file.flowrun}"
        findings.error("FR016", says, file.node_of("flowrun").span)
    return file


def _files(paths: Iterable[Path], findings: Findings) -> list[Path]:
    """Those files, whatever their names, and the flow and scenario files below those folders, each once."""
    files: dict[Path, None] = {}
    for path in paths:
        status = _status(path, findings)
        if status and stat.S_ISDIR(status.st_mode):
            files.update(dict.fromkeys(_below(path, findings)))
        elif status:
            files[path] = None
    return list(files)


def _read_all(files: Iterable[Path], findings: Findings) -> dict[str, bytes]:
    """The bytes of those files by their names; what can't be read is reported and left out."""
    texts: dict[str, bytes] = {}
    total = 0
    for path in files:
        if len(texts) == MAX_FILES:
            findings.add(_failed("FR014", path, f"is one file too many: {MAX_FILES:,} are read", "split the project"))
            break
        data = _read_file(path, findings)
        if data is not None:
            total += len(data)
            texts[_name(path)] = data
        if total > MAX_TOTAL:
            size = f"{MAX_TOTAL >> 20} MiB"
            findings.add(
                _failed("FR014", path, f"goes beyond the {size} that are read of all files", "split the project")
            )
            break
    return texts


def _read_file(path: Path, findings: Findings) -> bytes | None:
    """The bytes of a regular file, one more than the limit at most. Anything else is never waited for."""
    status = _status(path, findings)
    if status is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        findings.add(_failed("FR011", path, f"is {_sort(status.st_mode)}, expected a file"))
        return None
    try:
        # Not to wait even for a pipe that has taken the file's place since.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as failure:
        findings.add(_refused(path, failure))
        return None


def _below(folder: Path, findings: Findings) -> list[Path]:
    """Every flow and scenario file below the folder, in path order."""
    found: list[Path] = []
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    seen = 0
    while waiting:
        at, above = waiting.pop()
        try:
            status = at.stat()
            here = (status.st_dev, status.st_ino)
            if here in above:
                findings.add(_failed("FR015", at, "leads back to a folder that it is in", "remove the link"))
                continue
            with os.scandir(at) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        says = f"has more than {MAX_ENTRIES:,} files and folders in it"
                        findings.add(_failed("FR014", folder, says, "give the folder that the flow files are in"))
                        return []
                    if entry.name.startswith("."):
                        continue
                    if entry.name.endswith(_SUFFIXES):
                        found.append(at / entry.name)
                    elif (one := _status(at / entry.name, findings)) and stat.S_ISDIR(one.st_mode):
                        waiting.append((at / entry.name, above | {here}))
        except OSError as failure:
            findings.add(_refused(at, failure))
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _status(path: Path, findings: Findings) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError) as failure:
        findings.add(_refused(path, failure))
        return None


def _refused(path: Path, failure: OSError | ValueError) -> Diagnostic:
    match failure:
        case FileNotFoundError() if not path.is_symlink():
            return _failed("FR010", path, "does not exist")
        case FileNotFoundError():
            return _failed("FR012", path, "is a link to something that does not exist")
        case OSError():
            reason = failure.strerror or str(failure)
            return _failed("FR012", path, f"can't be read: {reason[:1].lower()}{reason[1:]}")
        case _:
            return _failed("FR010", path, "does not exist: its name has a NUL in it")


def _failed(code: str, path: Path, says: str, hint: str | None = None) -> Diagnostic:
    name = _name(path)
    return error(code, f"{name} {says}", _top(name), hint)


def _top(name: str) -> Span:
    """The place of a finding about a whole file."""
    return Span(name, 1, 1, 1, 1)


def _sort(mode: int) -> str:
    """What the file system has there instead of a file."""
    sorts: Iterator[tuple[str, bool]] = iter(
        (("a folder", stat.S_ISDIR(mode)), ("a pipe", stat.S_ISFIFO(mode)), ("a socket", stat.S_ISSOCK(mode)))
    )
    return next((sort for sort, holds in sorts if holds), "a device")


def _name(path: Path) -> str:
    """A path as it was given, with `/`; bytes that are no UTF-8 are replaced."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")
