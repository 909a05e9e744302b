"""The language of conditions and templates: parsed, type-checked, and run as Python over one deal or SQL over many.

Source of the language: format.md, "Conditions" and "Values". The way of a text through this floor:

    text → scan (tokens, limits) → parse (Jinja's parser) → check (types) → tree → evaluate (Python)
                                                                               └→ sql (SQLAlchemy Core)

Nothing here loads jinja2 before a text is parsed. `flowrun.expr.sql` loads SQLAlchemy and is imported by name only.
"""

from flowrun.expr.check import parse_condition
from flowrun.expr.codes import CODES, Problem
from flowrun.expr.names import Names, builtins
from flowrun.expr.template import has_template, parse_template
from flowrun.expr.tree import Expression, Template
from flowrun.expr.values import LocalTime

__all__ = [
    "CODES",
    "Expression",
    "LocalTime",
    "Names",
    "Problem",
    "Template",
    "builtins",
    "has_template",
    "parse_condition",
    "parse_template",
]
