"""Every mistake in a condition or template: its code, its words and its exact place, all of them in one run.

In the texts below ⟦ and ⟧ stand around the place of each problem; they are taken out before the text is parsed.
"""

from __future__ import annotations

import re

import pytest

from flowrun.expr import CODES, Problem, parse_condition, parse_template
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, decimal, enum
from tests.unit.expr.names import NAMES


def marked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its marks, and where they stood; a pair may be empty."""
    places, plain, start = [], "", 0
    for piece in re.split("([⟦⟧])", text):
        if piece == "⟦":
            start = len(plain)
        elif piece == "⟧":
            places.append((start, len(plain)))
        else:
            plain += piece
    return plain, places


# A text, and for each mark: code, message, help.
Case = tuple[str, list[tuple[str, str, str | None]]]

CONDITIONS: list[Case] = [
    # FR201: cannot be read
    ("⟦⟧", [("FR201", "there is no expression here", None)]),
    ("deal.paid and⟦⟧", [("FR201", "the expression ends too early; expected a value", None)]),
    ("deal.paid and ⟦and⟧ deal.paid", [("FR201", "'and' is not expected here; expected a value", None)]),
    ("⟦or⟧ deal.paid", [("FR201", "'or' is not expected here; expected a value", None)]),
    ("deal.paid ⟦deal⟧.paid", [("FR201", "'deal' is not expected here; expected an operator or the end", None)]),
    ("⟦(⟧deal.paid", [("FR201", "'(' is never closed", None)]),
    ("deal.paid⟦)⟧", [("FR201", "')' closes nothing here; nothing is open", None)]),
    ("(deal.paid⟦]⟧", [("FR201", "']' closes nothing here; expected ')'", None)]),
    ("deal.account == ⟦'web and deal.paid⟧", [("FR201", "the text that starts here has no closing '", None)]),
    ("deal.account == ⟦“⟧web”", [("FR201", "'“' is no quote of the language", "write straight quotes: 'web'")]),
    ("deal.paid ⟦@⟧", [("FR201", "'@' has no place in an expression", None)]),
    ("deal.paid ⟦\x01⟧", [("FR201", "'U+0001' has no place in an expression", None)]),
    (
        "deal.account is none ⟦is⟧ none",
        [("FR201", "'is' is not expected here; expected 'and' or 'or' before another 'is'", None)],
    ),
    ("deal.⟦'x'⟧ == 1", [("FR201", "this text is not expected here; expected a value", None)]),
    # FR202: limits
    (
        "⟦" + "deal.paid" + " " * 4096 + "⟧",
        [
            (
                "FR202",
                "4,105 characters are too many; an expression has at most 4,096",
                "split the condition over several tunnels",
            )
        ],
    ),
    (
        "not " * 40 + "⟦not⟧ deal.paid",
        [("FR202", "here the expression is more than 40 levels deep", "split the condition over several tunnels")],
    ),
    (
        "(" * 40 + "⟦(⟧" + "deal.paid" + ")" * 41,
        [("FR202", "here the expression is more than 40 levels deep", "split the condition over several tunnels")],
    ),
    (
        "deal.seats in ⟦[" + "1, " * 500 + "1]⟧",
        [("FR202", "a list of 501 items; at most 500 are possible", None)],
    ),
    (
        "⟦" + " + ".join(["deal.seats"] * 180) + " > 1⟧",
        [
            (
                "FR202",
                "this computes too much: 32,762 terms in SQL, at most 10,000 are possible",
                "shorten the longest chain of + - * or of comparisons",
            )
        ],
    ),
    (
        "⟦'a' == deal.account" + " | lower | trim" * 9 + "⟧",
        [
            (
                "FR202",
                "this is nested too deeply for a database",
                "nest fewer filters, ifs and sums in each other; a chain of 'if … else …' is flat",
            )
        ],
    ),
    # FR203, FR204, FR205: names
    ("deal.⟦amuont⟧ > 5", [("FR203", "a deal has no field 'amuont'", "did you mean 'amount'?")]),
    ("deal.⟦__class__⟧ == 1", [("FR203", "a deal has no field '__class__'", None)]),
    ("deal.⟦keys⟧ == 1", [("FR203", "a deal has no field 'keys'", None)]),
    (
        "false and deal.⟦x⟧ or true or deal.⟦y⟧",
        [("FR203", "a deal has no field 'x'", None), ("FR203", "a deal has no field 'y'", None)],
    ),
    ("deal.amount > vars.⟦bgi⟧", [("FR204", "there is no variable 'bgi'", "did you mean 'big'?")]),
    (
        "⟦amount⟧ > 5",
        [("FR205", "there is no 'amount' here; expected deal.<field> or vars.<name>", "write deal.amount")],
    ),
    (
        "deal.amount > ⟦big⟧",
        [("FR205", "there is no 'big' here; expected deal.<field> or vars.<name>", "write vars.big")],
    ),
    ("deal.paid == ⟦yes⟧", [("FR205", "there is no 'yes' here; expected deal.<field> or vars.<name>", "write true")]),
    (
        "deal.source == ⟦ads⟧",
        [
            (
                "FR205",
                "there is no 'ads' here; expected deal.<field> or vars.<name>",
                "a text is written in quotes: 'ads'",
            )
        ],
    ),
    (
        "⟦dael⟧.paid",
        [("FR205", "there is no 'dael' here; expected deal.<field> or vars.<name>", "did you mean 'deal'?")],
    ),
    ("⟦deal⟧ == 1", [("FR205", "'deal' alone is no value", "name one: deal.<name>")]),
    (
        "⟦loop⟧.index > 1",
        [
            (
                "FR205",
                "there is no 'loop' here; expected deal.<field> or vars.<name>",
                "a text is written in quotes: 'loop'",
            )
        ],
    ),
    # FR206: what the language leaves out
    (
        "deal.amount ⟦/⟧ 2 > 5",
        [
            (
                "FR206",
                "'/' is not part of the language",
                "compare products instead: `deal.a > 2 * deal.b` rather than `deal.a / deal.b > 2`",
            )
        ],
    ),
    ("deal.seats ⟦%⟧ 2 == 1", [("FR206", "'%' is not part of the language", None)]),
    (
        "2 ⟦**⟧ 3 ⟦**⟧ 2 > deal.⟦x⟧",
        [
            ("FR206", "'**' is not part of the language", "write the product: `deal.a * deal.a`"),
            ("FR206", "'**' is not part of the language", "write the product: `deal.a * deal.a`"),
            ("FR203", "a deal has no field 'x'", None),
        ],
    ),
    (
        "⟦now()⟧ > deal.call_at",
        [
            (
                "FR206",
                "now() is not part of the language",
                "use 'after' or 'at' of the tunnel for times, today() for dates",
            )
        ],
    ),
    (
        "⟦origin.amount⟧ > 1",
        [
            (
                "FR206",
                "'origin.amount' is not available in this version",
                "a copy can carry the value along in a field of its own",
            )
        ],
    ),
    ("⟦deal.amount.real⟧ > 1", [("FR206", "'.real': a value has no parts here", None)]),
    (
        "⟦deal.account.lower()⟧ == 'x'",
        [("FR206", "calls of values are not part of the language", "'lower' is a filter: text | lower")],
    ),
    ("(⟦1, 2⟧) == deal.seats", [("FR206", "a tuple is not part of the language", "write a list: [1, 2]")]),
    ("⟦{'a': 1}⟧ == deal.seats", [("FR206", "a dictionary is not part of the language", None)]),
    ("⟦deal.account[0]⟧ == 'x'", [("FR206", "a subscript is not part of the language", None)]),
    ("⟦deal.paid if deal.paid⟧", [("FR206", "an 'if' without 'else' is not part of the language", "add 'else none'")]),
    ("⟦+deal.amount⟧ > 1", [("FR206", "a plus sign before a value is not part of the language", "leave it out")]),
    ("deal.paid ⟦?⟧ 1 : 2", [("FR206", "'?' is not part of the language", "write `a if condition else b`")]),
    # FR207: other languages
    (
        "deal.seats ⟦=⟧ 1 ⟦&&⟧ ⟦!⟧deal.paid ⟦||⟧ deal.seats ⟦<>⟧ 2",
        [
            ("FR207", "'=' is no operator here; write '=='", None),
            ("FR207", "'&&' is no operator here; write 'and'", None),
            ("FR207", "'!' is no operator here; write 'not'", None),
            ("FR207", "'||' is no operator here; write 'or'", None),
            ("FR207", "'<>' is no operator here; write '!='", None),
        ],
    ),
    ("deal.paid ⟦AND⟧ deal.paid", [("FR207", "'AND' is written in small letters here: and", None)]),
    # FR208: braces
    ("⟦{{⟧ deal.paid }}", [("FR208", "'{{': a condition is written without braces", None)]),
    ("⟦{%⟧ if deal.paid %}", [("FR208", "'{%': statements have no place here", "write one expression")]),
    # FR209, FR210, FR211: unknown filters, tests, functions
    ("deal.account|⟦uper⟧ == 'X'", [("FR209", "there is no filter 'uper'", "did you mean 'upper'?")]),
    (
        "deal.account|⟦replace⟧('a', 'b') == 'X'",
        [
            (
                "FR209",
                "there is no filter 'replace'",
                "the filters are lower, upper, trim, length, abs, round, default, date",
            )
        ],
    ),
    ("deal.account is ⟦defined⟧", [("FR210", "there is no test 'defined'", "write 'is not none'")]),
    ("deal.account is ⟦startswith⟧('x')", [("FR210", "there is no test 'startswith'", "did you mean 'startingwith'?")]),
    ("⟦lower⟧(deal.account) == 'x'", [("FR211", "there is no function 'lower'", "'lower' is a filter: text | lower")]),
    ("⟦todya⟧() == today()", [("FR211", "there is no function 'todya'", "did you mean 'today'?")]),
    ("deal.renewal_on == ⟦today⟧", [("FR211", "'today' is a function", "write today()")]),
    # FR212: arguments
    ("⟦deal.amount|round⟧ > 1", [("FR212", "'round' takes one argument; found 0", "write number | round(places)")]),
    ("deal.amount|round(⟦7⟧) > 1", [("FR212", "'round' takes a number of places, 0 to 6; found 7", None)]),
    (
        "deal.amount|round(⟦deal.seats⟧) > 1",
        [("FR212", "'round' takes a number of places, 0 to 6; found deal.seats", None)],
    ),
    ("deal.amount|default(value=⟦1⟧) > 1", [("FR212", "'value=': arguments have no names here", "leave the name out")]),
    ("⟦today(1)⟧ == deal.renewal_on", [("FR212", "'today' takes no argument; found 1", "write today()")]),
    (
        "date(2026, 1, ⟦deal.seats⟧) == today()",
        [("FR212", "'date' takes three integers, for example date(2026, 12, 31)", None)],
    ),
    ("deal.renewal_on > today() + days(⟦1.5⟧)", [("FR212", "'days' takes an integer; 1.5 is a decimal", None)]),
    # FR213: operands
    (
        "⟦deal.amount⟧ and deal.paid",
        [("FR213", "'and' takes what is true or false; deal.amount is a decimal", "compare it: deal.amount > 0")],
    ),
    (
        "not ⟦deal.account⟧",
        [
            (
                "FR213",
                "'not' takes what is true or false; deal.account is a text",
                "compare it, or write: deal.account is not none",
            )
        ],
    ),
    ("⟦deal.account⟧ + 1 == 2", [("FR213", "'+' takes numbers; deal.account is a text", "join texts with ~")]),
    (
        "deal.account ~ ⟦deal.seats⟧ == 'x'",
        [
            (
                "FR213",
                "'~' joins texts; deal.seats is an integer",
                "a value in 'set' writes anything: \"{{ a }} {{ b }}\"",
            )
        ],
    ),
    ("⟦deal.amount⟧|lower == 'x'", [("FR213", "'lower' takes a text; deal.amount is a decimal", "write text | lower")]),
    (
        "deal.renewal_on + ⟦30⟧ > today()",
        [("FR213", "only days(n) can be added to a date; 30 is an integer", "write days(30) or hours(30)")],
    ),
    (
        "today() - ⟦deal.renewal_on⟧ > 3",
        [
            (
                "FR213",
                "only days(n) can be added to a date; deal.renewal_on is a date",
                "compare dates instead: deal.due < today() - days(30)",
            )
        ],
    ),
    (
        "deal.call_at + ⟦days(1)⟧ == deal.call_at",
        [
            (
                "FR213",
                "a datetime moves by hours(n) or minutes(n), not by days(n)",
                "a datetime moves by exact time: 24 hours, hours(24)",
            )
        ],
    ),
    (
        "⟦days(1)⟧ + today() == today()",
        [("FR213", "'days(n)' stands only right of + or - after a date", "write date + days(n)")],
    ),
    (
        "'x' in ⟦deal.seats⟧",
        [
            (
                "FR213",
                "right of 'in' stands a list, a text or tags; deal.seats is an integer",
                "write [deal.seats], or '=='",
            )
        ],
    ),
    ("deal.tags + ⟦'vip'⟧ == none", [("FR213", "to tags a list is added; 'vip' is a text", "write ['vip']")]),
    ("deal.seats == ⟦[1]⟧", [("FR213", "a list of these stands only right of 'in' and 'not in'", None)]),
    (
        "(⟦'a' if deal.paid else 1⟧) == 'a'",
        [("FR213", "'if' and 'else' give one type; found a text and an integer", None)],
    ),
    (
        "deal.amount + ⟦deal.seats is none⟧",
        [
            (
                "FR213",
                "'+' takes numbers; deal.seats is none is a boolean",
                "a test takes what is next to it; write brackets: (a + b) is none",
            )
        ],
    ),
    # FR214: comparisons
    (
        "⟦deal.amount > '5'⟧",
        [("FR214", "cannot compare deal.amount (a decimal) with '5' (a text)", "write it without quotes")],
    ),
    (
        "⟦deal.call_at == today()⟧",
        [
            (
                "FR214",
                "cannot compare deal.call_at (a datetime) with today() (a date)",
                "compare its date: deal.call_at | date",
            )
        ],
    ),
    (
        "⟦deal.renewal_on == '2026-12-31'⟧",
        [
            (
                "FR214",
                "cannot compare deal.renewal_on (a date) with '2026-12-31' (a text)",
                "a date is written date(2026, 12, 31)",
            )
        ],
    ),
    (
        "⟦deal.tags == 'vip'⟧",
        [("FR214", "cannot compare deal.tags (tags) with 'vip' (a text)", "write: 'vip' in deal.tags")],
    ),
    (
        "⟦deal.account == 7⟧",
        [("FR214", "cannot compare deal.account (a text) with 7 (an integer)", "a text is written in quotes: '7'")],
    ),
    ("deal.seats > ⟦none⟧", [("FR214", "'>' needs an order, and none has none", "write 'is none'")]),
    ("⟦deal.source⟧ < 'web'", [("FR214", "'<' needs an order, and an enum has none", "compare with == or 'in'")]),
    ("⟦deal.source == deal.channel⟧", [("FR214", "deal.source and deal.channel have no value in common", None)]),
    ("⟦deal.seats⟧ in deal.tags", [("FR214", "tags contains texts; deal.seats is an integer", None)]),
    (
        "⟦deal.seats in ['a'⟧]",
        [("FR214", "cannot compare deal.seats (an integer) with 'a' (a text)", "write it without quotes")],
    ),
    # FR215: enums
    ("deal.source == ⟦'wbe'⟧", [("FR215", "deal.source never is 'wbe'", "did you mean 'web'?")]),
    ("deal.source in ['web', ⟦'x'⟧]", [("FR215", "deal.source never is 'x'", "its values are web, ads, partner")]),
    ("deal.stage == ⟦'sales.wom'⟧", [("FR215", "deal.stage never is 'sales.wom'", "did you mean 'sales.won'?")]),
    ("deal.pipeline != ⟦'sale'⟧", [("FR215", "deal.pipeline never is 'sale'", "did you mean 'sales'?")]),
    (
        "deal.source == ('web' if deal.paid else ⟦'no'⟧)",
        [("FR215", "deal.source never is 'no'", "its values are web, ads, partner")],
    ),
    # FR216: places
    (
        "deal.amount > ⟦1.234⟧",
        [
            (
                "FR216",
                "1.234 has more decimal places than deal.amount, which has 2 decimal places",
                "write a number with 2 decimal places",
            )
        ],
    ),
    (
        "deal.seats in [1, ⟦2.5⟧]",
        [("FR216", "2.5 has more decimal places than deal.seats, which has none", "write a number with none")],
    ),
    # FR217: literals
    (
        "deal.seats > ⟦99999999999999999999⟧",
        [("FR217", "99999999999999999999 is too large; an integer has at most 64 bits", None)],
    ),
    (
        "deal.seats > ⟦" + "9" * 4000 + "⟧",
        [("FR217", "9" * 29 + "… is too large; an integer has at most 64 bits", None)],
    ),
    (
        "deal.amount > ⟦1e5⟧",
        [("FR217", "'1e5' is no number", "write digits and a point only, for example 1000000 or 0.5")],
    ),
    (
        "deal.seats > ⟦1_000⟧",
        [("FR217", "'1_000' is no number", "write digits and a point only, for example 1000000 or 0.5")],
    ),
    (
        "deal.seats == ⟦007⟧",
        [("FR217", "'007' starts with a 0", "write the number without it, or in quotes for a text")],
    ),
    ("deal.amount > ⟦0.1234567⟧", [("FR217", "0.1234567 has 7 decimal places; at most 6 are possible", None)]),
    (
        "deal.amount > ⟦1234567890123456.789⟧",
        [("FR217", "1234567890123456.789 is too large; a decimal has at most 18 digits in all", None)],
    ),
    ("deal.renewal_on > ⟦date(2026, 2, 30)⟧", [("FR217", "there is no day date(2026, 2, 30)", None)]),
    (
        r"deal.account == 'a⟦\d⟧'",
        [("FR217", r"'\d' is no escape", r"write \\ for a backslash, or one of \n \t \u0416")],
    ),
    (r"deal.account == '⟦\x00⟧'", [("FR217", r"'\x00' is no character that a text may have", None)]),
    (r"deal.account == '⟦\ud800⟧'", [("FR217", r"'\ud800' is no character that a text may have", None)]),
    # FR218: lists
    (
        "deal.account in ['a', ⟦deal.title⟧]",
        [("FR218", "a list holds literals; deal.title is none", "compare with it instead: a == b or a == c")],
    ),
    # FR219: overflow
    (
        "⟦999999999999999999 * 10⟧ > 1",
        [("FR219", "999999999999999999 * 10 always overflows: it goes beyond 18 digits", None)],
    ),
    ("deal.seats + ⟦vars.huge⟧ > 1", [("FR219", "vars.huge always overflows: it goes beyond 18 digits", None)]),
    (
        "⟦deal.rate * deal.rate⟧ > 1",
        [
            (
                "FR219",
                "this product has 8 decimal places; at most 6 are possible",
                "round a factor first: (a * b) | round(2) * c",
            )
        ],
    ),
    (
        "⟦date(9999, 12, 31) + days(1)⟧ > today()",
        [("FR219", "date(9999, 12, 31) + days(1) always overflows: it goes beyond the years 1 to 9999", None)],
    ),
    # FR220: no condition
    ("⟦deal.amount⟧", [("FR220", "a condition is true or false; this is a decimal", "compare it: deal.amount > 0")]),
    ("⟦none⟧", [("FR220", "a condition is true or false; this is none", None)]),
    # Everything at once, in the order of the text
    (
        "deal.⟦amuont⟧ > 5 ⟦&&⟧ (⟦deal.seats == 'x'⟧ or ⟦foo⟧)",
        [
            ("FR203", "a deal has no field 'amuont'", "did you mean 'amount'?"),
            ("FR207", "'&&' is no operator here; write 'and'", None),
            ("FR214", "cannot compare deal.seats (an integer) with 'x' (a text)", "write it without quotes"),
            (
                "FR205",
                "there is no 'foo' here; expected deal.<field> or vars.<name>",
                "a text is written in quotes: 'foo'",
            ),
        ],
    ),
]

TEMPLATES: list[tuple[str, Type, list[tuple[str, str, str | None]]]] = [
    (
        "a {{ deal.⟦x⟧ }} b {{ deal.⟦y⟧ }}",
        TEXT,
        [("FR203", "a deal has no field 'x'", None), ("FR203", "a deal has no field 'y'", None)],
    ),
    ("⟦{{⟧ deal.title", TEXT, [("FR208", "'{{' has no closing '}}'", None)]),
    (
        "⟦{%⟧ if x %}{{ deal.⟦y⟧ }}",
        TEXT,
        [
            (
                "FR208",
                "'{%': statements have no place in a template",
                "write {{ expression }}; a literal one is {{ '{%' }}",
            ),
            ("FR203", "a deal has no field 'y'", None),
        ],
    ),
    (
        "⟦{#⟧ note #}",
        TEXT,
        [
            (
                "FR208",
                "'{#': comments have no place in a template",
                "write {{ expression }}; a literal one is {{ '{#' }}",
            )
        ],
    ),
    ("{{ ⟦{{⟧ deal.title }}", TEXT, [("FR208", "'{{' inside of braces", "a literal one is {{ '{{' }}")]),
    ("{{⟦⟧}}", TEXT, [("FR201", "there is no expression here", None)]),
    (
        "⟦{{-⟧ deal.title }}",
        TEXT,
        [("FR206", "'{{-' is not part of the language", "write '{{'; no white space is removed")],
    ),
    (
        "{{ deal.title ~⟦⟧}} {{ deal.⟦y⟧ }}",
        TEXT,
        [
            ("FR201", "the expression ends too early; expected a value", None),
            ("FR203", "a deal has no field 'y'", None),
        ],
    ),
    (
        "⟦{{ deal.seats }}0⟧",
        INTEGER,
        [("FR221", "text around '{{ }}' makes a text; the field is an integer", "write one {{ expression }} alone")],
    ),
    (
        "{{ ⟦deal.amount⟧ }}",
        INTEGER,
        [("FR221", "the field is an integer; deal.amount is a decimal", "round it: (deal.amount) | round(0)")],
    ),
    ("{{ ⟦deal.account⟧ }}", decimal(2), [("FR221", "the field is a decimal; deal.account is a text", None)]),
    (
        "{{ ⟦deal.call_at⟧ }}",
        DATE,
        [("FR221", "the field is a date; deal.call_at is a datetime", "take its date: (deal.call_at) | date")],
    ),
    ("{{ ⟦today()⟧ }}", DATETIME, [("FR221", "the field is a datetime; today() is a date", None)]),
    ("{{ ⟦deal.seats⟧ }}", BOOLEAN, [("FR221", "the field is a boolean; deal.seats is an integer", None)]),
    ("{{ ⟦'a'⟧ }}", TAGS, [("FR221", "the field is tags; 'a' is a text", None)]),
    (
        "{{ ⟦deal.account⟧ }}",
        enum("a", "b"),
        [("FR221", "the field is an enum; deal.account is a text and may be anything", "its values are a, b")],
    ),
    (
        "{{ 'a' if deal.paid else ⟦'c'⟧ }}",
        enum("a", "b"),
        [("FR215", "the field has no value 'c'", "its values are a, b")],
    ),
    (
        "{{ ⟦deal.source⟧ }}",
        enum("web", "ads"),
        [("FR215", "the field has no value 'partner'", "its values are web, ads")],
    ),
    (
        "⟦{{ 'a' }}" + "b" * 4096 + "⟧",
        TEXT,
        [("FR202", "4,105 characters are too many; a template has at most 4,096", None)],
    ),
]


def told(problems: tuple[Problem, ...]) -> list[tuple[str, str, str | None]]:
    return [(problem.code, problem.message, problem.help) for problem in problems]


@pytest.mark.parametrize(("text", "expected"), CONDITIONS, ids=[case[0][:50] for case in CONDITIONS])
def test_condition(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    plain, places = marked(text)
    expression, problems = parse_condition(plain, NAMES)
    assert expression is None
    assert told(problems) == expected
    assert [(problem.start, problem.end) for problem in problems] == places


@pytest.mark.parametrize(("text", "target", "expected"), TEMPLATES, ids=[case[0][:50] for case in TEMPLATES])
def test_template(text: str, target: Type, expected: list[tuple[str, str, str | None]]) -> None:
    plain, places = marked(text)
    template, problems = parse_template(plain, NAMES, target)
    assert template is None
    assert told(problems) == expected
    assert [(problem.start, problem.end) for problem in problems] == places


def test_every_code_has_a_case() -> None:
    covered = {code for _, expected in CONDITIONS for code, _, _ in expected}
    covered |= {code for _, _, expected in TEMPLATES for code, _, _ in expected}
    assert covered == set(CODES)


def test_messages_are_one_line() -> None:
    for text, _ in CONDITIONS:
        for problem in parse_condition(marked(text)[0].replace(" ", "\n"), NAMES)[1]:
            assert "\n" not in problem.message + (problem.help or "")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\t\t", "\u2028"])
@pytest.mark.parametrize("word", ["a", "Ж", "😀", "e\u0301"])
def test_offsets_count_characters_of_the_text_as_it_is(newline: str, word: str) -> None:
    text = newline.join(["deal.account == '" + word, "'", "and deal.paid", "or deal.nope", "or '" + word + "' == 1"])
    expression, problems = parse_condition(text, NAMES)
    assert expression is None
    assert [text[problem.start : problem.end] for problem in problems] == ["nope", f"'{word}' == 1"]
