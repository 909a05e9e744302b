"""What a run tells, as the lines of a terminal and as the content of log lines."""

from __future__ import annotations

from flowrun.engine.events import Began, Carried, Delivered, Ended, Event, Listening, Pulled, Recovered, Ticked, Warned
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.totals import carried_text, pulled_text, tick_text


def event_text(event: Event) -> Line | None:
    """The line for people; None where there is nothing to say to them."""
    match event:
        case Began(endless=True):
            return _note("running; stop with Ctrl-C")
        case Listening(url, deals):
            return _note(f"listening at {url}: /healthz, /readyz, /metrics{', /deals' if deals else ''}")
        case Ticked(tick, endless=True) if tick.results:
            return tick_text(tick)
        case Carried(endless=True):
            return carried_text(event)
        case Pulled(endless=endless, bad=bad) if endless or bad:
            return pulled_text(event)
        case Warned(message) | Recovered(message):
            return _note(message)
    return None


def event_content(event: Event) -> tuple[str, str, dict[str, object]] | None:
    """Level, name and content of the log line; None for a tick in which nothing fired."""
    match event:
        case Began(runner, revision, endless):
            content = {"revision": revision, "endless": endless, "version": runner.version}
            return "info", "began", {"host": runner.host, "pid": runner.pid, **content}
        case Listening(url, deals):
            return "info", "listening", {"url": url, "deals": deals}
        case Ticked(tick, totals) if tick.results:
            content = {"looked": tick.looked, "fired": tick.fired, "tunnels": _by_tunnel(tick.by_tunnel)}
            return "info", "tick", {"revision": tick.revision, **content, "seconds": round(totals.seconds, 6)}
        case Warned(message, about):
            return "warning", "trouble", {"about": about, "message": message}
        case Recovered(message, about):
            return "info", "recovered", {"about": about, "message": message}
        case Pulled():
            names = ("added", "changed", "moved", "gone", "bad", "example")
            content = {name: getattr(event, name) for name in names}
            return "warning" if event.bad else "info", "pulled", content
        case Carried(by_tunnel=by_tunnel):
            fired = sum(count for (_, result), count in by_tunnel.items() if result == "fired")
            return "info", "carried", {"fired": fired, "tunnels": _by_tunnel(by_tunnel)}
        case Delivered(counts):
            return "info", "delivered", {"webhooks": _by_tunnel(counts)}
        case Ended(totals, signal):
            fired = totals.count("fired")
            content = {"looked": totals.looked, "ticks": totals.ticks, "fired": fired}
            return "info", "ended", {"signal": signal, **content, "parked": totals.count("parked")}
    return None


def _by_tunnel(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (tunnel, result), count in counts.items():
        found.setdefault(tunnel, {})[result] = count
    return found


def _note(message: str) -> Line:
    return line(Run("note: ", Ink.CYAN), message)
