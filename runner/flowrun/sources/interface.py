"""What a source of deals is: the place where a project's deals live, if that isn't the store.

A source brings changes in and carries firings out. It is a plain object with a few blocking methods; everything that
must be right whatever happens (marks, stale reads, intents, repeats, back-off, the shared budget) is flowrun's work
(`sources.intake`, `sources.carrier`), so a source says what it did and what it can't tell, and no more.

The rules that each source keeps, which `flowrun.testing` holds it to:

1. A `Record` is the whole deal as it stands when it is read, not what changed in it; `None` for a field is empty, a
   field that is left out is not known there and stays as it is.
2. `changes(mark)` gives, page by page, at least every deal that was created, changed or deleted since the page of that
   mark; giving some twice, or in another order, is harmless. Null asks from the very beginning. A mark is kept in the
   store together with what its page said, so whoever dies between two pages goes on after the last one kept.
3. `read(ids)` gives these deals as they stand now, a `Gone` for those that aren't there.
4. `perform(orders)` tries each order and gives an outcome for each, in their order. `Done` and `Refused` are facts.
   Where it can't tell whether the effect happened, the outcome is `Unknown`; raising is the same for all that is left.
5. An order moves its deal only where it still stands in `from_stage` (or in `to_stage` already, by this very order):
   otherwise `Conflict`.
6. `find(orders)` says of orders whose outcome is unknown whether they happened: `Done`, `NotDone`, or `Unknown` where
   even that can't be told; those are parked.
7. Two performances of one order, by its `key`, have one effect where the source promises it (`Ability.idempotent`).
8. Nothing is held between calls that a dead process would leave locked. Methods are called by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from flowrun.expr.types import Value
from flowrun.flow.model import Flow

if TYPE_CHECKING:
    from flowrun.config.reading import Block  # brings pydantic, which a runner without a source has no use for

ENTRY_POINTS = "flowrun.sources"
"""The group of entry points under which packages offer sources, each a `Kind`, under the name that `type` takes."""


@dataclass(frozen=True, slots=True)
class Record:
    """A deal as it stands in the source.

    `stage` is a full stage (`sales.won`), null where the source does not say it. `fields` may hold `title`, `owner` and
    declared fields, as values of their types (`expr.types.Value`). `entered_at` is ms, UTC, null where unknown. `key`
    is the key of the firing that made the deal, null where it isn't known or nobody's firing did.
    """

    id: str
    stage: str | None
    fields: Mapping[str, Value] = field(default_factory=dict)
    entered_at: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A deal that is no longer there."""

    id: str


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that should be a deal and can't be read as one. `where` says so to a person (`deals.csv:17`).

    The deal, if `id` is known, is left in the store as it was.
    """

    where: str
    reason: str
    id: str | None = None


Change: TypeAlias = Record | Gone | Bad


@dataclass(frozen=True, slots=True)
class Page:
    """A few thousand changes at most, and the mark after them: an opaque text of at most 10,000 characters.

    `whole` marks the pages of a full read: deals that no page of it named are gone. It is true on each page, and `last`
    on the last one, with which alone the mark is kept: a full read that breaks off begins anew.
    """

    changes: Sequence[Change]
    mark: str | None
    whole: bool = False
    last: bool = True


class Action(Enum):
    """What an order does."""

    MOVE = "move"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Order:
    """A firing to be carried out.

    `key` is the firing's own, the same whenever it is tried (at most 64 ASCII letters, digits, `-`). A move sets
    `to_stage` and `fields` on the deal `id`, which stands in `from_stage`. A copy makes a new deal in `to_stage` with
    `fields`; `id` is the deal that it is copied from, `new_id` the id that flowrun would give it.
    """

    key: str
    action: Action
    id: str
    from_stage: str
    to_stage: str
    fields: Mapping[str, Value]
    new_id: str | None = None
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """It happened, now or before. `id` is that of the deal moved or made."""

    id: str


@dataclass(frozen=True, slots=True)
class NotDone:
    """It certainly did not happen; it may be tried at once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not happen, and never will as it stands: the firing is parked with this reason, for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """It did not happen, since the deal stands elsewhere by now (or is gone): it is read again and judged anew."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It did not happen, and is to be tried again: after so many seconds, or when flowrun thinks right (null).

    `all_` holds back every call to the source for that time: a rate limit rather than one deal's trouble.
    """

    reason: str
    after: float | None = None
    all_: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it happened (a time-out, a lost connection): it is looked up before anything else."""

    reason: str


Outcome: TypeAlias = Done | NotDone | Refused | Conflict | Later | Unknown
OUTCOMES = (Done, NotDone, Refused, Conflict, Later, Unknown)


@dataclass(frozen=True, slots=True)
class Ability:
    """What a source can do, and how it wants to be asked.

    `every` is how many seconds lie between two questions for changes when nothing wakes it; `whole_every` between two
    full reads (null: never by itself). `batch` is the largest number of orders at once; `per_second` how many questions
    (a batch of orders, a question for changes) all runners together may ask (null: any), `burst` how many of them at
    once. `own_ids`: copies get the source's own ids, not `Order.new_id`. `idempotent`: performing a key again has no
    second effect, so an unknown outcome may be retried even where `find` can't tell.
    """

    every: float = 5.0
    whole_every: float | None = 3600.0
    batch: int = 100
    per_second: float | None = None
    burst: int = 1
    own_ids: bool = False
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What the source says of itself, for `validate --live`, `doctor` and `init`: stages by pipeline as it names them,
    and its fields with a word for their type; both empty where it can't tell. `notes` are sentences for a person on
    what it can't promise as it is set up."""

    pipelines: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@runtime_checkable
class Source(Protocol):
    """An open source. Its methods raise `SourceTrouble` for what may pass (it can't be reached), `WorkFailed` for what
    a person must mend."""

    @property
    def ability(self) -> Ability: ...

    def describe(self) -> Described: ...

    def changes(self, mark: str | None) -> Iterator[Page]: ...

    def everything(self) -> Iterator[Page]: ...

    def read(self, ids: Sequence[str]) -> Sequence[Change]: ...

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]: ...

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]: ...

    def close(self) -> None: ...


@runtime_checkable
class Waking(Protocol):
    """A source that can tell at once that something changed, besides."""

    def wait(self, seconds: float) -> bool:
        """Wait at most that long; whether there is something to ask for. Called by a thread of its own."""
        ...


@runtime_checkable
class Joined(Protocol):
    """A source that may be in the store's own database, and can then act in a transaction of the store's: what happens
    there and what flowrun knows of it are committed together, or not at all."""

    def joins(self, connection: Any) -> bool:
        """Whether that connection (SQLAlchemy's, the store's) is to the database that the source is in."""
        ...

    def perform_in(self, connection: Any, orders: Sequence[Order]) -> Sequence[Outcome]:
        """As `perform`, in the transaction that is open there; `Done` holds once that is committed. Raising undoes the
        transaction, and the orders are then performed by `perform`."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What a source is opened for: the applied flow, and the folder that relative paths start from, which is the one
    that the folder of flows is in."""

    flow: Flow
    folder: Path


class Kind(Protocol):
    """A kind of source: what an entry point of the group names.

    `options` is the model of its keys in `source:`, from which come the checks with their places, the schema and the
    reference. `open` gets them as that model; it may raise as the methods of `Source` do.
    """

    @property
    def options(self) -> type[Block]: ...

    def open(self, options: Any, place: Place) -> Source: ...


@runtime_checkable
class Installing(Protocol):
    """A kind that rests on something in the place itself, which is made there on a user's word only.

    Both give what they did, or would do without `make`, as statements in order that a person may run instead; none
    where there is nothing to do. They raise as the methods of `Source`.
    """

    def install(self, options: Any, place: Place, *, make: bool) -> Sequence[str]: ...

    def uninstall(self, options: Any, place: Place, *, make: bool) -> Sequence[str]: ...
