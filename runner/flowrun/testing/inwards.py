"""What a source says: each deal as it stands, nothing lost, and the mark after it kept for as long as it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

from flowrun.expr.types import Value
from flowrun.sources.interface import Bad, Change, Described, Gone, Page, Record, Source
from flowrun.testing.bench import Bench, deal, require
from flowrun.testing.samples import IDS, VALUES

MARK_CHARACTERS = 10_000
PAGE_CHANGES = 10_000


def pages_of(pages: Iterable[Page]) -> Iterator[Page]:
    """The pages as they come, each held to what a page may be."""
    for page in pages:
        require(len(page.changes) <= PAGE_CHANGES, f"a page has {len(page.changes):,} changes; expected a few thousand")
        if page.mark is not None:
            require(isinstance(page.mark, str), f"a mark must be a text, found {type(page.mark).__name__}")
            require(
                len(page.mark) <= MARK_CHARACTERS,
                f"a mark has {len(page.mark):,} characters; at most {MARK_CHARACTERS:,} are kept",
            )
        yield page


def last_words(pages: Iterable[Page], mark: str | None = None) -> tuple[dict[str, Change], str | None]:
    """What was said last of each deal, and the mark after it all."""
    said: dict[str, Change] = {}
    for page in pages_of(pages):
        for change in page.changes:
            if change.id is not None:
                said[change.id] = change
        mark = page.mark
    return said, mark


def asked(bench: Bench, mark: str | None) -> tuple[dict[str, Change], str | None]:
    """What the source, opened anew, says of all that came after the mark."""
    with closing(bench.open()) as source:
        return last_words(source.changes(mark), mark)


def same(bench: Bench, one: Record, expected: Record, *, whole: bool = True) -> str | None:
    """In what the record differs from the expected one; None: in nothing. `whole`: fields may not be left out."""
    if one.stage != expected.stage:
        return f"the stage is {one.stage!r}; expected {expected.stage!r}"
    for name, value in expected.fields.items():
        if name not in one.fields:
            if whole and name in ("title", "owner", *bench.flow.fields):
                return f"'{name}' is left out, which says that it isn't known; expected {value!r}"
            continue
        found = one.fields[name]
        if found != value or (value is not None and type(found) is not type(value)):
            return f"'{name}' is {found!r}; expected {value!r}"
    return None


def require_said(bench: Bench, said: Mapping[str, Change], expected: Iterable[Record], after: str) -> None:
    """Raises Broken unless each of these deals was said to be as it is."""
    for one in expected:
        change = said.get(one.id)
        require(change is not None, f"after {after}, nothing is said of {one.id!r}; expected it as it stands")
        require(isinstance(change, Record), f"after {after}, {change!r} is said of {one.id!r}; expected a Record")
        assert isinstance(change, Record)
        problem = same(bench, change, one)
        require(problem is None, f"after {after}, of the deal {one.id!r} {problem}")


def three(bench: Bench) -> list[Record]:
    """Three deals, put there."""
    deals = [deal(bench, f"d{n}", title=f"Deal {n}", owner="ann", seats=n, amount=Decimal(n)) for n in (1, 2, 3)]
    bench.put(deals)
    return deals


def all_from_the_beginning(bench: Bench) -> None:
    """A question without a mark is answered with every deal, whole, as it stands."""
    deals = three(bench)
    bench.put([elsewhere := deal(bench, "s1", "service.live", title="Served")])
    said, mark = asked(bench, None)
    require_said(bench, said, [*deals, elsewhere], "a question from the very beginning")
    require(set(said) == {"d1", "d2", "d3", "s1"}, f"deals are told of that aren't there: {sorted(said)}")
    require(mark is not None, "the last page has no mark, so each question would be answered from the beginning")


def later_changes(bench: Bench) -> None:
    """A deal that was made, changed or moved since the mark is told of."""
    deals = three(bench)
    _, mark = asked(bench, None)
    changed = replace(deals[0], fields={**deals[0].fields, "title": "Another title"})
    moved = replace(deals[1], stage="sales.won")
    made = deal(bench, "d4", "sales.talks", title="Deal 4")
    for n, one in enumerate((changed, moved, made)):
        bench.put([one])
        said, mark = asked(bench, mark)
        require_said(bench, said, [one], ("a field was changed", "the stage was changed", "a deal was made")[n])


def same_again(bench: Bench) -> None:
    """A change back to what was before is told of too: flowrun may have acted on what was in between."""
    first = three(bench)[0]
    _, mark = asked(bench, None)
    bench.put([replace(first, stage="sales.won")])
    _, mark = asked(bench, mark)
    bench.put([first])
    said, _ = asked(bench, mark)
    require_said(bench, said, [first], "a deal was moved away and back")


def changes_amid_reading(bench: Bench) -> None:
    """What changes while pages are read is told of in a later page, or after the last mark."""
    deals = [deal(bench, f"d{n:05}", title="Before") for n in range(bench.rows)]
    bench.put(deals)
    changed = [replace(deals[at], fields={**deals[at].fields, "title": "After"}) for at in (0, len(deals) // 2, -1)]
    made = deal(bench, "amid", title="Amid")
    said: dict[str, Change] = {}
    mark = None
    with closing(bench.open()) as source:
        for number, page in enumerate(pages_of(source.changes(None))):
            for change in page.changes:
                said[change.id or ""] = change
            mark = page.mark
            if number == 0:
                bench.put([*changed, made])
    more, _ = asked(bench, mark)
    require_said(bench, said | more, [*changed, made], "changes while pages were being read")
    require(len(said | more) == len(deals) + 1, f"{len(said | more):,} deals were told of; expected {len(deals) + 1:,}")


def late_changes(bench: Bench) -> None:
    """A transaction that begins before a mark and commits after it is not missed."""
    three(bench)
    _, mark = asked(bench, None)
    late = deal(bench, "late", title="Late")
    commit = bench.late(late)
    bench.put([soon := deal(bench, "soon", title="Soon")])
    said, mark = asked(bench, mark)
    require_said(bench, said, [soon], "a deal was made while another transaction was open")
    require("late" not in said, "a deal is told of that is not committed yet")
    said, mark = asked(bench, mark)
    commit()
    said, _ = asked(bench, mark)
    require_said(bench, said, [late], "a transaction committed that had begun before the mark")


def present_state(bench: Bench) -> None:
    """What is said last of a deal is how it stands, however often it changed and in whatever order it is told."""
    first, second, third = three(bench)
    for stage in ("sales.talks", "sales.won", "sales.lost", "sales.new", "sales.talks"):
        bench.put([replace(first, stage=stage), replace(third, stage=stage)])
    bench.delete([second.id])
    bench.put([replace(second, stage="sales.won")])
    expected = [replace(first, stage="sales.talks"), replace(second, stage="sales.won")]
    expected.append(replace(third, stage="sales.talks"))
    said, mark = asked(bench, None)
    require_said(bench, said, expected, "several changes to one deal")
    bench.put([replace(first, stage="sales.won")])
    bench.put([replace(first, stage="sales.lost")])
    said, _ = asked(bench, mark)
    require_said(bench, said, [replace(first, stage="sales.lost")], "two changes to one deal")


def repeated_questions(bench: Bench) -> None:
    """The same mark may be asked with again: whoever died before it kept the answer gets it once more."""
    deals = three(bench)
    _, mark = asked(bench, None)
    moved = [replace(one, stage="sales.won") for one in deals]
    bench.put(moved)
    later = mark
    for turn in ("the first question", "the same question a second time"):
        said, later = asked(bench, mark)
        require_said(bench, said, moved, turn)
    bench.put([one := deal(bench, "d4")])
    said, _ = asked(bench, later)
    require_said(bench, said, [one], "a change that came after both")


def marks_outlive(bench: Bench) -> None:
    """Reading goes on after any page's mark, in another process, and nothing is lost in between."""
    deals = [deal(bench, f"d{n:05}", title=f"Deal {n}") for n in range(bench.rows)]
    bench.put(deals)
    said: dict[str, Change] = {}
    mark: str | None = None
    for _ in range(bench.rows + 2):
        page = None
        with closing(bench.open()) as source:
            for page in pages_of(source.changes(mark)):
                said |= {change.id or "": change for change in page.changes}
                if page.last or not page.whole:
                    mark = page.mark
                    break
        if page is None or page.last:
            break
    require_said(bench, said, deals, "reading on after each page in a new process")
    bench.put([one := deal(bench, "more", title="More")])
    said, _ = asked(bench, mark)
    require_said(bench, said, [one], "a change while no process ran")


def deletes(bench: Bench) -> None:
    """A deal that was deleted is told of as gone; by the full read at least."""
    deals = three(bench)
    _, mark = asked(bench, None)
    bench.delete(["d2"])
    said, _ = asked(bench, mark)
    if bench.finds_deletes:
        require(isinstance(said.get("d2"), Gone), f"of a deleted deal is said {said.get('d2')!r}; expected Gone")
    else:
        require("d2" not in said, f"of a deleted deal is said {said.get('d2')!r}")
        with closing(bench.open()) as source:
            says = "deletes are found by full reads alone, and `whole_every` says that none is made"
            require(source.ability.whole_every is not None, says)
    require_said(bench, asked(bench, None)[0], [deals[0], deals[2]], "another deal was deleted")
    require(not isinstance(asked(bench, None)[0].get("d2"), Record), "a deleted deal is told of as being there")


def emptied_fields(bench: Bench) -> None:
    """A field that was emptied is told of as empty (None), not left out."""
    full = deal(bench, "d1", given={name: values[0] for name, values in _held(bench).items()})
    bench.put([full])
    _, mark = asked(bench, None)
    bench.put([empty := deal(bench, "d1")])
    said, _ = asked(bench, mark)
    require_said(bench, said, [empty], "all fields were emptied")


def unicode_ids(bench: Bench) -> None:
    """Ids are told apart by every character, and come as they are."""
    ids = [id_ for id_ in IDS if bench.holds("id", id_)]
    deals = [deal(bench, id_, title=f"{n}") for n, id_ in enumerate(ids)]
    bench.put(deals)
    said, _ = asked(bench, None)
    require_said(bench, said, deals, "deals with such ids were made")
    require(set(said) == set(ids), f"other ids are told of: {sorted(set(said) - set(ids))!r}")
    with closing(bench.open()) as source:
        read = {change.id or "": change for change in source.read(ids)}
    require_said(bench, read, deals, "reading deals with such ids")


def values_of_every_type(bench: Bench) -> None:
    """Values come as they are: of every type, to their limits, in any script."""
    deals = valued(bench)
    bench.put(deals)
    said, _ = asked(bench, None)
    require_said(bench, said, deals, "deals with such values were made")


def read_by_ids(bench: Bench) -> None:
    """Deals asked for by their ids come as they stand now; those that aren't there are Gone."""
    first, second, third = three(bench)
    with closing(bench.open()) as source:
        list(source.changes(None))
        bench.put([replace(second, stage="sales.won")])
        bench.delete([third.id])
        changes = source.read(["d3", "never was", "d2", "d1"])
        require(source.read([]) == [] or not source.read([]), "reading no ids gives something")
    said = {change.id or "": change for change in changes}
    require(len(said) == len(changes) == 4, f"four deals were asked for, and {len(changes)} answers came: {changes!r}")
    require_said(bench, said, [first, replace(second, stage="sales.won")], "asking for them by their ids")
    for id_ in ("d3", "never was"):
        require(isinstance(said.get(id_), Gone), f"of {id_!r}, which isn't there, {said.get(id_)!r} is said")


def full_reads(bench: Bench) -> None:
    """A full read names every deal that is there and no other, and says where it ends."""
    require_whole(bench, [])
    deals = [deal(bench, f"d{n:05}", title=f"Deal {n}") for n in range(bench.rows)]
    bench.put(deals)
    bench.delete([deals[1].id, deals[-1].id])
    require_whole(bench, [deals[0], *deals[2:-1]])


def require_whole(bench: Bench, expected: Collection[Record]) -> None:
    """Raises Broken unless a full read says exactly that."""
    with closing(bench.open()) as source:
        pages = list(pages_of(source.everything()))
    require(bool(pages), "a full read has no page; expected a last one, even of nothing")
    require(all(page.whole for page in pages), "a page of a full read is not marked `whole`")
    ends = [page.last for page in pages]
    require(ends[-1] and not any(ends[:-1]), "of a full read the last page, and no other, must be marked `last`")
    said = {change.id or "": change for page in pages for change in page.changes}
    require_said(bench, said, expected, "a full read")
    more = [id_ for id_, change in said.items() if isinstance(change, Record)]
    require(len(more) == len(expected), f"a full read names {len(more):,} deals; {len(expected):,} are there")


def many_deals(bench: Bench) -> None:
    """Many deals come in pages of some thousand, all of them, and are not told of again."""
    wanted = bench.many or bench.rows
    for start in range(0, wanted, 10_000):
        bench.put([deal(bench, f"d{n}", seats=n) for n in range(start, min(start + 10_000, wanted))])
    left = set(range(wanted))
    mark = None
    with closing(bench.open()) as source:
        for page in pages_of(source.changes(None)):
            left.difference_update(_numbers(page.changes))
            mark = page.mark
    require(not left, f"{len(left):,} of {wanted:,} deals are not told of, d{min(left, default=0)} for one")
    require(_settles(bench, mark), "with nothing changed, the same deals are told of again at each question")


def bad_rows(bench: Bench) -> None:
    """A row that can't be read is told of as Bad, with its id; the others are told of all the same."""
    first, _, third = three(bench)
    _, mark = asked(bench, None)
    bench.spoil("d2")
    bench.put([moved := replace(third, stage="sales.won")])
    with closing(bench.open()) as source:
        for what, pages in (("a question", source.changes(mark)), ("a full read", source.everything())):
            said, _ = last_words(pages)
            change = said.get("d2")
            require(isinstance(change, Bad), f"{what} says {change!r} of a row that can't be read; expected Bad")
            assert isinstance(change, Bad)
            require(bool(change.reason and change.where), f"it isn't said what is wrong and where: {change!r}")
            there = [moved] if what == "a question" else [first, moved]
            require_said(bench, said, there, f"{what} beside a row that can't be read")
        read = source.read(["d2"])
        require(bool(read) and isinstance(read[0], Bad), f"reading such a row gives {read!r}; expected Bad")


def described(bench: Bench) -> None:
    """What the source says of itself can be had at any time, and names stages that deals stand in."""
    three(bench)
    with closing(bench.open()) as source:
        require(isinstance(source, Source), "not all methods of a source are there")
        found = source.describe()
        require(isinstance(found, Described), f"`describe` gives {found!r}; expected Described")
        require(source.ability.batch >= 1, f"`batch` is {source.ability.batch}; expected 1 or more")
        require(source.ability.every > 0, f"`every` is {source.ability.every}; expected more than 0")
        source.close()


def _settles(bench: Bench, mark: str | None) -> bool:
    """Whether questions with nothing changed come to be answered with little."""
    for _ in range(3):
        said, mark = asked(bench, mark)
        if len(said) < max(10, bench.rows // 10):
            return True
    return False


def _numbers(changes: Iterable[Change]) -> Iterator[int]:
    for change in changes:
        if isinstance(change, Record) and change.fields.get("seats", int(change.id[1:])) == int(change.id[1:]):
            yield int(change.id[1:])


def _held(bench: Bench) -> dict[str, tuple[Value, ...]]:
    """Of the values, those that the bench's place can hold."""
    names = ("title", "owner", *bench.flow.fields)
    held = {name: tuple(one for one in VALUES[name] if bench.holds(name, one)) for name in names if name in VALUES}
    return {name: values for name, values in held.items() if values}


def valued(bench: Bench) -> list[Record]:
    """Deals that hold all values between them, and one that is empty."""
    held = _held(bench)
    most = max(len(values) for values in held.values())
    return [
        deal(bench, f"v{n}", given={name: values[n % len(values)] for name, values in held.items()})
        for n in range(most)
    ] + [deal(bench, "empty")]


INWARDS: tuple[Callable[[Bench], None], ...] = (
    all_from_the_beginning,
    later_changes,
    same_again,
    changes_amid_reading,
    late_changes,
    present_state,
    repeated_questions,
    marks_outlive,
    deletes,
    emptied_fields,
    unicode_ids,
    values_of_every_type,
    read_by_ids,
    full_reads,
    many_deals,
    bad_rows,
    described,
)
