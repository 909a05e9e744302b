"""The health of the whole, for people and as JSON."""

from __future__ import annotations

from flowrun.clock import iso
from flowrun.engine.deliveries import WebhookStatus
from flowrun.engine.status import Status, TunnelStatus
from flowrun.render.board import board
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import counted, moment
from flowrun.render.source import source_content, source_text
from flowrun.render.table import Column, table
from flowrun.store.runners import Registered

_TUNNELS = (
    Column("tunnel", flexible=True),
    Column("state"),
    Column("fired", right=True),
    Column("parked", right=True),
    Column("last fired"),
)
_RUNNERS = (
    Column("runner"),
    Column("host", flexible=True),
    Column("pid", right=True),
    Column("version"),
    Column("since"),
    Column("seen"),
    Column("fired", right=True),
)


_WEBHOOKS = (
    Column("webhook", flexible=True),
    Column("state"),
    Column("waiting", right=True),
    Column("dead", right=True),
    Column("said last", flexible=True),
)


def status_text(found: Status, store: str, columns_wide: int | None) -> list[Line]:
    """A summary, the board, and the tunnels, in the project's zone."""
    zone = found.revision.flow.timezone
    title = f"{store}   revision {found.revision.number}, applied {moment(found.revision.applied_at, zone)}"
    lines = [line(Run(title, Ink.BOLD)), line(_summary(found))]
    if found.source is not None:
        lines += source_text(found.source, zone)
    lines += [line(), *board(found.revision.flow, found.board), line()]
    if found.tunnels:
        rows = [
            (
                tunnel.id,
                _state(tunnel),
                f"{tunnel.fired:,}",
                Run(f"{tunnel.parked:,}", Ink.WARNING if tunnel.parked else Ink.PLAIN),
                "" if tunnel.last_fired_at is None else moment(tunnel.last_fired_at, zone),
            )
            for tunnel in found.tunnels
        ]
        lines += table(_TUNNELS, rows, columns_wide)
    if found.runners:
        lines += [
            line(),
            *table(_RUNNERS, [_runner(runner, found.now, zone) for runner in found.runners], columns_wide),
        ]
    if found.webhooks:
        lines += [line(), *table(_WEBHOOKS, [_webhook(one) for one in found.webhooks], columns_wide)]
    if any(one.dead or one.disabled_at is not None for one in found.webhooks):
        lines.append(line(Run("webhooks: ", Ink.WARNING), "what could not be told is tried again by: flowrun retry"))
    for tunnel in found.tunnels:
        if tunnel.state == "tripped":
            lines.append(line(Run("tripped: ", Ink.WARNING), f"look why, then: flowrun resume {tunnel.id}"))
    if found.parked:
        lines.append(line(Run("parked: ", Ink.WARNING), "see flowrun journal --result parked, then: flowrun retry"))
    return lines


def status_content(found: Status, store: str) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes")."""
    return {
        "store": store,
        "revision": found.revision.number,
        "deals": found.deals,
        "awake": found.awake,
        "parked": found.parked,
        "next_at": None if found.next_at is None else iso(found.next_at),
        "source": None if found.source is None else source_content(found.source),
        "stages": [{"id": stage, "deals": count} for stage, count in found.board.items()],
        "tunnels": [
            {
                "id": tunnel.id,
                "mode": tunnel.mode,
                "state": tunnel.state,
                "fired": tunnel.fired,
                "parked": tunnel.parked,
                "last_fired_at": None if tunnel.last_fired_at is None else iso(tunnel.last_fired_at),
            }
            for tunnel in found.tunnels
        ],
        "webhooks": [
            {
                "id": one.id,
                "state": "live" if one.disabled_at is None else "disabled",
                "waiting": one.waiting,
                "dead": one.dead,
                "said": one.said,
                "disabled_at": None if one.disabled_at is None else iso(one.disabled_at),
            }
            for one in found.webhooks
        ],
        "runners": [runner_content(runner, found.now) for runner in found.runners],
    }


def runner_content(runner: Registered, now: int) -> dict[str, object]:
    """A runner as the JSON document has it."""
    return {
        "id": runner.id,
        "host": runner.host,
        "pid": runner.pid,
        "version": runner.version,
        "state": "gone" if runner.gone(now) else "running",
        "started_at": iso(runner.started_at),
        "seen_at": iso(runner.seen_at),
        "ticks": runner.ticks,
        "fired": runner.fired,
    }


def _runner(runner: Registered, now: int, zone: str) -> tuple[str | Run, ...]:
    seen = Run(f"{moment(runner.seen_at, zone)}, gone", Ink.WARNING) if runner.gone(now) else "now"
    since = moment(runner.started_at, zone)
    return runner.id, runner.host, str(runner.pid), runner.version, since, seen, f"{runner.fired:,}"


def _webhook(one: WebhookStatus) -> tuple[str | Run, ...]:
    state = "live" if one.disabled_at is None else Run("disabled", Ink.WARNING)
    dead = Run(f"{one.dead:,}", Ink.WARNING if one.dead else Ink.PLAIN)
    return one.id, state, f"{one.waiting:,}", dead, one.said or ""


def _summary(found: Status) -> str:
    parts = [counted(found.deals, "deal"), f"{found.awake:,} awake"]
    if found.parked:
        parts.append(f"{counted(found.parked, 'firing')} parked")
    if found.next_at is not None and not found.awake:
        parts.append(f"next due {moment(found.next_at, found.revision.flow.timezone)}")
    return ", ".join(parts)


def _state(tunnel: TunnelStatus) -> Run:
    if tunnel.state != "live":
        return Run(tunnel.state, Ink.WARNING)
    return Run(tunnel.mode)
