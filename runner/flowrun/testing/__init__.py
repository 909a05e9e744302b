"""The conformance suite of sources: what each source keeps, as checks that its author runs against it.

    bench          what the author gives: an empty place, the hands of a foreign program in it, and its accidents
    inwards        the checks of what a source says: nothing lost, late, stale or left out
    outwards       the checks of what a source does: each order once, and told truly
    conformance    both together, as a class of tests for pytest, or as functions for anything else
    memory         a source in memory that passes, with accidents to order
    faulty         such sources with one mistake each: what every check is there to catch

pytest is nowhere needed here; a check that isn't kept raises `Broken`, which is an AssertionError.
"""

from flowrun.testing.bench import FLOW, Bench, Broken, deal
from flowrun.testing.conformance import CHECKS, Conformance

__all__ = ["CHECKS", "FLOW", "Bench", "Broken", "Conformance", "deal"]
