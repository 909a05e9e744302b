"""The watch wakes for files of deals and not for what lies beside them, and always within the time that it is given."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.unit.sources.files.place import Ground


def test_a_save_wakes_and_what_programs_keep_beside_does_not(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    assert not ground.source.wait(0.3), "nothing stirs"
    saving = threading.Timer(0.2, ground.write, ["id,at\na,sales.won\n"])
    saving.start()
    assert ground.source.wait(60)
    saving.join()
    while ground.source.wait(0.3):
        pass
    (tmp_path / ".~lock.deals.csv#").write_text("anna")
    assert not ground.source.wait(0.6)
    ground.source.close()
    assert not ground.source.wait(60), "a source that is closed lets go of whoever waits"


def test_what_was_left_for_later_wakes_by_itself(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.write("id,at\na,sales.new\n")
    ground.source._waking.again()
    assert ground.source.wait(60)
    ground.source.close()


def test_without_a_watch_it_waits_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise OSError(28, "no space left on device: too many watches")

    monkeypatch.setattr("watchfiles.watch", none)
    ground = Ground(tmp_path)
    assert not ground.source.wait(0.3)
