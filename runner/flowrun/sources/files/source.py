"""The source: what files say of deals, as records; and firings, as changes of their rows.

What was told is remembered by rows' digests, for two ends: a changed file is told by the rows that differ, and an order
is carried out only on the row that flowrun knows. A row that somebody has edited since is a conflict, whatever was
edited: the firing was decided on what it said before.

A row is written at most once for an order, however often it is tried: a move is done where the row says so already, a
copy where its id stands already. So whether a call happened can be read off the files, and calls may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowrun.clock import Clock, SystemClock
from flowrun.diagnostics import excerpt
from flowrun.errors import SourceTrouble
from flowrun.expr.types import Kind
from flowrun.sources.files import given, rewriting
from flowrun.sources.files.census import Census, census
from flowrun.sources.files.folder import Folder, opened_by
from flowrun.sources.files.given import Given, Mark
from flowrun.sources.files.layout import Layout
from flowrun.sources.files.looking import Looking, Pace, Seen, Stirred
from flowrun.sources.files.orders import Batch, is_done
from flowrun.sources.files.telling import Telling, differing
from flowrun.sources.files.waking import Waking
from flowrun.sources.interface import (
    Ability,
    Action,
    Bad,
    Change,
    Conflict,
    Described,
    Done,
    Gone,
    Later,
    NotDone,
    Order,
    Outcome,
    Page,
    Record,
    Refused,
    Unknown,
)
from flowrun.sources.vanishing import too_many

PAGE = 2_000
"""Changes on a page."""

_TRIES = 5
"""How often an order is tried anew on a file that others change meanwhile, before it is left for later."""

_OVERDUE = 30.0
"""Seconds after which a file that never comes to rest is told of."""

_EVERY = 5.0
BATCH = 1_000
"""Orders that a file is rewritten once for."""


@dataclass(slots=True)
class Files:
    """Deals in files. `copies` is the name of the file that takes new deals, or None; `most` the rail in percent;
    `page` how many changes a page has, `batch` how many orders are taken at once."""

    layout: Layout
    folder: Folder
    most: int = 20
    copies: str | None = None
    pace: Pace = field(default_factory=Pace)
    page: int = PAGE
    batch: int = BATCH
    clock: Clock = field(default_factory=SystemClock)
    _looking: Looking = field(init=False)
    _waking: Waking = field(init=False)
    _given: Given = field(default_factory=Given)
    _count: int = 0
    _missing: set[str] = field(default_factory=set)
    _restless: dict[str, float] = field(default_factory=dict)
    _taken: tuple[tuple[tuple[str, str], ...], Census] | None = None

    def __post_init__(self) -> None:
        self._looking = Looking(self.folder, self.layout, self.pace, self.most)
        self._waking = Waking(self.folder)

    @property
    def ability(self) -> Ability:
        """Copies are told by flowrun's own ids, so nothing is done twice; a file is rewritten once for many orders."""
        return Ability(every=_EVERY, batch=self.batch, idempotent=True)

    def describe(self) -> Described:
        """The stages that the rows stand in, as they write them, and the columns that are mapped. Raises SourceTrouble
        where a path leads nowhere."""
        self.folder.files()
        mapping = self.layout.mapping
        stages = [*mapping.stages] or [*self.layout.flow.stages]
        kinds = {name: str(type_.kind) for name, type_ in self.layout.types.items()}
        fields = {column.text: kinds.get(name, str(Kind.TEXT)) for name, column in mapping.columns.items()}
        return Described({", ".join(self.folder.paths): stages}, fields)

    def wait(self, seconds: float) -> bool:
        """Wait until a file stirs, at most that long; whether one may have."""
        return self._waking.wait(seconds)

    def close(self) -> None:
        """Nothing is open between calls but the watch."""
        self._waking.close()

    # The way in

    def changes(self, mark: str | None) -> Iterator[Page]:
        """The rows that differ from those of the mark; files that this process doesn't remember, whole."""
        old = given.read(mark)
        if old is not None and old.layout != self.layout.digest:
            old = None
        looks, restless = self._looks()
        counted = self._census(looks, restless)
        now = given.buckets({name: seen.digest for name, seen in looks.items()})
        past: Mapping[str, str] = old.buckets if old else {}
        held = {given.bucket(name) for name in restless}
        known = self._given if mark is not None and mark == self._given.mark else Given()
        self._count = max(old.count if old else 0, self._count)
        gone = self._gone(known, counted)
        problem = self._problem(gone, counted)
        reached = dict(past)
        told = Telling(Mark(self.layout.digest, self._count, reached), mark if old else None)
        for bucket in sorted({*now, *past}):
            if bucket in held or now.get(bucket) == past.get(bucket):
                continue
            inside = [looks[name] for name in looks if given.bucket(name) == bucket]
            yield from self._tell_bucket(inside, old.inside if old else None, counted, known, told)
            if told.stirred:
                return
            reached = {key: digest for key, digest in {**reached, bucket: now.get(bucket, "")}.items() if digest}
            told.mark = Mark(self.layout.digest, self._count, reached)
        if problem is None:
            told.changes += [Gone(id_) for id_ in sorted(gone)]
        told.changes += self._settle(gone, problem, counted)
        freed = [id_ for id_ in known.repeated if id_ not in counted.repeated and id_ in counted.files]
        told.inside = None
        yield from self._tell_ids(freed, looks, counted, told)
        if told.stirred:
            return
        told.changes += self._overdue(counted)
        last = str(Mark(self.layout.digest, self._count, reached))
        if not held:
            self._remember(last, looks, counted)
        yield from told.pages(last, self.page)

    def everything(self) -> Iterator[Page]:
        """All rows. Raises SourceTrouble where a file stirs meanwhile.

        If some can't be told, or too many are gone, it is no full read, and nothing is deleted by it.
        """
        looks, restless = self._looks()
        counted = self._census(looks, restless)
        gone = self._gone(self._given, counted)
        problem = self._problem(gone, counted)
        told = Telling(None, whole=problem is None)
        for seen in looks.values():
            told.changes += counted.faults.get(seen.name, [])
            yield from self._tell_file(seen.index.places, seen, counted, told)
            if told.stirred:
                raise SourceTrouble(f"'{excerpt(seen.name)}' was written while it was read")
        told.changes += self._overdue(counted)
        told.changes += self._settle(gone, problem, counted)
        now = given.buckets({name: seen.digest for name, seen in looks.items()})
        last = str(Mark(self.layout.digest, self._count, now))
        if not restless:
            self._remember(last, looks, counted)
        yield from told.pages(last, self.page)

    def read(self, ids: Sequence[str]) -> Sequence[Change]:
        """These deals as they stand. One that isn't there is gone only if all rows can be read."""
        looks, restless = self._looks()
        counted = self._census(looks, restless)
        told = Telling(None)
        for _ in self._tell_ids([id_ for id_ in ids if id_ in counted.named], looks, counted, told, paged=False):
            pass
        if told.stirred:
            raise SourceTrouble("the files are being written; they are read again in a moment")
        missing = [id_ for id_ in ids if id_ not in counted.named]
        problem = self._problem(self._gone(self._given, counted), counted) if missing else None
        reason = f"it is missing: {problem}"
        told.changes += [Gone(id_) if problem is None else Bad(self._where(), reason, id_) for id_ in missing]
        return told.changes

    def _looks(self) -> tuple[dict[str, Seen], set[str]]:
        """The files at rest, by name, and the names of those that don't come to rest."""
        files = self.folder.files()
        self._looking.forget({*files})
        looks, restless = {}, set()
        for name, path in files.items():
            try:
                looks[name] = self._looking.at_rest(name, path)
            except Stirred:
                restless.add(name)
        now = self.pace.monotonic()
        self._restless = {name: self._restless.get(name, now) for name in restless}
        if restless:
            self._waking.again()
        return looks, restless

    def _overdue(self, counted: Census) -> list[Change]:
        """What is to be told of files that don't come to rest: nothing yet, or that they don't."""
        now = self.pace.monotonic()
        names = [name for name, since in sorted(self._restless.items()) if now - since >= _OVERDUE]
        return [bad for name in names for bad in counted.faults[name]]

    def _census(self, looks: Mapping[str, Seen], restless: Iterable[str]) -> Census:
        state = (*((name, seen.digest) for name, seen in looks.items()), *((name, "") for name in sorted(restless)))
        if self._taken is None or self._taken[0] != state:
            self._taken = state, census(looks, restless)
        return self._taken[1]

    def _gone(self, known: Given, counted: Census) -> set[str]:
        """The deals that were there, as far as this process remembers any, and are no longer."""
        return {*self._missing, *(id_ for index in known.indexes.values() for id_ in index.ids)} - counted.named

    def _problem(self, gone: set[str], counted: Census) -> str | None:
        """Why deals that aren't there are not taken as deleted, or None."""
        if counted.blind is not None:
            return f"{counted.blind}: until all can be, no deal is taken as deleted"
        return too_many(max(len(gone), self._count - len(counted.named)), self._count, self.most)

    def _settle(self, gone: set[str], problem: str | None, counted: Census) -> list[Change]:
        """Remember how many deals there are, or which are missing and must not go; what is to be told of these."""
        vanished = bool(gone) or self._count > len(counted.named)
        self._missing = set() if problem is None else gone
        if problem is None:
            self._count = len(counted.named)
            return []
        return [Bad(self._where(), problem)] if vanished else []

    def _where(self) -> str:
        return ", ".join(self.folder.paths)

    def _remember(self, mark: str, looks: Mapping[str, Seen], counted: Census) -> None:
        indexes = {name: seen.index for name, seen in looks.items()}
        self._given = Given(mark, indexes, frozenset(counted.repeated))

    def _tell_bucket(
        self, files: Sequence[Seen], reached: tuple[str, int] | None, counted: Census, known: Given, told: Telling
    ) -> Iterator[Page]:
        """What files say, apart from rows that are known as they are. `reached` is how far this was told already."""
        prefixes = [
            given.together((seen.name, seen.digest) for seen in files[: number + 1]) for number in range(len(files))
        ]
        first = prefixes.index(reached[0]) if reached is not None and reached[0] in prefixes else -1
        for number, seen in enumerate(files):
            if number < first:
                continue
            told.inside = prefixes[number]
            told.changes += counted.faults.get(seen.name, [])
            skip = reached[1] if reached is not None and number == first else 0
            yield from self._tell_file(differing(seen.index, known.indexes.get(seen.name), skip), seen, counted, told)
            if told.stirred:
                return

    def _tell_ids(
        self, ids: Iterable[str], looks: Mapping[str, Seen], counted: Census, told: Telling, *, paged: bool = True
    ) -> Iterator[Page]:
        """What the rows of these deals say."""
        by_file: dict[str, list[str]] = {}
        for id_ in ids:
            if id_ in counted.repeated or id_ not in counted.files:
                told.changes.append(counted.repeated.get(id_) or counted.unreadable[id_])
            else:
                by_file.setdefault(counted.files[id_], []).append(id_)
        for name, some in by_file.items():
            yield from self._tell_file(some, looks[name], counted, told, paged=paged)

    def _tell_file(
        self, ids: Iterable[str], seen: Seen, counted: Census, told: Telling, *, paged: bool = True
    ) -> Iterator[Page]:
        try:
            with seen.reading() as table:
                assert table.file is not None
                for id_ in ids:
                    row = seen.index.row(id_)
                    assert row is not None
                    told.changes.append(counted.repeated.get(id_) or table.record(row))
                    self._given.later[id_] = row.digest
                    if paged and len(told.changes) >= self.page:
                        seen.check(table.file)
                        yield told.page(seen.index.places[id_] + 1)
        except Stirred:
            told.stirred = True
            self._waking.again()

    # The way out

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Change the rows and add new ones: each file is rewritten once, for all of its orders."""
        outcomes: dict[int, Outcome] = {}
        for _ in range(_TRIES):
            todo = [number for number in range(len(orders)) if number not in outcomes]
            if not todo:
                break
            looks, restless = self._looks()
            counted = self._census(looks, restless)
            by_file: dict[str, list[int]] = {}
            for number in todo:
                place = self._place(orders[number], looks, counted)
                if isinstance(place, str):
                    by_file.setdefault(place, []).append(number)
                else:
                    outcomes[number] = place
            for name, numbers in by_file.items():
                done = self._write(looks[name], [orders[number] for number in numbers])
                outcomes |= dict(zip(numbers, done, strict=False))
        later = Later("the file is being written by another program", 1.0)
        return [outcomes.get(number, later) for number in range(len(orders))]

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Whether the rows say what the orders would have them say."""
        looks, restless = self._looks()
        counted = self._census(looks, restless)
        return [self._found(order, looks, counted) for order in orders]

    def _found(self, order: Order, looks: Mapping[str, Seen], counted: Census) -> Outcome:
        copies = order.action is Action.COPY
        id_ = order.new_id or "" if copies else order.id
        name = counted.files.get(id_)
        if copies and id_ not in counted.named and counted.blind is None:
            return NotDone()
        if name is None or id_ in counted.repeated:
            return Unknown("its row is gone, or can't be read")
        try:
            with looks[name].reading() as table:
                row = looks[name].index.row(id_)
                said = table.record(row) if row is not None else None
        except Stirred:
            return Unknown("the file is being written")
        if isinstance(said, Record) and is_done(said, order, table):
            return Done(id_)
        if isinstance(said, Record) and not copies and said.stage == order.from_stage:
            return NotDone()
        return Unknown("its row says neither what it said before nor what it should")

    def _place(self, order: Order, looks: Mapping[str, Seen], counted: Census) -> str | Outcome:
        """The name of the file that an order is about, or what becomes of it without one."""
        if order.action is Action.MOVE:
            trouble = counted.repeated.get(order.id) or counted.unreadable.get(order.id)
            if trouble is not None:
                return Later(f"{trouble.where}: {trouble.reason}")
            if order.id in counted.files:
                return counted.files[order.id]
            return Later(counted.blind) if counted.blind else Conflict(f"no file has '{excerpt(order.id)}' any more")
        id_ = order.new_id or ""
        trouble = counted.repeated.get(id_) or counted.unreadable.get(id_)
        if trouble is not None:
            return Later(f"{trouble.where}: {trouble.reason}")
        if id_ in counted.files:
            return counted.files[id_]
        name = self.copies or counted.files.get(order.id) or (next(iter(looks)) if len(looks) == 1 else None)
        if name is None:
            return Refused("no file has the deal that it is copied from; name one for new deals by `copies`")
        if name not in looks:
            return Later(f"the file for new deals, '{excerpt(name)}', is not there, or being written")
        return name

    def _write(self, seen: Seen, orders: Sequence[Order]) -> Sequence[Outcome]:
        """What became of the orders of one file; nothing at all where it has stirred meanwhile."""
        if seen.index.fault is not None:
            return [Later(f"{seen.name}: {seen.index.fault}")] * len(orders)
        if lock := opened_by(seen.path):
            return [Later(f"{seen.name} is open in another program, as {excerpt(lock)} says", 10.0)] * len(orders)
        try:
            with seen.reading() as table:
                batch = Batch(seen, table, self._given, self.clock.now())
                for order in orders:
                    batch.take(order)
                patches = batch.patches()
            if patches:
                rewriting.rewrite(seen, patches)
        except Stirred:
            return ()
        except rewriting.Busy:
            return [Later(f"{seen.name} is locked by another program", 1.0)] * len(orders)
        except OSError as error:
            return [Later(f"{seen.name} can't be written: {error.strerror or error}")] * len(orders)
        self._given.later |= batch.digests
        self._waking.again()
        return batch.outcomes
