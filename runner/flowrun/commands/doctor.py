"""`flowrun doctor`: a check of the set-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowrun.clock import Clock
from flowrun.engine.checkup.checks import examined
from flowrun.engine.checkup.finding import Finding, Verdict
from flowrun.engine.checkup.patient import admitted
from flowrun.errors import WorkFailed
from flowrun.flow.model import Webhook
from flowrun.sources.webhooks.signing import keys

__all__ = ["Checkup", "Finding", "Verdict", "doctor"]


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found, in the order of the checks."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is in the way; warnings aren't."""
        return not self.count(Verdict.PROBLEM)

    def count(self, verdict: Verdict) -> int:
        """How many findings have that verdict."""
        return sum(finding.verdict is verdict for finding in self.findings)


def doctor(
    store: str,
    clock: Clock,
    *,
    full: bool = False,
    progress: Callable[[int], None] = lambda _seconds: None,
    folder: Path = Path(),
) -> Checkup:
    """Check what is at that address, whatever it is, and the machine; writes nothing.

    `full` looks through the whole database, however long that takes; `progress` hears the seconds that it has taken.
    `folder` is where relative paths of secrets start. Raises WrongUsage for an address that is none.
    """

    def lacks(webhook: Webhook) -> str | None:
        try:
            keys(webhook.secrets, folder, webhook.id)
        except WorkFailed as failure:
            return str(failure)
        return None

    with admitted(store, clock, thorough=full, progress=progress, lacks=lacks) as patient:
        return Checkup(tuple(examined(patient)))
