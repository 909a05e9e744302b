"""`flowrun diff`: what applying the files would change, and what that does to the live deals."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.commands.author import author
from flowrun.commands.project import Project
from flowrun.engine.deploy import Proposal, difference
from flowrun.errors import NoStore
from flowrun.store.connection import open_store


def diff(project: Project, store: str, clock: Clock) -> Proposal:
    """Compare the files with the store. Writes nothing, and makes no store.

    Raises InvalidFlow for files with errors, WorkFailed for a store that can't be used.
    """
    flow, loaded = project.flow()
    try:
        with open_store(store, clock, read_only=True) as opened:
            found = difference(opened, flow)
    except NoStore:
        found = difference(None, flow)
    return Proposal(flow, loaded.places, str(project.folder), store, author(project.folder), found)
