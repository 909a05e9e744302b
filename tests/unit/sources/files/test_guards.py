"""What looks like an accident is waited for, told, and never taken as deals that were deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.clock import FixedClock
from flowrun.errors import SourceTrouble, WorkFailed
from flowrun.flow.model import Rails
from flowrun.sources.files import rewriting, source
from flowrun.sources.files.looking import Pace
from flowrun.sources.interface import Bad, Conflict, Done, Gone, Later, Unknown
from tests.unit.sources.files.place import AT_ONCE, Ground, bads, move, stages

ROWS = "id,at\n" + "".join(f"d{number},sales.new\n" for number in range(100))


class Hands:
    """Somebody who writes while the source waits, and lets so many seconds pass before each thing that is done."""

    def __init__(self, *things: Callable[[], object], every: float = 0.4) -> None:
        self.things = [*things]
        self.passed = 0.0
        self.every = every
        self.next = every
        self.pace = Pace(longest=2.0, clock=FixedClock(0), sleep=self.sleep, monotonic=lambda: self.passed)

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        if self.things and self.passed >= self.next:
            self.next = self.passed + self.every
            self.things.pop(0)()


def _appended(path: Path, text: str) -> Callable[[], object]:
    def append() -> None:
        with path.open("a") as file:
            file.write(text)

    return append


def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_text("id,at\na,sales.new\nb,sal")
    hands = Hands(_appended(path, "es.n"), _appended(path, "ew\nc,sales.won\n"))
    ground = Ground(tmp_path, pace=hands.pace)
    assert stages(ground.changes()) == {"a": "sales.new", "b": "sales.new", "c": "sales.won"}


def test_half_a_row_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_text("id,at,title\na,sales.new,Ac")
    hands = Hands(_appended(path, "me\n"))
    assert [getattr(one, "fields", None) for one in Ground(tmp_path, pace=hands.pace).changes()] == [{"title": "Acme"}]


def test_what_stays_as_it_is_is_taken_after_a_second(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("id,at\na,sales.new")
    hands = Hands()
    assert stages(Ground(tmp_path, pace=hands.pace).changes()) == {"a": "sales.new"}
    assert 0.5 < hands.passed < 1.5


def test_one_that_never_comes_to_rest_is_left_for_later_and_then_told(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "path: deals")
    ground.write("id,at\nb,sales.new\n", "deals/quiet.csv")
    path = ground.write("id,at\n", "deals/busy.csv")
    hands = Hands(*[_appended(path, f"x{number},sales.new\n") for number in range(2_000)], every=0.0)
    ground.pace = hands.pace
    ground.restarted()
    assert stages(ground.changes()) == {"b": "sales.new"}
    assert not bads(ground.changes())
    hands.passed += 30
    _appended(path, "last,sales.new\n")()
    told = bads(ground.changes())
    assert told == [("deals/busy.csv", "it is still being written; it is read once it has come to rest", None)]
    assert not any(page.whole for page in ground.everything()), "a deal that can't be seen is not gone"
    assert isinstance(ground.source.read(["x1"])[0], Bad)
    assert isinstance(ground.perform(move("x1"))[0], Later)
    assert isinstance(ground.source.find([move("x1")])[0], Unknown)
    hands.things.clear()
    assert len(stages(ground.changes())) > 50


def test_a_file_cut_off_deletes_nothing_even_if_it_stays_so(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    path = ground.write(ROWS)
    ground.everything()
    whole = path.read_bytes()
    for size in (0, 6, len("id,at\n"), 300, 1_000):
        with path.open("r+b") as file:
            file.truncate(size)
        found = ground.changes()
        assert not [change for change in found if isinstance(change, Gone)], size
        assert bads(found), size
        pages = ground.everything()
        assert not any(page.whole for page in pages), size
        assert not isinstance(ground.source.read(["d99"])[0], Gone), size
        ground.restarted()
        ground.changes()
        assert not any(page.whole for page in ground.everything()), "the mark remembers how many there were"
        ground.write(whole)
        ground.changes()
        assert all(page.whole for page in ground.everything())


def test_it_is_waited_for_a_file_that_is_shorter_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_text(ROWS)
    ground = Ground(tmp_path)
    ground.changes()
    path.write_text(ROWS[:500].rpartition("\n")[0] + "\n")
    hands = Hands(lambda: path.write_text(ROWS))
    ground.source.pace = ground.source._looking.pace = hands.pace
    assert ground.changes() == []


def test_a_few_that_are_gone_are_gone_and_the_rail_can_be_lifted(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write(ROWS)
    ground.changes()
    lines = ROWS.splitlines(keepends=True)
    ground.write("".join(lines[:-20]))
    assert len(stages(ground.changes())) == 20
    ground.write("".join(lines[:-60]))
    reason = (
        "40 of 80 deals are missing, more than 20 %: none is taken as deleted; bring them back, or if they are gone, "
        "apply `rails: {deleted: 100}` for once"
    )
    assert bads(ground.changes()) == [("deals.csv", reason, None)]
    ground.write("".join(lines[:-21]))
    assert stages(ground.changes()) == {"d79": None} | {f"d{number}": "sales.new" for number in range(40, 79)}
    ground.write("".join(lines[:-60]))
    ground.flow = replace(ground.flow, rails=Rails(deleted=100))
    ground.restarted()
    assert all(page.whole for page in ground.everything())


def test_a_row_without_an_id_that_can_be_told_keeps_all_deals(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\nb,sales.new\n")
    ground.changes()
    ground.write('id,at\na,sales.new\n"b"x,sales.new\n')
    found = ground.changes()
    assert not [change for change in found if isinstance(change, Gone)]
    assert not any(page.whole for page in ground.everything())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"id,at\na,sales.new\n\xff,sales.new\n", "it is not utf-8 in line 3; save it so, or name its encoding"),
        (b"id,title\na,x\n", "there is no column 'at', which says the stage"),
        (b"Nr,at\na,sales.new\n", "no column is the id: there is none named 'id', and none is mapped to it"),
        (b"id,at,at\na,b,c\n", "the column 'at' comes twice in the header"),
        (b"", "it is empty; expected a header and rows"),
    ],
)
def test_a_file_that_can_not_be_read_is_bad_and_its_deals_stay(tmp_path: Path, content: bytes, reason: str) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    ground.changes()
    ground.write(content)
    found = ground.changes()
    assert any(where == "deals.csv" and said.startswith(reason) for where, said, _ in bads(found)), bads(found)
    assert not [change for change in found if isinstance(change, Gone)]
    assert isinstance(ground.perform(move("a"))[0], Later)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("map: {Nr: id}", "deals.csv has no column 'Nr'"),
        ("at_column: Stat", "there is no column 'Stat', which says the stage"),
        ("map: {id: id, Compny: title}", "deals.csv has no column 'Compny'; did you mean 'Company'?"),
    ],
)
def test_a_column_that_is_mapped_and_missing_is_named(tmp_path: Path, keys: str, reason: str) -> None:
    ground = Ground(tmp_path, f"path: deals.csv\nstages: {{New: sales.new}}\n{keys}")
    ground.write("id,Company,State\na,Acme,New\n")
    assert ("deals.csv", reason, None) in bads(ground.changes())


def test_a_path_that_leads_nowhere_is_trouble_not_an_empty_place(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    with pytest.raises(SourceTrouble, match=r"there is no file 'deals\.csv' of deals"):
        ground.changes()


@pytest.mark.parametrize("exchanged", [True, False])
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize(("edited", "outcome"), [("b", Done), ("a", Conflict)])
@pytest.mark.parametrize("step", ["_clean", "_keep", "_put"])
def test_an_edit_between_reading_and_writing_is_found(
    tmp_path: Path, step: str, edited: str, outcome: type, in_place: bool, exchanged: bool
) -> None:
    """At each step of the way, in place and by replacing, another row or the same one.

    What comes in right at the end is found where files can be exchanged.
    """
    if step == "_put" and not exchanged:
        step = "_check"
    ground = Ground(tmp_path)
    ground.write("id,at,title\na,sales.new,x\nb,sales.new,x\n")
    ground.changes()
    content = ground.text().replace(f"{edited},sales.new,x", f"{edited},sales.new,mine")
    real = getattr(rewriting, step)
    edits = [content]

    def hooked(*given: object) -> object:
        if edits and in_place:
            (tmp_path / "deals.csv").write_text(edits.pop())
        elif edits:
            ground.write(edits.pop())
        return real(*given)

    with pytest.MonkeyPatch.context() as patch:
        if not exchanged:
            patch.setattr(rewriting, "_exchange", lambda _one, _other: False)
        patch.setattr(rewriting, step, hooked)
        (found,) = ground.perform(move("a"))
    assert isinstance(found, outcome)
    assert f"{edited},sales.new,mine" in ground.text()
    assert ("a,sales.offer,x" in ground.text()) == (edited == "b")
    assert ground.names() == ["deals.csv"]


def test_a_program_that_locks_the_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(rewriting, "PATIENCE", 0.05)
    ground = Ground(tmp_path)
    path = ground.write("id,at\na,sales.new\n")
    ground.changes()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert ground.perform(move("a")) == [Later("deals.csv is locked by another program", 1.0)]
    assert ground.perform(move("a")) == [Done("a")]


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    ground.changes()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert ground.perform(move("a")) == [Later("deals.csv can't be written: No space left on device")]
    assert ground.text() == "id,at\na,sales.new\n"
    assert ground.names() == ["deals.csv"]


def test_where_files_can_not_be_exchanged_they_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "_exchange", lambda _one, _other: False)
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    ground.changes()
    assert ground.perform(move("a")) == [Done("a")]
    assert ground.text() == "id,at\na,sales.offer\n"


def test_a_change_that_leaves_size_and_times_as_they_were_is_found(tmp_path: Path) -> None:
    """As on a network drive: after half a minute the content itself is looked at."""
    hands = Hands()
    ground = Ground(tmp_path, pace=replace(hands.pace, quiet=0.0, doubt=0.0))
    path = ground.write("id,at\na,sales.new\n")
    ground.changes()
    seen = ground.source._looking._seen["deals.csv"]
    path.write_text("id,at\na,sales.won\n")
    stat = path.stat()
    seen.certain = True
    seen.signature = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    assert ground.changes() == []
    hands.passed += 31
    assert stages(ground.changes()) == {"a": "sales.won"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("at: sales.new", "no column holds the stage"),
        ("at: sales.gone\nwrite: out.csv", "there is no stage 'sales.gone'"),
        ("map: {A: nothing}", "a deal has no field 'nothing'"),
        ("encoding: utf-7", "knows no encoding 'utf-7'"),
        ("encoding: nonsense", "knows no encoding 'nonsense'"),
        ("delimiter: xx", "'xx' is no delimiter"),
    ],
)
def test_options_that_do_not_fit_are_told_when_it_opens(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(WorkFailed, match=message):
        Ground(tmp_path, f"path: deals.csv\n{keys}")


def test_nothing_waits_in_these_tests() -> None:
    assert AT_ONCE.quiet == AT_ONCE.doubt == 0
    assert source.PAGE == 2_000
