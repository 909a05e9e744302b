"""What is different between two flows, and what it may do: pure values, compared by meaning and never by text.

from flowrun.plan import changes, refusals
plan = changes(applied, wanted)        # Plan: typed changes, in the order in which they are shown
refusals(applied, wanted, impact, bound)   # the rails that it runs into, given its impact on the live deals
"""

from flowrun.plan.changes import Change, ChangeAction, ChangeKind, KeyChange, Plan, changes
from flowrun.plan.comparison import Comparison, Side
from flowrun.plan.identity import Renames, relocations, renames, unmerged
from flowrun.plan.impact import Effect, Figure, Impact, Loses, Loss
from flowrun.plan.rails import Allowed, Rail, Refusal, refusals

__all__ = [
    "Allowed",
    "Change",
    "ChangeAction",
    "ChangeKind",
    "Comparison",
    "Effect",
    "Figure",
    "Impact",
    "KeyChange",
    "Loses",
    "Loss",
    "Plan",
    "Rail",
    "Refusal",
    "Renames",
    "Side",
    "changes",
    "refusals",
    "relocations",
    "renames",
    "unmerged",
]
