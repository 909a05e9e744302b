"""The living example with its deals, as `make demo` leaves it on its second day."""

from __future__ import annotations

import shutil

from tests.acceptance.place import ROOT, Place

BEFORE = "2026-02-27T17:00:00+01:00"
NOW = "2026-03-04T09:00:00+01:00"


def example(place: Place) -> None:
    """Bring it about in an empty place."""
    for name in ("flows", "demo"):
        shutil.copytree(ROOT / name, place.folder / name)
    place.run("apply", "--yes", now=BEFORE).fine()
    place.run("deals", "import", "demo/deals.csv", "--mapping", "demo/mapping.yaml", now=NOW).fine()
    place.run("run", "--until-idle", now=NOW).fine()
