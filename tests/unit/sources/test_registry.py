"""Kinds of source are found, loaded when they are asked for, and one that is broken is told and spoils no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow, SourceSpec
from flowrun.sources import registry
from flowrun.sources.registry import KINDS, Kinds, kind, opened
from flowrun.testing.memory import MemorySource

GOOD = """
from typing import ClassVar
from pydantic import Field
from flowrun.config.reading import Block, Text
from flowrun.errors import SourceTrouble
from flowrun.testing.memory import Memory, MemorySource

class Options(Block):
    noun: ClassVar[str] = "the source 'shelf'"
    board: Text | None = Field(description="Which.")

class Shelf:
    options = Options
    def open(self, options, place):
        if options.board == "away":
            raise SourceTrouble("the shelf is away")
        if options.board == "odd":
            raise KeyError("board")
        return MemorySource(Memory())

KIND = Shelf()
"""


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Three packages: a good one, one that can't be imported, one that offers something else."""
    offer(tmp_path, "good_shelf", "shelf = good_shelf:KIND", GOOD)
    offer(tmp_path, "bad_shelf", "broken = bad_shelf:KIND", "import nowhere_to_be_found")
    offer(tmp_path, "odd_shelf", "odd = odd_shelf:KIND\nclass = odd_shelf:Odd", "KIND = 3\nclass Odd: ...")
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    yield tmp_path
    forget()
    for name in ("good_shelf", "bad_shelf", "odd_shelf", "other_shelf"):
        sys.modules.pop(name, None)


def forget() -> None:
    registry.offered.cache_clear()
    registry._loaded.cache_clear()


def offer(folder: Path, package: str, points: str, code: str) -> None:
    (folder / f"{package}.py").write_text(code)
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[flowrun.sources]\n{points}\n")


def flow(type_: str, **options: str) -> Flow:
    return Flow("p", source=SourceSpec(type_, options))


def test_a_kind_of_another_package_is_found_and_opened() -> None:
    assert "shelf" in KINDS
    assert {"shelf", "broken", "odd"} <= set(KINDS)
    assert KINDS["shelf"].noun == "the source 'shelf'"
    assert isinstance(opened(flow("shelf", board="upper"), Path()), MemorySource)


def test_flowruns_own_kinds_stand_alone_where_asked_for() -> None:
    assert list(Kinds(own=True)) == list(registry.BUILT_IN)
    with pytest.raises(KeyError):
        Kinds(own=True)["shelf"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("broken", "'broken' of the package bad_shelf 1.2 can't be loaded: ModuleNotFoundError: No module"),
        ("odd", "'odd' of the package odd_shelf 1.2 is no kind of source: odd_shelf:KIND must be an object with"),
        ("class", "'class' of the package odd_shelf 1.2 is no kind of source"),
    ],
)
def test_a_broken_package_is_named_and_spoils_no_other(name: str, says: str) -> None:
    with pytest.raises(WorkFailed, match=says) as caught:
        kind(name)
    assert "odd_shelf" in (caught.value.help or "") or "bad_shelf" in (caught.value.help or "")
    assert kind("shelf").options


def test_a_name_that_two_packages_offer_is_nobodys(packages: Path) -> None:
    offer(packages, "other_shelf", "shelf = other_shelf:KIND", GOOD)
    forget()
    with pytest.raises(WorkFailed, match=r"more than one package: .*good_shelf 1.2") as caught:
        kind("shelf")
    assert "other_shelf 1.2" in str(caught.value)


def test_a_source_that_is_not_here_says_so() -> None:
    with pytest.raises(WorkFailed, match="there is no source 'shelff' here") as caught:
        opened(flow("shelff", board="upper"), Path())
    assert caught.value.help == "did you mean 'shelf'?"
    with pytest.raises(KeyError):
        kind("shelff")


def test_what_opening_says_is_told() -> None:
    with pytest.raises(WorkFailed, match="the shelf is away"):
        opened(flow("shelf", board="away"), Path())
    with pytest.raises(WorkFailed, match="the source 'shelf' can't be opened: KeyError: 'board'"):
        opened(flow("shelf", board="odd"), Path())
    with pytest.raises(WorkFailed, match="does not fit this flowrun"):
        opened(flow("shelf", bored="upper"), Path())


def test_asking_for_help_looks_through_no_packages() -> None:
    code = (
        "import sys; from flowrun.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('importlib.metadata', 'flowrun.sources.registry')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
