"""The bench: what the author of a source gives to its checks.

A bench is one empty place for deals, made anew for each check. It changes deals as a foreign program would, past the
source, and reads what stands there, past the source too: so nothing that the source says is taken on trust. The
accidents (`lose_answer`, …) are for places that can have them arranged; a test class names those that it can't.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Value, decimal, enum
from flowrun.flow.model import Field, Flow, Pipeline, Stage
from flowrun.sources.interface import Record, Source

FLOW = Flow(
    project="conformance",
    fields={
        field.id: field
        for field in (
            Field("note", TEXT),
            Field("seats", INTEGER),
            Field("amount", decimal(2)),
            Field("share", decimal(6)),
            Field("paid", BOOLEAN),
            Field("renewal_on", DATE),
            Field("call_at", DATETIME),
            Field("channel", enum("web", "ads", "партнёр")),
            Field("labels", TAGS),
        )
    },
    pipelines={
        "sales": Pipeline(
            "sales", "Sales", tuple(Stage(f"sales.{short}", short) for short in ("new", "talks", "won", "lost"))
        ),
        "service": Pipeline("service", "Service", (Stage("service.kickoff", "kickoff"), Stage("service.live", "live"))),
    },
)
"""The flow whose deals the checks use: a field of every type, and stages of two pipelines. It has no tunnels."""

ROWS = "FLOWRUN_TESTING_ROWS"
"""The environment variable that says how many deals many are; a million, to be sure."""


class Broken(AssertionError):
    """A rule that the source does not keep. The message says what was done, what was expected, and what came."""


def require(holds: bool, says: str) -> None:
    """Raises Broken, unless it holds."""
    if not holds:
        raise Broken(says)


class Bench(ABC):
    """One empty place, and the hands of a foreign program in it.

    `flow` is what the source is opened for; a source that can't hold fields of some type has a bench with a smaller
    one, with the same stages. `finds_deletes`: false for a source that learns of deals that are gone by full reads
    alone. `rows` is how many deals take several pages; `many` how many deals many are, null: as many.
    """

    flow: Flow = FLOW
    finds_deletes: bool = True
    rows: int = 2_500
    many: int | None = int(os.environ[ROWS]) if ROWS in os.environ else None

    @abstractmethod
    def open(self) -> Source:
        """The source of this place, opened as by a process that has just started. Asked for often, and closed."""

    @abstractmethod
    def put(self, deals: Sequence[Record]) -> None:
        """Make these deals, or give them these stages and fields where they are there; all in one go if it can be."""

    @abstractmethod
    def delete(self, ids: Iterable[str]) -> None:
        """Take these deals away."""

    @abstractmethod
    def standing(self) -> Mapping[str, Record]:
        """The deals that are there by their ids, each with all fields of the flow, `title` and `owner`."""

    def holds(self, name: str, value: Value) -> bool:  # noqa: ARG002 - for others to narrow
        """Whether the place can hold that value in that field at all (`id`: as an id)."""
        return True

    def close(self) -> None:  # noqa: B027 - nothing has to be done
        """The check is over."""

    # Accidents. Each is for what comes next only.

    def late(self, one: Record) -> Callable[[], None]:
        """Begin to make that deal, in a transaction that others don't see; the function given commits it."""
        raise NotImplementedError("late")

    def spoil(self, id_: str) -> None:
        """Make the row of that deal unreadable, as a person does who writes a word where a number belongs."""
        raise NotImplementedError("spoil")

    def lose_answer(self) -> None:
        """The next order happens, and the source doesn't learn of it (the connection breaks after the commit)."""
        raise NotImplementedError("lose_answer")

    def lose_call(self) -> None:
        """The next order doesn't happen, and the source doesn't learn of it (the connection breaks before)."""
        raise NotImplementedError("lose_call")

    def limit(self, seconds: float) -> None:
        """The place turns down the next order: too many calls, come back after so many seconds."""
        raise NotImplementedError("limit")


def deal(
    bench: Bench, id_: str, stage: str = "sales.new", given: Mapping[str, Value] | None = None, **more: Value
) -> Record:
    """A deal with all fields of the bench's flow, empty but for those given (those that the flow lacks left out)."""
    values = {**(given or {}), **more}
    return Record(id_, stage, {name: values.get(name) for name in ("title", "owner", *bench.flow.fields)})
