"""The disk is full amid the work: it is said, nothing is lost, and the work goes on when there is room."""

from __future__ import annotations

import pytest

from tests.faults.grounds import Files, Ground, Picture, differences, path_of, picture, value
from tests.faults.ticks import NOW, crowded
from tests.faults.zygote import Ended, Zygote

SIZE = 100
HOWS = ("fill", "run_out")
"""A database that may have no more pages; files that may not grow."""
SAYS = {"fill": "can't be written: the disk is full", "run_out": "can't be "}


@pytest.fixture(scope="module")
def ran(ground: Ground, zygote: Zygote) -> tuple[str, Picture]:
    """A store, and what an undisturbed run makes of it."""
    if not isinstance(ground, Files):
        pytest.skip("how a disk fills up is another matter on a server")
    before = crowded(ground, 1_000)
    zygote.warm(ground.copy(before), now=NOW)
    calm = ground.copy(before)
    zygote.run("run", url=calm, now=NOW, size=SIZE).fine()
    return before, picture(calm)


def on_a_full_disk(zygote: Zygote, url: str, how: str, more: int, mutant: str | None = None) -> Ended:
    """Run where there is room for so many pages more."""
    pages, page = value(url, "PRAGMA page_count"), value(url, "PRAGMA page_size")
    room = {"pages": pages + more} if how == "fill" else {"room": (pages + more) * page}
    return zygote.run(how, url=url, now=NOW, size=SIZE, mutant=mutant, **room)


@pytest.mark.parametrize("more", [0, 1, 3, 10, 20])
@pytest.mark.parametrize("how", HOWS)
def test_nothing_is_lost_and_it_goes_on_when_there_is_room(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture], how: str, more: int
) -> None:
    before, after = ran
    url = ground.copy(before)
    ended = on_a_full_disk(zygote, url, how, more)
    assert ended.status == 1, ended
    (line,) = ended.err.splitlines()
    assert SAYS[how] in line
    assert ground.sound(url)
    zygote.run("run", url=url, now=NOW, size=SIZE).fine()
    assert differences(after, picture(url)) == []


def test_some_of_these_disks_fill_up_amid_the_work(ground: Ground, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = ground.copy(ran[0])
    on_a_full_disk(zygote, url, "fill", 20)
    done = value(url, "SELECT count(*) FROM firings")
    assert 0 < done < len(ran[1]["firings"])


def test_an_error_that_is_swallowed_is_found(ground: Ground, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = ground.copy(ran[0])
    assert on_a_full_disk(zygote, url, "fill", 3, "an error is swallowed").status == 0


def test_what_is_kept_of_a_tick_that_failed_is_found(ground: Ground, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = ground.copy(ran[0])
    on_a_full_disk(zygote, url, "fill", 20, "what fails halfway is kept")
    zygote.run("run", url=url, now=NOW, size=SIZE)
    assert path_of(url).exists()
    assert differences(ran[1], picture(url))
