"""YAML files in, a resolved flow and everything found in them out.

The way of a file: bytes → nodes (`yamldoc`) → blocks (`models`, by the bridge in `reading`) → one `namespace` →
`resolve` → the flow → `checks`. Each step reports what it finds and goes on with the rest.
Scenario files go from their blocks (`scenario_models`) to their meaning (`scenarios`) beside them.
"""

from flowrun.config.codes import CODES
from flowrun.config.loader import SCENARIOS, Loaded, is_scenario, load, load_paths, load_texts

__all__ = ["CODES", "SCENARIOS", "Loaded", "is_scenario", "load", "load_paths", "load_texts"]
