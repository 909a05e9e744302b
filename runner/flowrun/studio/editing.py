"""Editing: the page's edits of the files, made one at a time, with their way back.

An edit is made in the texts (`config.edits`), what comes of it is read and checked as `validate` would, and only then
it is written. It must begin from the files as they are: a page that knows an older state is told what has changed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowrun.config.edits import BadEdit, Batch, Edit, Refused, make_edit, parse_edit, spot
from flowrun.config.edits.model import AddTunnel, RenameTunnel, SetTunnel
from flowrun.diagnostics import Diagnostic
from flowrun.render.json import LISTED, finding_content
from flowrun.render.text import first
from flowrun.studio.diffs import differences
from flowrun.studio.folder import Folder, Snapshot, Texts
from flowrun.studio.problems import Problem, listed
from flowrun.studio.writing import Change, Changed, Outside, write

MOST_STEPS = 200
"""Edits that can be undone."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an edit made of some files, by their paths."""

    changes: Mapping[str, Change]

    @property
    def back(self) -> Step:
        """The step that undoes it."""
        return Step({path: (after, before) for path, (before, after) in self.changes.items()})

    def fits(self, texts: Mapping[str, bytes]) -> bool:
        """Whether its files are what it begins from."""
        return all(texts.get(path) == before for path, (before, _) in self.changes.items())


class Editing:
    """The edits of one launch. Safe in any thread."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._undo: list[Step] = []
        self._redo: list[Step] = []

    def able(self, snapshot: Snapshot) -> dict[str, object]:
        """Whether there is something to undo and to redo, as documents have it."""
        return {
            "can_undo": bool(self._undo) and self._undo[-1].back.fits(snapshot.texts),
            "can_redo": bool(self._redo) and self._redo[-1].fits(snapshot.texts),
        }

    def edit(self, body: Mapping[str, Any]) -> dict[str, object]:
        """The answer to POST /api/edit. Raises Problem."""
        try:
            edit = parse_edit(body.get("edit"))
        except BadEdit as error:
            raise Problem(400, "bad-request", str(error)) from None
        with self._lock:
            now = current(self._folder, body.get("etag"))
            made = make_edit(now.texts, edit)
            if isinstance(made, Refused):
                raise Problem(422, "refused", made.reason, made.help)
            after = self._folder.imagined(now, made)
            step = Step({path: (now.texts.get(path), data) for path, data in made.items()})
            found = _located(after, edit)
            if body.get("dry_run") is True or not made:
                return self._answer(step, after, now, found)
            if not after.ok and body.get("with_errors") is not True:
                says = "the edit would leave the files with errors"
                raise Problem(422, "refused", says, None, etag=now.etag, diagnostics=found)
            written = self._write(step, now)
            self._undo.append(step)
            del self._undo[:-MOST_STEPS]
            self._redo.clear()
            return self._answer(step, written, written, found)

    def undo(self, body: Mapping[str, Any]) -> dict[str, object]:
        """The answer to POST /api/undo. Raises Problem."""
        return self._turn(body, self._undo, self._redo, "undo")

    def redo(self, body: Mapping[str, Any]) -> dict[str, object]:
        """The answer to POST /api/redo. Raises Problem."""
        return self._turn(body, self._redo, self._undo, "redo")

    def _turn(self, body: Mapping[str, Any], from_: list[Step], to: list[Step], what: str) -> dict[str, object]:
        with self._lock:
            now = current(self._folder, body.get("etag"))
            if not from_:
                raise Problem(422, "refused", f"there is nothing to {what}")
            step = from_[-1].back if what == "undo" else from_[-1]
            written = self._write(step, now)
            to.append(from_.pop())
            return self._answer(step, written, written, listed(written.loaded.findings))

    def _answer(self, step: Step, after: Snapshot, now: Snapshot, found: list[dict[str, object]]) -> dict[str, object]:
        before = {path: data for path, (data, _) in step.changes.items() if data is not None}
        new = {path: data for path, (_, data) in step.changes.items() if data is not None}
        diffs = differences(before, new)
        return {
            "etag": now.etag,
            "diff": "".join(diffs.values()),
            "files": list(diffs),
            "ok": after.ok,
            "diagnostics": found,
            **self.able(now),
        }

    def _write(self, step: Step, now: Snapshot) -> Snapshot:
        """Write the step, which begins from these files. Raises Problem where they are others by now."""
        try:
            write(self._folder.project.folder, step.changes)
        except Changed:
            begins = {path: data for path, (data, _) in step.changes.items() if data is not None}
            raise _changed(self._folder.snapshot(), {**now.texts, **begins}) from None
        except Outside as error:
            raise Problem(422, "refused", str(error), "the studio writes nothing elsewhere") from None
        return self._folder.snapshot()


def current(folder: Folder, etag: object) -> Snapshot:
    """The files, if they are those of that etag. Raises Problem, which tells a page that knows others what changed."""
    now = folder.snapshot()
    if etag != now.etag:
        known = folder.known(etag) if isinstance(etag, str) else None
        raise _changed(now, now.texts if known is None else known)
    return now


def _changed(now: Snapshot, known: Texts) -> Problem:
    theirs = differences(known, now.texts)
    says = "the files have changed meanwhile"
    return Problem(409, "changed", says, "look at them, and edit again", etag=now.etag, theirs=theirs)


def _located(after: Snapshot, edit: Edit) -> list[dict[str, object]]:
    """The findings, with the key and the characters of the edited tunnel's values that each is about."""
    edits = edit.edits if isinstance(edit, Batch) else (edit,)
    ids = [one.id for one in edits if isinstance(one, AddTunnel | SetTunnel)]
    ids += [one.to for one in edits if isinstance(one, RenameTunnel)]
    tunnels = tuple(dict.fromkeys(ids))
    return [_placed(finding, after, tunnels) for finding in first(after.loaded.findings, LISTED)]


def _placed(finding: Diagnostic, after: Snapshot, tunnels: tuple[str, ...]) -> dict[str, object]:
    content = finding_content(finding)
    for id_ in tunnels:
        if at := spot(after.loaded.documents, id_, finding.span):
            return content | {
                "tunnel": id_,
                "key": at.path[0],
                "path": list(at.path),
                "start": at.start,
                "end": at.end,
            }
    return content
