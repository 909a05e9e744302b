"""What `explain` prints, whole, and the shape of its document."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from flowrun.calendars.durations import HOUR, Duration
from flowrun.engine.explain import Explained, Explanation, Outlook, Piece, Written
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, TEXT, decimal
from flowrun.flow.model import Action, At, Mode, Place, Reason, Tunnel
from flowrun.render.explain import explanation_content, explanation_text
from flowrun.render.ink import plain
from flowrun.store.deals import Deal
from flowrun.store.journal import Firing

NOON = 1_772_452_800_000
"""2026-03-02T12:00Z."""
DEAL = Deal("d1", "Acme", None, "sales", "sales.won", 2, NOON, NOON, NOON, None, None, {}, 1)
TUNNEL = Tunnel("onboard", ("sales.won",), "care.kickoff", Action.COPY)
PLACE = Place("flows/sales.yaml", 26, 3)
CONDITION = (
    Piece("deal.amount >= vars.big and deal.call_at is none", BOOLEAN, False, False, 0, Place("a.yaml", 30, 11)),
    Piece("deal.amount >= vars.big", BOOLEAN, False, False, 1, Place("a.yaml", 30, 11)),
    Piece("deal.amount", decimal(2), Decimal("500.00"), False, 2, Place("a.yaml", 30, 11)),
    Piece("deal.call_at is none", BOOLEAN, True, False, 1, Place("a.yaml", 30, 40)),
    Piece("deal.call_at", DATETIME, NOON, False, 2, Place("a.yaml", 30, 40)),
)
FIRING = Firing("onboard", "d1", 2, "copy", "sales.won", "care.kickoff", "fired", "d1~ab", NOON, NOON + HOUR, 3, None)


def text_of(*tunnels: Explained) -> str:
    return plain(explanation_text(Explanation(DEAL, NOON + 2 * HOUR, "Europe/Berlin", tunnels)))


def test_what_waits_and_what_lacks() -> None:
    one = Explained(
        TUNNEL,
        Outlook.BLOCKED,
        (Reason.DUE, Reason.CONDITION, Reason.REQUIREMENT),
        due_at=NOON + 26 * HOUR,
        missing=("account",),
        condition=CONDITION,
        place=PLACE,
    )
    assert text_of(one) == (
        "d1  in sales.won since 2026-03-02T13:00 (entry 2), looked at 2026-03-02T15:00\n"
        "\n"
        "onboard   copy to care.kickoff   flows/sales.yaml:26\n"
        "  does not fire: due, condition, requirement\n"
        "    due 2026-03-03T15:00\n"
        "    care.kickoff requires what would be empty: account\n"
        "  ✗ deal.amount >= vars.big and deal.call_at is none   a.yaml:30:11\n"
        "    ✗ deal.amount >= vars.big\n"
        "        deal.amount               500.00\n"
        "    ✓ deal.call_at is none\n"
        "        deal.call_at              2026-03-02T13:00\n"
    ).replace("T1", " 1")


def test_what_has_fired_shows_what_it_said_then() -> None:
    keys = {
        "from": "sales.won",
        "when": "deal.paid",
        "watch": "true",
        "after": "2h",
        "once": "entry",
        "set.owner": "ann",
    }
    one = Explained(TUNNEL, Outlook.FIRED, due_at=NOON, condition=CONDITION, written=Written(FIRING, keys))
    assert text_of(one).splitlines()[2:] == [
        "onboard   copy to care.kickoff",
        "  fired → d1~ab at 2026-03-02 14:00, under revision 3",
        "  when: deal.paid",
        "  after: 2h",
        "  set.owner: ann",
    ]
    gone = Explained(TUNNEL, Outlook.FIRED, written=Written(FIRING, None))
    assert text_of(gone).splitlines()[-1] == "  revision 3 is no longer kept"


def test_each_verdict_and_each_reason_says_something_of_its_own() -> None:
    said = set()
    tunnel = Tunnel("t", ("sales.new",), "care.kickoff", Action.MOVE, at=At("day", Duration()), window="office")
    for verdict in list(Outlook)[:7]:
        said.add(text_of(Explained(tunnel, verdict, due_at=NOON, next_at=NOON, held_by="x")).splitlines()[3])
    assert len(said) == 7
    lines = {text_of(Explained(tunnel, Outlook.BLOCKED, (reason,))).splitlines()[-1] for reason in Reason}
    assert len(lines) == len(Reason)


def test_a_move_that_is_held_names_the_holder() -> None:
    held = Explained(TUNNEL, Outlook.HELD, (Reason.PAUSED,), due_at=NOON, held_by="first")
    assert text_of(held).splitlines()[3:] == [
        "  held by first, an earlier move: paused",
        "    so first waits, and holds the deal",
    ]


def test_overflow_and_data_are_told_apart_from_truth() -> None:
    pieces = (
        Piece("deal.amount * deal.amount\n  > 1", BOOLEAN, None, True, 0, None),
        Piece("deal.title", TEXT, "x\x1b", False, 1, None),
        Piece("deal.day", DATE, date(2026, 3, 2), False, 1, None),
        Piece("deal.owner", TEXT, None, False, 1, None),
    )
    assert text_of(Explained(TUNNEL, Outlook.PARKS, (Reason.OVERFLOW,), condition=pieces)).splitlines()[-4:] == [
        "  ! deal.amount * deal.amount > 1  overflows",
        "      deal.title                'x\\x1b'",
        "      deal.day                  2026-03-02",
        "      deal.owner                empty",
    ]


def test_no_tunnel() -> None:
    assert text_of().splitlines()[-1] == "No tunnel leaves sales.won."


def test_json_is_as_documented() -> None:
    shadow = Tunnel("onboard", ("sales.won",), "care.kickoff", Action.COPY, mode=Mode.SHADOW)
    one = Explained(
        shadow,
        Outlook.WAITS,
        (Reason.DUE,),
        due_at=NOON,
        next_at=NOON,
        condition=CONDITION[:3],
        written=Written(FIRING, {"when": "deal.paid"}),
        place=PLACE,
    )
    content = explanation_content(Explanation(DEAL, NOON, "UTC", (one,)))
    assert content == {
        "deal": "d1",
        "at": "2026-03-02T12:00:00.000Z",
        "stage": "sales.won",
        "entry": 2,
        "entered_at": "2026-03-02T12:00:00.000Z",
        "tunnels": [
            {
                "tunnel": "onboard",
                "verdict": "waits",
                "reason": "due",
                "reasons": ["due"],
                "due_at": "2026-03-02T12:00:00.000Z",
                "next_at": "2026-03-02T12:00:00.000Z",
                "held_by": None,
                "said": None,
                "missing": [],
                "mode": "shadow",
                "file": "flows/sales.yaml",
                "line": 26,
                "condition": [
                    _piece("deal.amount >= vars.big and deal.call_at is none", False, 0),
                    _piece("deal.amount >= vars.big", False, 1),
                    _piece("deal.amount", "500.00", 2),
                ],
                "firing": {
                    "tunnel": "onboard",
                    "deal": "d1",
                    "entry": 2,
                    "action": "copy",
                    "from": "sales.won",
                    "to": "care.kickoff",
                    "result": "fired",
                    "target": "d1~ab",
                    "due_at": "2026-03-02T12:00:00.000Z",
                    "fired_at": "2026-03-02T13:00:00.000Z",
                    "revision": 3,
                    "reason": None,
                },
                "written": {"when": "deal.paid"},
            }
        ],
    }


def _piece(text: str, value: object, depth: int) -> dict[str, object]:
    place = {"file": "a.yaml", "line": 30, "column": 11}
    return {"text": text, "value": value, "overflow": False, "depth": depth, **place}
