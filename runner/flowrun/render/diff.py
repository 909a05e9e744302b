"""A plan for people and for programs: what `apply` would change, in the layout of cli.md's example.

What a change does to the deals is not known here: whoever knows it hands it in, as notes beside the lines, and as
`impact` and `refusals` of the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from flowrun.flow.model import Places
from flowrun.plan import Change, ChangeAction, ChangeKind, Plan
from flowrun.render.ink import Ink, Line, Run, line, plain, visible, width
from flowrun.render.marked import marked

Notes = Mapping[tuple[ChangeKind, str, str | None], str]
"""What a change does to the deals: by kind, id, and key (None for the change as a whole)."""

_SIGN = {
    ChangeAction.RENAME: Run("~", Ink.YELLOW),
    ChangeAction.REMOVE: Run("-", Ink.RED),
    ChangeAction.CHANGE: Run("~", Ink.YELLOW),
    ChangeAction.ADD: Run("+", Ink.GREEN),
}
_NOTES_AT = 46
"""The column of the notes."""

_PATH = {
    ChangeKind.VAR: "vars.",
    ChangeKind.FIELD: "fields.",
    ChangeKind.CALENDAR: "calendars/",
    ChangeKind.SETTING: "settings/",
    ChangeKind.TUNNEL: "tunnels.",
}
"""How the paths of each kind in `Places` begin; pipelines and stages go by their bare id."""


def diff_text(plan: Plan, places: Places, notes: Notes | None = None) -> list[Line]:
    """One line a change and one a changed key; the stages of a new or removed pipeline stand beside it."""
    notes = notes or {}
    lines: list[Line] = []
    whole = {
        (change.action, change.id)
        for change in plan.changes
        if change.kind is ChangeKind.PIPELINE and change.action in {ChangeAction.ADD, ChangeAction.REMOVE}
    }
    for change in plan.changes:
        home = (change.action, change.id.partition(".")[0])
        told_with_pipeline = change.kind is ChangeKind.STAGE and home in whole
        if not told_with_pipeline or (change.kind, change.id, None) in notes:
            lines += _change(change, plan.changes, places, notes)
    return lines


def summary_text(plan: Plan) -> str:
    """`Plan: 1 to add, 1 to change, 1 to rename, 1 to remove.`"""
    order = (ChangeAction.ADD, ChangeAction.CHANGE, ChangeAction.RENAME, ChangeAction.REMOVE)
    counts = [f"{plan.summary[action]} to {action}" for action in order if plan.summary[action]]
    return f"Plan: {', '.join(counts)}." if counts else "Plan: nothing to change."


def diff_markdown(title: str, lines: Iterable[Line]) -> str:
    """The text as Markdown, for a comment: a heading, and the lines as a block that their data can't get out of."""
    body = plain(lines)
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", body)), 3)
    heading = re.sub(r"([\\`*_{}\[\]<>#|@!~])", r"\\\1", visible(title))
    return f"### {heading}\n\n{fence}diff\n{body}{fence}\n"


def diff_content(
    plan: Plan,
    places: Places,
    base_revision: int | None,
    impact: Mapping[str, object],
    refusals: Sequence[Mapping[str, object]],
) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes"). `base_revision` is None for an empty store."""
    return {
        "base_revision": base_revision,
        "changes": [_content(change, places) for change in plan.changes],
        "summary": {
            str(action): plan.summary[action]
            for action in (ChangeAction.ADD, ChangeAction.CHANGE, ChangeAction.RENAME, ChangeAction.REMOVE)
        },
        "impact": impact,
        "refusals": list(refusals),
    }


def _content(change: Change, places: Places) -> dict[str, object]:
    place = places.get(_PATH.get(change.kind, "") + change.id) if change.action is not ChangeAction.REMOVE else None
    content: dict[str, object] = {
        "action": str(change.action),
        "kind": str(change.kind),
        "id": change.id,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "keys": [{"key": key.key, "before": key.before, "after": key.after} for key in change.keys],
    }
    return content | ({"old_id": change.old_id} if change.old_id is not None else {})


def _change(change: Change, among: Sequence[Change], places: Places, notes: Notes) -> list[Line]:
    renamed = f"{change.old_id} → " if change.old_id is not None else ""
    runs = [_SIGN[change.action], Run(f" {change.kind} {renamed}"), Run(change.id, Ink.BOLD)]
    keys = change.keys if change.action in {ChangeAction.CHANGE, ChangeAction.RENAME} else ()
    if len(keys) == 1 and keys[0].key == "value":
        changed = marked(keys[0].before, keys[0].after)
        if len(changed) == 1:
            return [_noted((*runs, Run("   "), *changed[0]), notes.get((change.kind, change.id, None)))]
    place = places.get(_PATH.get(change.kind, "") + change.id)
    if keys and place:
        runs.append(Run(f"   {place.file}:{place.line}", Ink.DIM))
    elif change.action in {ChangeAction.ADD, ChangeAction.REMOVE} and (aside := _aside(change, among)):
        runs.append(Run(f"   {aside}", Ink.DIM))
    lines = [_noted(tuple(runs), notes.get((change.kind, change.id, None)))]
    column = max((len(key.key) for key in keys), default=0) + 2
    for key in keys:
        for number, text in enumerate(marked(key.before, key.after)):
            label = f"{key.key}:" if number == 0 else ""
            note = notes.get((change.kind, change.id, key.key)) if number == 0 else None
            lines.append(_noted((Run("    "), Run(label.ljust(column)), *text), note))
    return lines


def _noted(text: Line, note: str | None) -> Line:
    if note is None:
        return text
    used = sum(width(visible(run.text)) for run in text)
    return line(*text, " " * max(3, _NOTES_AT - used), note)


def _aside(change: Change, among: Sequence[Change]) -> str:
    """What an added or removed thing is, in a few words."""
    removed = change.action is ChangeAction.REMOVE
    given = {key.key: (key.before if removed else key.after) or "" for key in change.keys}
    match change.kind:
        case ChangeKind.TUNNEL:
            mode = f" ({given['mode']})" if "mode" in given else ""
            return f"{given['action']} {given['from']} → {given['to']}{mode}"
        case ChangeKind.PIPELINE:
            own = [one.id for one in among if one.kind is ChangeKind.STAGE and one.action is change.action]
            return ", ".join(id_.partition(".")[2] for id_ in own if id_.startswith(f"{change.id}."))
        case ChangeKind.FIELD:
            return given["type"]
        case ChangeKind.STAGE:
            return given.get("outcome", "")
        case ChangeKind.VAR | ChangeKind.SETTING if "value" in given:
            return given["value"]
        case ChangeKind.SETTING:
            return ", ".join(f"{key} {value}" for key, value in given.items())
    return ""
