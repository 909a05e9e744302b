"""The store's tables are upgraded while runners are on."""

from __future__ import annotations

import pytest

from flowrun.store import migrations
from tests.acceptance.place import eventually
from tests.faults.grounds import Ground, Picture, differences, picture, value
from tests.faults.old_stores import turn_back
from tests.faults.ticks import NOW, crowded
from tests.faults.zygote import Zygote

SIZE = 20
NEWER = "9999"
OLDER = [f"{number:04}" for number in range(1, int(migrations.HEAD))]


@pytest.fixture(scope="module")
def ran(ground: Ground, zygote: Zygote) -> tuple[str, Picture]:
    """A store, and what an undisturbed run makes of it."""
    before = crowded(ground, 200)
    zygote.warm(ground.copy(before), now=NOW)
    calm = ground.copy(before)
    zygote.run("run", url=calm, now=NOW, size=SIZE).fine()
    return before, picture(calm)


def test_a_runner_stops_when_its_store_becomes_a_newer_ones(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture]
) -> None:
    before, after = ran
    url = ground.copy(before)
    runners = [zygote.start("run_slowly", url=url, now=NOW, size=SIZE, pause=0.05) for _ in range(2)]
    eventually(lambda: value(url, "SELECT count(*) FROM firings") > 0)
    zygote.run("upgrade", url=url, version=NEWER).fine()
    done = value(url, "SELECT count(*) FROM firings")
    for runner in runners:
        ended = zygote.wait(runner)
        assert ended.status == 1
        assert f"was written by a newer flowrun (tables {NEWER}; this one knows {migrations.HEAD})" in ended.err
        assert "upgrade flowrun" in ended.err
    assert 0 < value(url, "SELECT count(*) FROM firings") == done < len(after["firings"])
    zygote.run("run_newer", url=url, version=NEWER, now=NOW, size=SIZE).fine()
    assert differences(after, picture(url)) == [], "nothing is lost or doubled"


def test_a_version_that_is_not_checked_is_found(ground: Ground, zygote: Zygote, ran: tuple[str, Picture]) -> None:
    url = ground.copy(ran[0])
    how = {"now": NOW, "size": SIZE, "pause": 0.05, "mutant": "the version is not checked"}
    runner = zygote.start("run_slowly", url=url, **how)
    eventually(lambda: value(url, "SELECT count(*) FROM firings") > 0)
    zygote.run("upgrade", url=url, version=NEWER).fine()
    assert zygote.wait(runner).status == 0, "it goes on with tables that it doesn't know"


@pytest.mark.parametrize("version", OLDER)
def test_runners_that_find_an_old_store_at_once_upgrade_it_once(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture], version: str
) -> None:
    before, after = ran
    url = ground.copy(before)
    turn_back(ground, url, version)
    assert value(url, "SELECT version_num FROM alembic_version") == version
    runners = [zygote.start("run", url=url, now=NOW, size=SIZE) for _ in range(4)]
    for runner in runners:
        zygote.wait(runner).fine()
    assert value(url, "SELECT version_num FROM alembic_version") == migrations.HEAD
    assert differences(after, picture(url)) == []


@pytest.mark.parametrize("version", OLDER)
def test_an_upgrade_that_dies_leaves_the_old_tables(
    ground: Ground, zygote: Zygote, ran: tuple[str, Picture], version: str
) -> None:
    before, after = ran
    url = ground.copy(before)
    turn_back(ground, url, version)
    at, deaths = 0, 0
    while True:
        torn = ground.copy(url)
        died = zygote.run("upgrade_and_die", url=torn, now=NOW, die_at=at)
        if not died.killed:
            died.fine()
            break
        deaths += 1
        assert value(torn, "SELECT version_num FROM alembic_version") in {version, migrations.HEAD}
        zygote.run("run", url=torn, now=NOW, size=SIZE).fine()
        assert differences(after, picture(torn)) == [], at
        at += 4
    assert deaths >= 3
