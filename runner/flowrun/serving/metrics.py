"""The metrics, in Prometheus' words: what this runner did, and how the store is.

Counters and histograms are of this process: add them up over all runners. Gauges with `store` in their help are of the
whole store and the same at every runner: take one, as `max by (...)` does.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from flowrun import __version__
from flowrun.engine.elsewhere import MOST
from flowrun.engine.events import ABOUT, Carried, Delivered, Event, Pulled, Retried, Ticked, Warned
from flowrun.engine.gauges import Gauges

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_DEALS = (1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000)
_PULLED = ("added", "changed", "moved", "gone", "bad")
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
_UP_TO = f"{MOST} means that many or more"


class Metrics:
    """Counts what happens in one run."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._store = _StoreMetrics()
        self._registry.register(self._store)
        ProcessCollector(registry=self._registry)
        build = Info("flowrun_build", "This flowrun.", registry=self._registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._ticks = Histogram(
            "flowrun_tick_seconds",
            "For how long a tick held the store.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._deals = Histogram(
            "flowrun_batch_deals",
            "How many deals a tick looked at.",
            buckets=_DEALS,
            registry=self._registry,
        )
        self._firings = Counter(
            "flowrun_firings",
            "Firings that this runner settled.",
            ["tunnel", "result"],
            registry=self._registry,
        )
        self._retries = Counter(
            "flowrun_tick_retries",
            "Ticks that were done again, since others wrote the same at once.",
            registry=self._registry,
        )
        self._troubles = Counter(
            "flowrun_troubles",
            "Troubles that this runner got over.",
            ["about"],
            registry=self._registry,
        )
        self._pulled = Counter(
            "flowrun_pulled_deals",
            "Deals that this runner brought in from their source.",
            ["change"],
            registry=self._registry,
        )
        self._deliveries = Counter(
            "flowrun_deliveries",
            "Attempts of this runner to tell webhooks of firings.",
            ["webhook", "result"],
            registry=self._registry,
        )
        self._requests = Counter(
            "flowrun_deal_requests",
            "Requests about deals that this runner answered.",
            ["method", "status"],
            registry=self._registry,
        )
        for what in _PULLED:
            self._pulled.labels(what)
        for about in ABOUT:
            self._troubles.labels(about)

    def hear(self, event: Event) -> None:
        """Something happened in the run."""
        match event:
            case Ticked(tick, totals):
                self._ticks.observe(totals.seconds)
                self._deals.observe(tick.looked)
                for (tunnel, result), count in tick.by_tunnel.items():
                    self._firings.labels(tunnel, result).inc(count)
            case Carried(by_tunnel=by_tunnel):
                for (tunnel, result), count in by_tunnel.items():
                    self._firings.labels(tunnel, result).inc(count)
            case Pulled():
                for what in _PULLED:
                    self._pulled.labels(what).inc(getattr(event, what))
            case Delivered(counts):
                for (webhook, result), count in counts.items():
                    self._deliveries.labels(webhook, result).inc(count)
            case Retried():
                self._retries.inc()
            case Warned(_, about):
                self._troubles.labels(about).inc()

    def count_request(self, method: str, status: int) -> None:
        """A request about deals was answered."""
        self._requests.labels(method if method in _METHODS else "other", str(status)).inc()

    def text(self, found: Gauges | None, accepted: str) -> tuple[bytes, str]:
        """All of them, and their media type, one that is accepted. `found` is None where the store can't be read."""
        encode, media_type = choose_encoder(accepted)
        self._store.found = found
        return encode(self._registry), media_type


class _StoreMetrics(Collector):
    """What the store says."""

    found: Gauges | None = None

    def collect(self) -> Iterable[Metric]:
        yield _gauge("flowrun_store_up", "Whether the store could be read.", self.found is not None)
        found = self.found
        if found is None:
            return
        yield _gauge(
            "flowrun_revision", "The applied revision of the store; 0 where there is none.", found.revision or 0
        )
        yield _gauge("flowrun_lag_seconds", "Age of the store's oldest awake deal; 0 where none is.", found.lag / 1000)
        yield _gauge("flowrun_awake_deals", f"Deals of the store that wait for a runner; {_UP_TO}.", found.awake)
        yield _gauge("flowrun_waiting_deals", f"Deals of the store that wait for their time; {_UP_TO}.", found.waiting)
        yield _gauge("flowrun_runners", "Runners of the store that were seen lately.", found.runners)
        calls = GaugeMetricFamily(
            "flowrun_calls",
            f"Firings of the store by the state of their call to where deals live; {_UP_TO}.",
            labels=["state"],
        )
        for state, count in found.calls.items():
            calls.add_metric([state], float(count))
        yield calls
        parked = {id_: found.parked.get(id_, 0) for id_ in (*found.tripped, *found.parked)}
        about = f"Firings of the store that wait for 'flowrun retry'; {_UP_TO}."
        yield _by_tunnel("flowrun_parked_firings", about, parked)
        yield _by_tunnel(
            "flowrun_tunnel_tripped", "Whether the tunnel's breaker has tripped in the store.", found.tripped
        )
        yield _by_tunnel("flowrun_tunnel_paused", "Whether the tunnel is paused in the store.", found.paused)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=float(value))


def _by_tunnel(name: str, about: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=["tunnel"])
    for tunnel, value in values.items():
        family.add_metric([tunnel], float(value))
    return family
