"""`flowrun deals import`: a file of deals into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowrun.clock import Clock
from flowrun.commands.arguments import Arguments
from flowrun.diagnostics import Diagnostic, Span, error
from flowrun.errors import WorkFailed, WrongUsage
from flowrun.flow.model import Flow
from flowrun.sources import jsonl
from flowrun.sources.batches import Batch, csv_batches, jsonl_batches
from flowrun.sources.here import writable
from flowrun.sources.importing import Imported, Importer, Reject
from flowrun.sources.mapping import Draft, Given, ImportMap, Pairs, checked, missing, pair, read_mapping
from flowrun.sources.rejects import RAW, Rejects
from flowrun.sources.separated import Separated
from flowrun.sources.textfile import reading
from flowrun.store.connection import open_store
from flowrun.store.revisions import applied

EXAMPLES = 5
"""How many rejected rows the result carries; the rejects file has them all."""

_JSON_LINES = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True)
class Options:
    """How the file is read, as it was given on the command line. `mapping` is a YAML file with the same keys."""

    mapping: Path | None = None
    map: Sequence[str] = ()
    at: str | None = None
    at_column: str | None = None
    stages: Sequence[str] = ()
    date_format: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    entered_at: str | None = None


@dataclass(slots=True)
class _Mapped:
    """The mapping that the options and their file come to, and where its mistakes are shown."""

    mapping: ImportMap
    arguments: Arguments
    sources: dict[str, str] = field(default_factory=dict)

    def refuse(self, findings: Sequence[Diagnostic]) -> None:
        """Raises InvalidInput if there are any."""
        self.arguments.findings += findings
        self.arguments.refuse_mistakes(self.sources)


def import_deals(
    store: str,
    clock: Clock,
    file: Path,
    options: Options,
    *,
    rejects: Path | None = None,
    restage: bool = False,
    progress: Callable[[int], None] = lambda _rows: None,
) -> Imported:
    """Import a file: JSON Lines if it is named `.jsonl` or `.ndjson`, else CSV. `progress` is told the rows so far.

    Rows that don't fit are left out and go to `rejects` (by default `deals.rejects.csv` beside `deals.csv`). Raises
    InvalidInput for a mapping that doesn't fit the flow or the file, WorkFailed for a file that can't be read; then
    nothing was imported.
    """
    if file.is_dir():
        raise WorkFailed(f"'{file}' is a folder, not a file of deals")
    is_json = file.suffix.lower() in _JSON_LINES
    if file.suffix.lower() == ".json":
        raise WrongUsage(f"'{file}' is JSON; expected JSON Lines or CSV", "write one object a line into a .jsonl file")
    if is_json:
        _csv_options_only(options)
    where = rejects if rejects is not None else file.with_name(f"{file.stem}.rejects.csv")
    if where.resolve() == file.resolve():
        raise WrongUsage(f"the rejected rows would overwrite '{file}' itself", "name another file: --rejects")
    if where.exists() and not where.is_file():
        raise WrongUsage(f"'{where}' is no file for the rejected rows", "name another file: --rejects")
    with open_store(store, clock) as opened, opened.connect() as connection, reading(file) as text:
        with opened.read(connection):
            revision = applied(connection)
        writable(revision.flow)
        now = clock.now()
        mapped = _mapped(options, revision.flow, now)
        if is_json:
            rejected = Rejects(where, RAW, ",")
            batches = jsonl_batches(jsonl.lines(text), mapped.mapping.at, mapped.mapping.entered_at, revision.flow, now)
        else:
            table = Separated(text, mapped.mapping.delimiter)
            mapped.refuse(_header_findings(table, mapped.mapping, str(file)))
            rejected = Rejects(where, table.header, mapped.mapping.delimiter)
            batches = csv_batches(table, mapped.mapping, revision.flow, now)
        importer = Importer(opened, connection, revision, restage=restage)
        return _run(importer, batches, rejected, progress)


def _run(importer: Importer, batches: Iterator[Batch], rejected: Rejects, progress: Callable[[int], None]) -> Imported:
    examples: list[Reject] = []
    try:
        for batch in batches:
            left_out = importer.take(batch)
            rejected.add(left_out)
            examples += left_out[: EXAMPLES - len(examples)]
            progress(importer.tally.rows)
        rejected.finish()
    except BaseException:
        rejected.abandon()
        raise
    return Imported(importer.tally, rejected.path if rejected.count else None, tuple(examples))


def _csv_options_only(options: Options) -> None:
    given = {
        "--mapping": options.mapping,
        "--map": options.map,
        "--at-column": options.at_column,
        "--stages": options.stages,
        "--date-format": options.date_format,
        "--delimiter": options.delimiter,
        "--decimal": options.decimal,
    }
    found = next((name for name, value in given.items() if value), None)
    if found is not None:
        raise WrongUsage(f"{found} is for CSV; a JSON Lines file says itself what is what", "leave it out")


def _mapped(options: Options, flow: Flow, now: int) -> _Mapped:
    arguments = Arguments()
    sources: dict[str, str] = {}
    draft = _draft(options, arguments)
    if options.mapping is not None:
        name = str(options.mapping)
        try:
            data = options.mapping.read_bytes() if options.mapping.is_file() else None
        except OSError as problem:
            raise WorkFailed(f"'{name}' can't be read: {problem.strerror}") from None
        if data is None:
            raise WorkFailed(f"'{name}' is no file", "name a YAML file: --mapping FILE")
        kept, findings, sources[name] = read_mapping(data, name)
        arguments.findings += findings
        draft = draft.over(kept)
    mapping, findings = checked(draft, flow, now)
    mapped = _Mapped(mapping, arguments, sources)
    mapped.refuse(findings)
    return mapped


def _draft(options: Options, arguments: Arguments) -> Draft:
    def one(text: str | None, option: str) -> Given | None:
        return None if text is None else arguments.given(text, f"{option} ")

    def pairs(texts: Sequence[str], option: str, what: str) -> Pairs:
        found: list[tuple[Given, Given]] = []
        for text in texts:
            both = pair(arguments.given(text, f"{option} "), what)
            if isinstance(both, Diagnostic):
                arguments.findings.append(both)
            else:
                found.append(both)
        return tuple(found)

    return Draft(
        columns=pairs(options.map, "--map", "column=field"),
        stages=pairs(options.stages, "--stages", "value=pipeline.stage"),
        at=one(options.at, "--at"),
        at_column=one(options.at_column, "--at-column"),
        date_format=one(options.date_format, "--date-format"),
        delimiter=one(options.delimiter, "--delimiter"),
        decimal=one(options.decimal, "--decimal"),
        entered_at=one(options.entered_at, "--entered-at"),
    )


def _header_findings(table: Separated, mapping: ImportMap, file: str) -> tuple[Diagnostic, ...]:
    if table.header_fault is not None:
        return (error("FR608", f"the header can't be read: {table.header_fault}", Span(file, 1, 1, 1, 1)),)
    return missing(mapping, table.header, file)
