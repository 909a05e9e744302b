"""The keys of `source: {type: files, …}`."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from flowrun.config.known import SETTABLE, Known
from flowrun.config.leaves import word
from flowrun.config.reading import Block, Named, OneOrMore, Text


class Format(StrEnum):
    """How a file writes its rows."""

    CSV = "csv"
    JSONL = "jsonl"
    YAML = "yaml"


class FilesBlock(Block):
    """Deals in CSV, JSON Lines or YAML files. Columns are mapped as `deals import` maps them; what is a column there is
    a key in JSON and YAML."""

    noun: ClassVar[str] = "the source 'files'"

    path: OneOrMore[Text] | None = Field(
        description="A file, a folder, or a pattern such as `deals/*.csv`; or a list of these. Relative paths start "
        "from the folder that holds `flows/`. Of a folder, the files ending in .csv, .tsv, .jsonl, .ndjson, .yaml or "
        ".yml are taken; names that begin with `.` or `~` never are."
    )
    format: Annotated[Format, word(Format)] | None = Field(
        default=None, description="csv, jsonl or yaml. Default: what the name of each file ends in."
    )
    map: Named[Text, Text | None] = Field(
        default_factory=dict,
        description="Which column is what: a field, id, title, owner or entered_at. Columns that it does not name are "
        "left as they are. Default: each column is the field of its name.",
    )
    at_column: Text | None = Field(default=None, description="The column that holds the stage. Default: `at`.")
    at: Text | None = Field(
        default=None, description="The stage of all rows, where no column says it; then `write` must name a file."
    )
    stages: Named[Text, Text | None] = Field(
        default_factory=dict,
        description="What their column of stages says, and which stage that is: `Closed won: sales.won`. Of several "
        "for one stage, the first is written. Full stages are always taken.",
    )
    key: Text | None = Field(
        default=None, description="A column that takes the key of the firing that made the deal. Default: none."
    )
    date_format: Text | None = Field(default=None, description="How dates are written: `%d.%m.%Y`. Default: ISO 8601.")
    delimiter: Text | None = Field(
        default=None, description="What stands between cells: one sign, or tab. Default: as the header shows."
    )
    decimal: Text | None = Field(default=None, description="The decimal sign: `.` or `,`. Default: `.`.")
    encoding: Text | None = Field(
        default=None,
        description="Such as utf-8, cp1251 or latin-1. A byte order mark always counts. Default: utf-8.",
    )
    write: Text | None = Field(
        default=None,
        description="Where moves and copies go: `same`, the deals' own files; or a JSON Lines file, to which a line is "
        "added for each firing, and which is read along with the deals. Default: same.",
    )
    copies: Text | None = Field(
        default=None, description="The file that takes new deals. Default: the one that has the deal copied from."
    )

    def refer(self, known: Known) -> Collection[str] | None:
        """As `config.sources.Referring`; full stages are always taken."""
        for stage in filter(None, self.stages.values()):
            known.stage(stage, "stages")
        if self.at is not None:
            known.stage(self.at, "at")
        for field in filter(None, self.map.values()):
            known.field(field, also=("id", *SETTABLE, "entered_at"))
        return None
