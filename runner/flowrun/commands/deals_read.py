"""`flowrun deals list`, `show` and `export`: deals, read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from flowrun.clock import Clock
from flowrun.commands.deals_select import Wanted, selection
from flowrun.diagnostics import excerpt
from flowrun.errors import NoDeal, WrongUsage
from flowrun.flow.model import Flow
from flowrun.sources.exporting import FORMATS
from flowrun.sources.textfile import Output
from flowrun.store import deals
from flowrun.store.connection import open_store
from flowrun.store.deals import Deal
from flowrun.store.revisions import applied

_AT_ONCE = 1000
_AFTER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Listing:
    """Deals in the order of their creation. `count` is of all that were asked for, `overflowing` of those whose
    condition can't be computed: they are not among them."""

    flow: Flow
    deals: tuple[Deal, ...]
    count: int
    overflowing: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some deals in the order of their creation. `next` is what the page after them begins behind, or None."""

    flow: Flow
    deals: tuple[Deal, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """How many deals stand in each stage. `overflowing` as in `Listing`."""

    flow: Flow
    stages: Mapping[str, int]
    overflowing: int


def listing(store: str, clock: Clock, wanted: Wanted, limit: int | None) -> Listing:
    """The deals, at most `limit` of them (None: all). Raises InvalidInput for options that don't fit the flow."""
    with open_store(store, clock) as opened, opened.read() as connection:
        flow = applied(connection).flow
        chosen = selection(flow, wanted, clock.now())
        found = tuple(deals.listing(connection, flow, chosen, limit))
        beyond = limit is not None and len(found) == limit
        count = sum(deals.counts(connection, flow, chosen).values()) if beyond else len(found)
        return Listing(flow, found, count, deals.overflowing(connection, flow, chosen))


def page(store: str, clock: Clock, stage: str | None, search: str | None, after: str | None, limit: int) -> Page:
    """At most so many of the deals of a stage (None: of all) that have the searched text in their id, title or owner.

    `after` is the `next` of the page before. The store is only read: an older one is refused. Raises InvalidInput for a
    stage that isn't there, WrongUsage for an `after` that no page had.
    """
    if after is not None and not _AFTER.fullmatch(after):
        raise WrongUsage(f"'{excerpt(after)}' is the end of no page", "begin with the first one")
    with open_store(store, clock, read_only=True) as opened, opened.read() as connection:
        flow = applied(connection).flow
        chosen = selection(flow, Wanted(stage=stage), clock.now())
        chosen = replace(chosen, search=search or None, after=None if after is None else int(after))
        found = tuple(deals.listing(connection, flow, chosen, limit + 1))
        more = len(found) > limit
        return Page(flow, found[:limit], str(found[limit - 1].seq) if more else None)


def board(store: str, clock: Clock, wanted: Wanted) -> Board:
    """How many of the deals stand where. Raises as `listing`."""
    with open_store(store, clock) as opened, opened.read() as connection:
        flow = applied(connection).flow
        chosen = selection(flow, wanted, clock.now())
        return Board(flow, deals.counts(connection, flow, chosen), deals.overflowing(connection, flow, chosen))


def shown(store: str, clock: Clock, id_: str, *, read_only: bool = False) -> tuple[Deal, Flow]:
    """A deal and the applied flow. `read_only` refuses an older store, whose tables are brought up to date otherwise.

    Raises NoDeal where there is none of that id.
    """
    with open_store(store, clock, read_only=read_only) as opened, opened.read() as connection:
        flow = applied(connection).flow
        found = deals.find(connection, flow, id_)
        if found is None:
            raise NoDeal(f"there is no deal '{id_}'")
        return found, flow


def export(store: str, clock: Clock, wanted: Wanted, format_: str, to: Path | Callable[[str], object]) -> int:
    """Write the deals as `jsonl` or `csv` to a file, which appears whole, or give the texts to a function.

    How many deals were left out because their condition overflows. Raises as `listing`.
    """
    with open_store(store, clock) as opened, opened.read() as connection:
        flow = applied(connection).flow
        chosen = selection(flow, wanted, clock.now())
        texts = FORMATS[format_](flow, deals.listing(connection, flow, chosen))
        if isinstance(to, Path):
            output = Output(to)
            try:
                output.file.writelines(texts)
                output.finish()
            except BaseException:
                output.abandon()
                raise
        else:
            while chunk := "".join(islice(texts, _AT_ONCE)):
                to(chunk)
        return deals.overflowing(connection, flow, chosen)
