"""A plan for people and for programs: what `apply` would change, in the layout of cli.md's example.

What a change does to the deals is not known here: whoever knows it hands it in, as notes beside and below the lines.
A change that moves nobody takes one line with its place; where a note stands, the rest goes below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowrun.flow.model import Place
from flowrun.plan import Change, ChangeAction, ChangeKind, Comparison, KeyChange, Plan
from flowrun.plan.comparison import OPTION
from flowrun.render.ink import Ink, Line, Run, line, visible, width
from flowrun.render.marked import marked

Spot = tuple[ChangeKind, str, str | None]
"""A line of the diff: kind, id (`old → new` where it is renamed), and key (None for the thing as a whole)."""

ORDER = (ChangeAction.ADD, ChangeAction.CHANGE, ChangeAction.RENAME, ChangeAction.REMOVE)
"""The order in which actions are counted."""

_SIGN = {
    ChangeAction.RENAME: Run("~", Ink.YELLOW),
    ChangeAction.REMOVE: Run("-", Ink.RED),
    ChangeAction.CHANGE: Run("~", Ink.YELLOW),
    ChangeAction.ADD: Run("+", Ink.GREEN),
}
_NOTES_AT = 46
"""The column of the notes."""
_ONE_LINE = 100
"""Columns beyond which a place goes to a line of its own."""


def spot(change: Change, key: str | None = None) -> Spot:
    """The line of that change, or of one of its keys."""
    return change.kind, f"{change.old_id} → {change.id}" if change.old_id is not None else change.id, key


@dataclass(frozen=True, slots=True)
class Notes:
    """What a plan does to the deals, as texts.

    `beside` stand beside their lines, `below` under all lines of a thing; `apart` are things that the plan itself
    leaves as they are: tunnels, by their id.
    """

    beside: Mapping[Spot, Sequence[str]] = field(default_factory=dict)
    below: Mapping[Spot, Sequence[str]] = field(default_factory=dict)
    apart: Sequence[str] = ()


def diff_text(of: Comparison, notes: Notes | None = None) -> list[Line]:
    """One line a change and one a changed key; the stages of a new or removed pipeline stand beside it."""
    notes = notes or Notes()
    lines: list[Line] = []
    changes = of.plan.changes
    whole = {
        (change.action, change.id)
        for change in changes
        if change.kind is ChangeKind.PIPELINE and change.action in {ChangeAction.ADD, ChangeAction.REMOVE}
    }
    for change in changes:
        home = (change.action, change.id.partition(".")[0])
        told_with_pipeline = change.kind is ChangeKind.STAGE and home in whole
        here = spot(change)
        if not told_with_pipeline or here in notes.beside:
            lines += _change(change, of, notes)
            lines += _below(notes.below.get(here, ()))
    for tunnel in notes.apart:
        here = (ChangeKind.TUNNEL, tunnel, None)
        head = line(f"  {ChangeKind.TUNNEL} {tunnel}   ", Run("as it was", Ink.DIM))
        lines += _noted(head, notes.beside.get(here, ()))
        lines += _below(notes.below.get(here, ()))
    return lines


def summary_text(plan: Plan) -> str:
    """`Plan: 1 to add, 1 to change, 1 to rename, 1 to remove.`"""
    counts = [f"{plan.summary[action]:,} to {action}" for action in ORDER if plan.summary[action]]
    return f"Plan: {', '.join(counts)}." if counts else "Plan: nothing to change."


def diff_content(of: Comparison) -> dict[str, object]:
    """The changes and their summary as in the JSON document (cli.md, "JSON shapes")."""
    return {
        "changes": [_content(change, of) for change in of.plan.changes],
        "summary": {str(action): of.plan.summary[action] for action in ORDER},
    }


def _content(change: Change, of: Comparison) -> dict[str, object]:
    place = of.place(change)
    content: dict[str, object] = {
        "action": str(change.action),
        "kind": str(change.kind),
        "id": change.id,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "keys": [_key_content(change, key, of) for key in change.keys],
    }
    return content | ({"old_id": change.old_id} if change.old_id is not None else {})


def _key_content(change: Change, key: KeyChange, of: Comparison) -> dict[str, object]:
    content: dict[str, object] = {"key": key.key, "before": key.before, "after": key.after}
    origin = of.origin(change, key.key)
    if origin is None:
        return content
    if origin.file == OPTION:
        return content | {"source": {"option": OPTION}}
    return content | {
        "source": {"environment": of.wanted.environment, "file": origin.file, "line": origin.line},
    }


def _change(change: Change, of: Comparison, notes: Notes) -> Iterator[Line]:
    renamed = f"{change.old_id} → " if change.old_id is not None else ""
    head = line(_SIGN[change.action], f" {change.kind} {renamed}", Run(change.id, Ink.BOLD))
    beside = notes.beside.get(spot(change), ())
    where = _where(change, of.place(change))
    if change.action in {ChangeAction.ADD, ChangeAction.REMOVE}:
        what, tag = _aside(change, of)
        yield from _headed(head, beside, [*what, *where], tag)
        return
    keys = change.keys
    if len(keys) == 1 and keys[0].key == "value":
        changed = marked(keys[0].before, keys[0].after)
        if len(changed) == 1:
            yield from _headed((*head, Run("   "), *changed[0]), beside, [*_source(change, "value", of), *where])
            return
    if change.action is ChangeAction.CHANGE:
        yield from _noted((*head, *_dim(where)), beside)
    else:
        yield from _headed(head, beside, where)
    column = max((len(key.key) for key in keys), default=0) + 2
    for key in keys:
        for number, text in enumerate(marked(key.before, key.after)):
            first = number == 0
            runs = (Run("    "), Run((f"{key.key}:" if first else "").ljust(column)), *text)
            aside = _source(change, key.key, of) if first else []
            noted = notes.beside.get(spot(change, key.key), ()) if first else ()
            yield from _noted((*runs, *_dim(aside)), noted)


def _headed(head: Line, notes: Sequence[str], facts: Sequence[str], tag: str = "") -> Iterator[Line]:
    """The line of a thing. `facts` stand behind it, or below it where notes take their room; `tag` always behind it."""
    tagged = [f"{facts[0]} {tag}", *facts[1:]] if tag and facts else list(facts)
    whole = line(*head, *_dim(tagged))
    if not notes and _room(whole) <= _ONE_LINE:
        yield whole
        return
    *first, last = _noted((*head, *_dim([tag] if tag and notes else [])), notes)
    if len(facts) == 1 and not first and _room(last) + len(facts[0]) + 3 <= _ONE_LINE:
        yield (*last, *_dim(facts))
        return
    yield from (*first, last)
    if facts:
        yield line("    ", Run("   ".join(facts if notes else tagged), Ink.DIM))


def _noted(text: Line, notes: Sequence[str]) -> list[Line]:
    """The line with its notes, the second and later ones below the first."""
    if not notes:
        return [text]
    column = max(_NOTES_AT, _room(text) + 3)
    first = line(*text, " " * (column - _room(text)), notes[0])
    return [first, *(line(" " * column, note) for note in notes[1:])]


def _below(texts: Sequence[str]) -> Iterator[Line]:
    for text in texts:
        yield line("    ", Run(text, Ink.DIM))


def _dim(facts: Sequence[str]) -> list[Run]:
    return [Run(f"   {fact}", Ink.DIM) for fact in facts]


def _room(text: Line) -> int:
    return sum(width(visible(run.text)) for run in text)


def _where(change: Change, place: Place | None) -> list[str]:
    if place is None:
        return []
    was = "was " if change.action is ChangeAction.REMOVE else ""
    return [f"{was}{place.file}:{place.line}"]


def _source(change: Change, key: str, of: Comparison) -> list[str]:
    """Where a value comes from, if not from the declaration."""
    origin = of.origin(change, key)
    if origin is None:
        return []
    return [f"by {OPTION}" if origin.file == OPTION else f"by environment {of.wanted.environment}, {_at(origin)}"]


def _at(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _aside(change: Change, of: Comparison) -> tuple[list[str], str]:
    """What an added or removed thing is, in a few words, and what is special about it."""
    removed = change.action is ChangeAction.REMOVE
    given = {key.key: (key.before if removed else key.after) or "" for key in change.keys}
    words: list[str] = []
    match change.kind:
        case ChangeKind.TUNNEL:
            tag = f"({given['mode']})" if "mode" in given else ""
            return [f"{given['action']} {given['from']} → {given['to']}", *_source(change, "mode", of)], tag
        case ChangeKind.PIPELINE:
            own = [one.id for one in of.plan.changes if one.kind is ChangeKind.STAGE and one.action is change.action]
            words = [", ".join(id_.partition(".")[2] for id_ in own if id_.startswith(f"{change.id}."))]
        case ChangeKind.FIELD:
            words = [given["type"]]
        case ChangeKind.WEBHOOK:
            words = [given["url"]]
        case ChangeKind.STAGE:
            words = [given.get("outcome", "")]
        case ChangeKind.VAR | ChangeKind.SETTING if "value" in given:
            words = [given["value"], *_source(change, "value", of)]
        case ChangeKind.SETTING:
            words = [", ".join(f"{key} {value}" for key, value in given.items())]
            words += dict.fromkeys(source for key in given for source in _source(change, key, of))
    return [word for word in words if word], ""
