"""Deals for the page: those of a stage, one with its history and what holds it back, what time will bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowrun.clock import iso, parse_instant
from flowrun.commands.deals_read import page, shown
from flowrun.commands.deals_write import move
from flowrun.commands.explain import explain
from flowrun.commands.journal import journal
from flowrun.commands.pending import pending
from flowrun.diagnostics import excerpt
from flowrun.errors import InvalidInput, NoDeal
from flowrun.flow.model import Flow
from flowrun.render.deals import deal_content
from flowrun.render.explain import explanation_content
from flowrun.render.journal import firing_content
from flowrun.render.pending import pending_content
from flowrun.store.deals import Deal
from flowrun.studio.launch import Launch
from flowrun.studio.problems import Problem

MOST = 200
"""Deals, firings or waits of one answer."""

_USUAL = 50


def deals(launch: Launch, query: Mapping[str, str]) -> dict[str, object]:
    """The answer to GET /api/deals: of a stage or of all, `search` in id, title and owner, from `after` on.

    Raises Problem and FlowrunError.
    """
    limit = _limit(query.get("limit"))
    found = page(
        launch.store,
        launch.clock,
        stage=query.get("stage"),
        search=query.get("search"),
        after=query.get("after"),
        limit=limit,
    )
    return {"deals": [deal_content(one, found.flow) for one in found.deals], "next": found.next}


def deal(launch: Launch, id_: str) -> dict[str, object]:
    """The answer to GET /api/deals/ID. Raises Problem and FlowrunError."""
    one, flow = _there(launch, id_)
    rows = journal(launch.store, launch.clock, deal=id_, limit=MOST, read_only=True).firings
    return {
        "deal": deal_content(one, flow),
        "journal": [firing_content(row) for row in rows],
        "explain": explanation_content(explain(launch.store, launch.clock, id_, read_only=True)),
    }


def moved(launch: Launch, id_: str, body: Mapping[str, Any]) -> dict[str, object]:
    """The answer to POST /api/deals/ID/move. Raises Problem and FlowrunError."""
    to = body.get("to")
    if not isinstance(to, str):
        raise Problem(400, "bad-request", "`to` must be a stage")
    _there(launch, id_)
    try:
        one, flow = move(launch.store, launch.clock, id_, to)
    except InvalidInput as error:
        first = error.findings[0]
        raise Problem(422, "refused", first.message, first.help) from None
    return {"deal": deal_content(one, flow)}


def waits(launch: Launch, query: Mapping[str, str]) -> dict[str, object]:
    """The answer to GET /api/pending. Raises Problem and FlowrunError."""
    text = query.get("until", "")
    until = parse_instant(text)
    if until is None:
        raise Problem(400, "bad-request", f"`until` is no instant with an offset: '{excerpt(text)}'")
    found = pending(launch.store, launch.clock, limit=MOST, until=until, read_only=True)
    content = pending_content(found)
    return {
        **content,
        "until": iso(until),
        "tunnels": dict(found.tunnels),
        "more": found.count - len(found.waits),
    }


def _there(launch: Launch, id_: str) -> tuple[Deal, Flow]:
    try:
        return shown(launch.store, launch.clock, id_, read_only=True)
    except NoDeal as error:
        raise Problem(404, "not-found", str(error)) from None


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MOST)) else 0
    if not 1 <= limit <= MOST:
        raise Problem(400, "bad-request", f"`limit` must be 1 to {MOST}")
    return limit
