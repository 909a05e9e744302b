"""The keys of an SQL source."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, WithJsonSchema

from flowrun.calendars.durations import Duration, parse_duration
from flowrun.config.known import SETTABLE, Known
from flowrun.config.leaves import ID, Count, FieldId, Label, Per, word
from flowrun.config.reading import Block, Many, Named, Text
from flowrun.config.secrets import Secret

_StageRef = Annotated[Text, WithJsonSchema({"type": "string", "pattern": rf"^{ID}\.{ID}$"})]


class Notice(StrEnum):
    """How changes are noticed."""

    OUTBOX = "outbox"
    TIMESTAMP = "timestamp"
    COMPARE = "compare"


def _lasting(text: str) -> Duration:
    return parse_duration(text, signed=False, business=False)


class SqlBlock(Block):
    """Deals are the rows of a table or view in a database: PostgreSQL, MySQL, MariaDB or SQLite."""

    noun: ClassVar[str] = "an SQL source"

    url: Secret | None = Field(
        description="Where the database's address stands: {env: CRM_DB} or {file: PATH}; the address is as "
        "postgresql://user:password@host/database, mysql://…, mariadb://… or sqlite:///file.db."
    )
    table: Label | None = Field(description="The table or view, as the database writes its name.")
    in_schema: Label | None = Field(
        default=None, alias="schema", description="Its schema (MySQL: database). Default: that of the connection."
    )
    id: Label = Field(
        default="id", description="The column with the deal's id: unique, of whole numbers, texts or UUIDs."
    )  # type: ignore[assignment]
    stage: Label | None = Field(description="The column that says where the deal stands.")
    stages: Named[Label, _StageRef] = Field(
        default_factory=dict,
        description="Their stages and ours: {Closed won: sales.won}. Where several of theirs are one of ours, the "
        "first one is written. Default: the column holds our stages, as sales.won.",
    )
    ignore: Many[Label] = Field(
        default=(), description="More of their stages: rows that stand there are no deals of this project."
    )
    columns: Named[Label, FieldId] = Field(
        default_factory=dict,
        description="Their columns and our fields: {value: amount}; also title, owner, and entered_at (only read). "
        "A field that no column holds is kept by flowrun alone.",
    )
    deleted: Label | None = Field(
        default=None, description="A column that marks a row as deleted: one that is neither empty, false nor 0."
    )
    notice: Annotated[Notice, word(Notice)] | None = Field(
        description="How changes are noticed. outbox: by triggers, which miss nothing; timestamp: by the column "
        "`changed_at`; compare: by reading the whole table."
    )
    outbox: Label | None = Field(
        default=None, description="The outbox table; one for each project. Default: flowrun_outbox_ and the table."
    )
    changed_at: Label | None = Field(
        default=None, description="timestamp only: the column with the time of each row's last change."
    )
    overlap: Per = Field(
        default=_lasting("5m"),
        description="timestamp only: how far back is looked each time; longer than any transaction lasts. Default: 5m.",
    )
    key: Label | None = Field(
        default=None,
        description="A column for the key of the firing that last wrote the row: text of 64 characters, unique, empty "
        "in other rows. Default: the keys are in the table `keys`.",
    )
    keys: Label = Field(
        default="flowrun_keys", description="The table for keys of firings, where no column holds them."
    )  # type: ignore[assignment]
    every: Per = Field(default=_lasting("5s"), description="How often to ask for changes. Default: 5s.")
    reconcile: Per = Field(
        default=_lasting("1h"),
        description="How often all rows are read: it finds what was missed, and what was deleted. Default: 1h.",
    )
    batch: Count = Field(default=100, description="How many firings are written in one transaction.")
    per_second: Count | None = Field(
        default=None, description="How many such transactions all runners together make a second. Default: any."
    )

    def refer(self, known: Known) -> Collection[str] | None:
        """As `config.sources.Referring`."""
        findings, stages = known.findings, list(filter(None, self.stages.values()))
        for stage in stages:
            known.stage(stage, "stages")
        seen = set[str]()
        for field in filter(None, self.columns.values()):
            if known.field(field, also=(*SETTABLE, "entered_at")) in seen:
                findings.error("FR408", f"two columns for '{field}'", field.node.span, "leave one of them out")
            seen.add(str(field))
        if self.notice is Notice.TIMESTAMP and self.changed_at is None:
            says = "`notice: timestamp` needs `changed_at`: the column with the time of the last change"
            findings.error("FR402", says, self.place_of("notice"))
        return set(map(str, stages)) if stages else None
