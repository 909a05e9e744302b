"""What each tunnel would do with a deal, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from flowrun.calendars.zones import zone
from flowrun.clock import iso
from flowrun.engine.explain import Explained, Explanation, Outlook, Piece
from flowrun.expr.types import Kind
from flowrun.expr.values import to_json, write
from flowrun.flow.model import Mode, Reason
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.journal import journal_content
from flowrun.render.moment import moment

_DONE = (Outlook.FIRED, Outlook.EXISTS, Outlook.DECLINED, Outlook.PARKED, Outlook.PENDING, Outlook.SHADOW)
_INKS = {
    Outlook.FIRES: Ink.GREEN,
    Outlook.FIRED: Ink.GREEN,
    Outlook.PARKS: Ink.WARNING,
    Outlook.PARKED: Ink.WARNING,
    Outlook.BLOCKED: Ink.YELLOW,
    Outlook.HELD: Ink.YELLOW,
    Outlook.PENDING: Ink.YELLOW,
}
_TOLD = ("when", "watch", "after", "at", "calendar", "window", "once", "unless_exists")
"""The keys that are shown of a tunnel as it was when it fired; those that `set` values follow them."""
_USUAL = {"watch": "true", "once": "entry"}
_ROOM = 24


def explanation_text(found: Explanation) -> list[Line]:
    """The deal, then a block for each tunnel; instants are in the project's zone."""
    deal = found.deal
    since = f"in {deal.stage} since {moment(deal.entered_at, found.timezone)} (entry {deal.entry})"
    lines = [line(Run(deal.id, Ink.BOLD), f"  {since}, looked at {moment(found.at, found.timezone)}")]
    if not found.tunnels:
        return [*lines, line(), line(f"No tunnel leaves {deal.stage}.")]
    for one in found.tunnels:
        lines += [line(), *_tunnel(one, found)]
    return lines


def explanation_content(found: Explanation) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes")."""
    return {
        "deal": found.deal.id,
        "at": iso(found.at),
        "stage": found.deal.stage,
        "entry": found.deal.entry,
        "entered_at": iso(found.deal.entered_at),
        "tunnels": [_content(one) for one in found.tunnels],
    }


def _content(one: Explained) -> dict[str, object]:
    written = one.written
    return {
        "tunnel": one.tunnel.id,
        "verdict": one.verdict,
        "reason": one.reason,
        "reasons": list(one.reasons),
        "due_at": None if one.due_at is None else iso(one.due_at),
        "next_at": None if one.next_at is None else iso(one.next_at),
        "held_by": one.held_by,
        "said": one.said,
        "missing": list(one.missing),
        "mode": one.tunnel.mode,
        "file": None if one.place is None else one.place.file,
        "line": None if one.place is None else one.place.line,
        "condition": [
            {
                "text": piece.text,
                "value": None if piece.type is None else to_json(piece.value, piece.type),
                "overflow": piece.overflows,
                "depth": piece.depth,
                "file": None if piece.place is None else piece.place.file,
                "line": None if piece.place is None else piece.place.line,
                "column": None if piece.place is None else piece.place.column,
            }
            for piece in one.condition
        ],
        "firing": None if written is None else journal_content([written.firing])["firings"][0],  # type: ignore[index]
        "written": None if written is None or written.keys is None else dict(written.keys),
    }


def _tunnel(one: Explained, found: Explanation) -> Iterator[Line]:
    tunnel = one.tunnel
    where = "" if one.place is None else f"   {one.place.file}:{one.place.line}"
    mode = "" if tunnel.mode is Mode.LIVE else f"   {tunnel.mode}"
    head = f"   {tunnel.action} to {tunnel.target}{mode}"
    yield line(Run(tunnel.id, Ink.BOLD), head, Run(where, Ink.DIM))
    words = f": {', '.join(one.reasons)}" if one.reasons else ""
    yield line("  ", Run(_verdict(one, found), _INKS.get(one.verdict, Ink.PLAIN)), words)
    for reason in one.reasons:
        if reason is not Reason.CONDITION:
            yield line("    ", _why(reason, one, found))
    if one.said is not None:
        yield line("    ", f"the source said: {one.said}")
    if one.written is not None and one.verdict in _DONE:
        keys = one.written.keys
        if keys is None:
            yield line(Run(f"  revision {one.written.firing.revision} is no longer kept", Ink.DIM))
        for key, text in (keys or {}).items():
            if (key in _TOLD and _USUAL.get(key) != text) or key.startswith("set."):
                yield line("  ", Run(f"{key}: ", Ink.DIM), text)
        return
    yield from _condition(one, found)


def _verdict(one: Explained, found: Explanation) -> str:
    if one.written is not None and one.verdict in _DONE:
        firing = one.written.firing
        what = f" → {firing.target}" if firing.target else ""
        at = moment(firing.fired_at, found.timezone)
        if one.verdict is Outlook.PENDING:
            return f"pending: being carried out since {at}, under revision {firing.revision}"
        return f"{one.verdict}{what} at {at}, under revision {firing.revision}"
    due = "" if one.due_at is None else moment(one.due_at, found.timezone)
    match one.verdict:
        case Outlook.FIRES:
            return f"fires now (due {due})"
        case Outlook.WAITS:
            return f"waits until {moment(one.next_at or found.at, found.timezone)}"
        case Outlook.HELD:
            if Reason.PENDING in one.reasons:
                return "held by what is on its way"
            return f"held by {one.held_by}, an earlier move"
        case Outlook.SETTLES:
            return "does nothing now, and for this entry no more"
        case Outlook.PARKS:
            return "would be parked now"
        case Outlook.SHADOWS:
            return "would be written to the journal now, and do nothing"
    return "does not fire"


def _why(reason: Reason, one: Explained, found: Explanation) -> str:
    tunnel, deal = one.tunnel, found.deal
    if reason is Reason.PENDING:
        if one.held_by is None:
            return "the deal is to be read again where it lives, and is looked at after that"
        return f"{one.held_by} is being carried out where the deal lives; this is looked at again after it"
    if one.held_by is not None:
        takes = f"{one.held_by} takes the deal away first"
        return takes if reason is Reason.STAGE else f"so {one.held_by} waits, and holds the deal"
    match reason:
        case Reason.STAGE:
            return f"it leaves {', '.join(tunnel.sources)}; the deal stands in {deal.stage}"
        case Reason.MODE:
            return f"the tunnel is {tunnel.mode}"
        case Reason.PAUSED:
            return f"the tunnel is paused; flowrun resume {tunnel.id}"
        case Reason.EXISTING:
            return f"the deal stood in {deal.stage} before the tunnel went live for it"
        case Reason.ONCE:
            return "it has fired for an earlier entry of this deal, and once is deal"
        case Reason.DUE:
            return f"due {moment(one.due_at or found.at, found.timezone)}"
        case Reason.DATE:
            return f"{tunnel.at.field} is empty" if tunnel.at else "the date is empty"
        case Reason.WINDOW:
            return f"{tunnel.window} is closed"
        case Reason.CONDITION:
            return "the condition is false"
        case Reason.REQUIREMENT:
            missing = f": {', '.join(one.missing)}" if one.missing else " of the origin"
            return f"{tunnel.target} requires what would be empty{missing}"
        case Reason.EXISTS:
            return "a deal like the copy stands there already"
        case Reason.ORIGIN:
            return "the origin is gone, or stands where it can't be moved from"
        case Reason.HOPS:
            return "the deal moved too often of late"
        case Reason.COPIES:
            return "the deal's family was copied too often of late"
        case Reason.BREAKER:
            return f"the breaker is tripped; flowrun resume {tunnel.id}"
        case Reason.JUDGED:
            return "judged once, when due, and declined"
        case Reason.OVERFLOW:
            return "a number grows beyond what a decimal holds"
        case Reason.ERROR:
            return f"the database refused it three times; when that is mended: flowrun retry {deal.id}"
        case Reason.SOURCE:
            return f"the source of deals refused it; when that is mended: flowrun retry {deal.id}"
        case Reason.UNKNOWN:
            return f"the source can't tell whether it happened; look there, then: flowrun retry {deal.id}"


def _condition(one: Explained, found: Explanation) -> Iterator[Line]:
    """The parts of the condition, each below the one that it is a part of."""
    for piece in one.condition:
        indent = "  " * (piece.depth + 1)
        truth = piece.type is not None and piece.type.kind is Kind.BOOLEAN
        mark = "  " if not truth else "! " if piece.overflows else "✓ " if piece.value else "✗ "
        ink = Ink.GREEN if piece.value else Ink.YELLOW
        text = " ".join(piece.text.split())
        shown = [] if truth and not piece.overflows else [Run(f"  {_value(piece, found)}", Ink.CYAN)]
        place = piece.place if piece.depth == 0 else None
        where = [] if place is None else [Run(f"   {place.file}:{place.line}:{place.column}", Ink.DIM)]
        yield line(indent, Run(mark, ink if truth else Ink.PLAIN), text.ljust(_ROOM) if shown else text, *shown, *where)


def _value(piece: Piece, found: Explanation) -> str:
    if piece.overflows:
        return "overflows"
    if piece.type is None or piece.value is None:
        return "empty"
    if piece.type.kind is Kind.DATETIME and isinstance(piece.value, int):
        return moment(piece.value, found.timezone)
    text = write(piece.value, piece.type, zone(found.timezone))
    return f"'{text}'" if piece.type.kind in {Kind.TEXT, Kind.ENUM} else text
