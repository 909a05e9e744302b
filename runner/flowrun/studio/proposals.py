"""Preview and apply: `flowrun diff` and `flowrun apply PLAN`, done for the page.

What is previewed is saved as a plan, in a folder of this process's own, and what is applied is that very plan: once,
within an hour, to the store and revision that it was made for, while the files still say what it says. Rails refuse it
as they refuse the command, and so does an impact that has grown since.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowrun.clock import END, Clock, FixedClock, parse_instant
from flowrun.commands.allowed import allowed
from flowrun.commands.apply import apply_plan
from flowrun.commands.diff import diff, save, validity
from flowrun.diagnostics import excerpt, has_errors
from flowrun.engine.deploy import Proposal
from flowrun.engine.preview import Passages, Question
from flowrun.errors import InvalidFlow, StalePlan
from flowrun.plan import Allowed
from flowrun.plan.saved import Growth
from flowrun.render.history import growth_text
from flowrun.render.ink import plain
from flowrun.render.proposal import proposal_content, proposal_text
from flowrun.studio.editing import current
from flowrun.studio.folder import Folder, Snapshot
from flowrun.studio.launch import Launch
from flowrun.studio.problems import Problem, listed

NAMED = 200
"""Deals that a preview names."""

_KEPT = 8
_VALID = "1h"


class Proposals:
    """The previews of one launch. Safe in any thread; one is made, or applied, at a time."""

    def __init__(self, launch: Launch, folder: Folder) -> None:
        self._launch = launch
        self._folder = folder
        self._lock = threading.Lock()
        self._plans: OrderedDict[str, Path] = OrderedDict()
        self._home: tempfile.TemporaryDirectory[str] | None = None

    def preview(self, body: Mapping[str, Any]) -> dict[str, object]:
        """The answer to POST /api/preview. Raises Problem and FlowrunError."""
        launch, at = self._launch, _instant(body.get("at"), self._launch.clock)
        with self._lock:
            now = current(self._folder, body.get("etag"))
            if has_errors(now.unread):
                raise _with_errors(now)
            clock = launch.clock if at is None else FixedClock(at)
            try:
                proposal = diff(launch.project, launch.store, clock, Question(passages=NAMED))
            except InvalidFlow:
                raise _with_errors(current(self._folder, now.etag)) from None
            current(self._folder, now.etag)
            plan = self._save(proposal) if at is None and proposal.changes_anything else None
        passages = proposal.difference.passages
        return {
            "plan": plan,
            "text": plain(proposal_text(proposal)),
            "difference": proposal_content(proposal),
            "deals": _deals(passages),
            "more": passages.count - len(passages.first),
        }

    def apply(self, body: Mapping[str, Any]) -> dict[str, object]:
        """The answer to POST /api/apply. Raises Problem and FlowrunError."""
        launch = self._launch
        lifted = _allowed(body.get("allow"))
        with self._lock:
            path = self._plans.get(str(body.get("plan")))
            if path is None:
                raise Problem(409, "stale", "there is no such preview any more", "preview again")
            refused: list[dict[str, object]] = []

            def agreed(proposal: Proposal, growth: tuple[Growth, ...]) -> bool:
                refusals = proposal.difference.refusals if proposal.changes_anything else ()
                refused.extend({"rail": str(one.rail), "message": one.message, "allow": one.allow} for one in refusals)
                if refused:
                    first = refusals[0]
                    raise Problem(409, "rail", first.message, first.help, refusals=refused)
                if growth:
                    told = plain(growth_text(growth)).strip()
                    raise StalePlan(f"it does more by now than was previewed: {told}", "preview again")
                return True

            try:
                number = apply_plan(path, launch.project, launch.store, launch.clock, agreed, lifted)
            except StalePlan as error:
                told_for_commands = "flowrun diff" in (error.help or "")
                raise StalePlan(str(error), "preview again" if told_for_commands else error.help) from None
            del self._plans[str(body.get("plan"))]
            path.unlink(missing_ok=True)
        return {"revision": number}

    @property
    def kept(self) -> tuple[Path, ...]:
        """The files of the plans that may still be applied."""
        return tuple(self._plans.values())

    def close(self) -> None:
        """Take the saved plans away."""
        if self._home is not None:
            self._home.cleanup()

    def _save(self, proposal: Proposal) -> str:
        launch = self._launch
        if self._home is None:
            self._home = tempfile.TemporaryDirectory(prefix="flowrun-studio-")
        path = Path(self._home.name) / "plan.json"
        plan = save(proposal, launch.project.variables, launch.clock, validity(_VALID), path)
        self._plans[plan.id] = path.rename(path.with_name(f"{plan.id}.json"))
        while len(self._plans) > _KEPT:
            self._plans.popitem(last=False)[1].unlink(missing_ok=True)
        return plan.id


def _with_errors(now: Snapshot) -> Problem:
    return Problem(422, "refused", "the flow files have errors", None, diagnostics=listed(now.loaded.findings))


def _deals(passages: Passages) -> list[dict[str, object]]:
    return [
        {
            "tunnel": one.tunnel,
            "deal": one.deal,
            "title": one.title,
            "from": one.source,
            "to": one.target,
            "action": one.action,
        }
        for one in passages.first
    ]


def _instant(text: object, clock: Clock) -> int | None:
    """The instant of `at`. Raises Problem for what is none, or past."""
    if text is None:
        return None
    found = parse_instant(text) if isinstance(text, str) else None
    if found is None:
        raise Problem(400, "bad-request", f"`at` is no instant with an offset: '{excerpt(str(text))}'")
    if found < clock.now():
        raise Problem(400, "bad-request", "`at` is past; only what is to come can be previewed")
    if found >= END:
        raise Problem(400, "bad-request", "`at` may be up to the year 9998")
    return found


def _allowed(given: object) -> Allowed:
    """The rails to lift: `{"existing": 214}`; null for any number. Raises Problem and WrongUsage."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Problem(400, "bad-request", '`allow` must be an object such as {"existing": 214}')
    return allowed(rail if number is None else f"{rail}={number}" for rail, number in given.items())
