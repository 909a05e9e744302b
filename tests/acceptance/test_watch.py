"""`--watch`: again on every save, however an editor saves, and calm about files that go and come."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.place import Place, Running, eventually

FLOW = """\
flowrun: 1
fields: {seats: integer}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
tunnels:
  quick: {from: sales.new, to: sales.won, action: move, when: deal.seats > 5}
"""
WRONG = FLOW.replace("deal.seats", "deal.seets")
TEST = """\
flowrun: 1
tests:
  - name: quick
    now: 2026-03-02T10:00
    given: [{id: d1, at: sales.new, seats: 6}]
    steps: [expect: {deals: {d1: {at: sales.won}}}]
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/a.yaml", FLOW)
    place.write("flows/a.test.yaml", TEST)
    return place


def printed(runner: Running) -> str:
    """All that it has printed so far, stderr first."""
    return runner.said() + Path(runner.out.name).read_text()


def runs(runner: Running) -> int:
    """How often it has come to an end."""
    return sum(line.startswith(("✓", "✗", "error: ")) for line in printed(runner).splitlines())


def again(runner: Running, before: int) -> float:
    """Waits until it has run again; the seconds that took."""
    return eventually(lambda: runs(runner) > before)


@pytest.fixture(params=["validate", "test"])
def watching(request: pytest.FixtureRequest, place: Place) -> Iterator[Running]:
    with place.running(request.param, "--watch", measured=False) as runner:
        eventually(lambda: runs(runner) == 1)
        time.sleep(0.3)  # the watch begins when the first run has ended
        yield runner


def seconds(place: Place, command: str) -> float:
    """How long that command takes by itself at present: what whoever watches is spared the beginning of."""
    start = time.monotonic()
    place.run(command, measured=False)
    return time.monotonic() - start


def test_every_save_is_seen_within_moments(place: Place, watching: Running) -> None:
    took, afresh = [], []
    for number in range(6):
        afresh.append(seconds(place, "test" if "scenario" in printed(watching) else "validate"))
        before = runs(watching)
        place.write("flows/a.yaml", WRONG if number % 2 == 0 else FLOW)
        took.append(again(watching, before))
        assert ("FR203" in printed(watching).rpartition("changed ──")[2].partition("✓")[0]) == (number % 2 == 0)
    print(f"{sorted(took)[3]:.2f} s, and {sorted(afresh)[3]:.2f} s for a command by itself")
    assert 2 * sorted(took)[3] < sorted(afresh)[3]


def test_an_editor_that_puts_a_new_file_in_the_old_ones_place(place: Place, watching: Running) -> None:
    for text in (WRONG, FLOW, WRONG):
        before = runs(watching)
        place.write("flows/.a.yaml.swp", text)
        (place.folder / "flows/.a.yaml.swp").replace(place.folder / "flows/a.yaml")
        assert again(watching, before) < 5


def test_files_that_are_deleted_and_renamed(place: Place, watching: Running) -> None:
    flow = place.folder / "flows" / "a.yaml"
    before = runs(watching)
    flow.rename(flow.with_name("b.yaml"))
    again(watching, before)
    assert "✗" not in printed(watching)
    before = runs(watching)
    flow.with_name("b.yaml").unlink()
    again(watching, before)
    before = runs(watching)
    place.write("flows/deep/c.yaml", FLOW)
    again(watching, before)
    assert watching.said().rstrip().endswith("flows/deep/c.yaml changed ──")


def test_a_folder_that_goes_and_comes_back(place: Place, watching: Running) -> None:
    folder = place.folder / "flows"
    before = runs(watching)
    folder.rename(place.folder / "elsewhere")
    again(watching, before)
    assert "flows does not exist" in watching.said()
    before = runs(watching)
    (place.folder / "elsewhere").rename(folder)
    again(watching, before)
    before = runs(watching)
    place.write("flows/a.yaml", WRONG)
    again(watching, before)
    assert "FR203" in watching.said()


def test_what_changes_beside_the_files_changes_nothing(place: Place, watching: Running) -> None:
    before = runs(watching)
    place.write("flows/notes.txt", "x")
    time.sleep(1.5)
    assert runs(watching) == before


@pytest.mark.parametrize("command", ["validate", "test"])
def test_ctrl_c_ends_it_calmly(place: Place, command: str) -> None:
    with place.running(command, "--watch") as runner:
        eventually(lambda: runs(runner) == 1)
        time.sleep(0.2)
        runner.send(signal.SIGINT)
        ended = runner.wait(10)
    assert ended.status == 130
    assert ended.err.splitlines() == ["note: watching; stop with Ctrl-C", ""]


def test_a_single_file_is_watched_where_it_lies(place: Place) -> None:
    with place.running("validate", "flows/a.yaml", "--watch", measured=False) as runner:
        eventually(lambda: runs(runner) == 1)
        time.sleep(0.3)
        place.write("flows/a.yaml", WRONG)
        again(runner, 1)
        assert "flows/a.yaml changed" in runner.said()
        place.write("flows/other.yaml", WRONG)
        time.sleep(1.5)
        assert runs(runner) == 2
