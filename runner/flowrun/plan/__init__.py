"""What is different between two flows: a pure comparison of meaning, never of text.

from flowrun.plan import changes
plan = changes(applied, wanted)        # Plan: typed changes, in the order in which they are shown
"""

from flowrun.plan.changes import Change, ChangeAction, ChangeKind, KeyChange, Plan, changes
from flowrun.plan.identity import Renames, renames

__all__ = ["Change", "ChangeAction", "ChangeKind", "KeyChange", "Plan", "Renames", "changes", "renames"]
