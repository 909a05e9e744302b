"""Whatever the files hold: `validate` says what and where, soon, in little memory, with exit 1, and writes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.limits import permissions, powerless
from tests.acceptance.place import Done, Place

PATIENCE = 30.0
MEBIBYTES = 300.0

HEAD = """\
flowrun: 1
project: bad
fields: {amount: decimal, note: text, on: date, call_at: datetime, paid: boolean, seats: integer, tags: tags}
pipelines: {sales: {stages: [new, {id: won, outcome: won}]}}
"""
TUNNEL = "  {id}: {{from: sales.new, to: sales.won, action: move, {rest}}}\n"


class Bad(NamedTuple):
    """What stands in `flows/x.yaml`, and the finding that there must be: its code, line and column."""

    content: str | bytes
    code: str
    line: int
    column: int


def after(text: str, code: str, line: int, column: int) -> Bad:
    """Something after a good beginning; the line counts from there."""
    return Bad(HEAD + text, code, 4 + line, column)


def tunnel(rest: str, code: str, column: int) -> Bad:
    """A tunnel; the column counts from the beginning of `rest`."""
    line = TUNNEL.format(id="t", rest=rest)
    return after("tunnels:\n" + line, code, 2, line.index(rest) + column)


def when(condition: str, code: str, column: int) -> Bad:
    """A condition of its own line; the column counts within it."""
    lines = "tunnels:\n  t:\n    from: sales.new\n    to: sales.won\n    action: move\n    when: "
    return after(f"{lines}{json.dumps(condition)}\n", code, 6, 11 + column)


def aliases() -> str:
    lines = ["x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines) + "\n"


def merges() -> str:
    lines = ["m0: &m0 {a: b}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    return "\n".join(lines) + "\n"


FILES = {
    "an alias bomb": after(aliases(), "FR127", 5, 45),
    "a merge key bomb": after(merges(), "FR122", 2, 10),
    "one merge key": after("m: {<<: {a: b}}\n", "FR122", 1, 5),
    "a list nested 100,000 deep": after("x: " + "[" * 100_000 + "]" * 100_000 + "\n", "FR128", 1, 43),
    "a mapping nested 100,000 deep": after("x: " + "{a: " * 100_000 + "}" * 100_000 + "\n", "FR128", 1, 160),
    "100,000 dashes": after("x:\n" + "- " * 100_000 + "\n", "FR128", 2, 79),
    "100,000 question marks": after("? " * 100_000 + "\n", "FR128", 1, 81),
    "never closed": after("x: " + "[" * 100_000, "FR128", 1, 43),
    "a tag of Python": after("x: !!python/object/apply:os.system ['touch gone']\n", "FR121", 1, 4),
    "a tag of one's own": after("x: !secret y\n", "FR121", 1, 4),
    "a duplicate key": after("project: worse\n", "FR120", 1, 1),
    "a duplicate tunnel": after("tunnels:\n" + TUNNEL.format(id="t", rest="after: 1d") * 2, "FR120", 3, 3),
    "a sexagesimal number": after("limits: {max_hops: 1:30}\n", "FR404", 1, 20),
    "a sexagesimal time without quotes is a text": tunnel("at: {field: on, time: 9:61}", "FR405", 23),
    "a number of 5,000 digits": after(f"limits: {{max_hops: {'9' * 5_000}}}\n", "FR404", 1, 20),
    "a variable of 5,000 digits": after(f"vars: {{v: {{type: decimal, default: {'9' * 5_000}}}}}\n", "FR409", 1, 36),
    "a variable of a huge exponent": after("vars: {v: {type: decimal, default: 1e999999999}}\n", "FR409", 1, 36),
    "an octal number": after("limits: {max_hops: 0x10}\n", "FR404", 1, 20),
    "a day that is none": tunnel("set: {on: 2026-02-30}", "FR409", 11),
    "a moment that is none": tunnel("set: {call_at: '2026-03-06T24:30'}", "FR409", 16),
    "a NUL": after("# \0\n", "FR004", 1, 3),
    "an escaped NUL": tunnel('set: {note: "a\\0b"}', "FR129", 15),
    "an escaped lone surrogate": tunnel('set: {note: "\\ud800"}', "FR108", 14),
    "a lone surrogate in bytes": Bad(HEAD.encode() + b"# \xed\xa0\x80\n", "FR003", 5, 3),
    "an id that turns around": after('tunnels:\n  "t\u202ex": {from: sales.new}\n', "FR406", 2, 3),
    "an id with a gap of no width": after("tunnels:\n  t\u200bx: {from: sales.new}\n", "FR406", 2, 3),
    "a name with a line break": Bad('flowrun: 1\npipelines:\n  p: {name: "a\\nb", stages: [s]}\n', "FR407", 3, 15),
    "UTF-16": Bad(HEAD.encode("utf-16"), "FR002", 1, 1),
    "UTF-16 without a mark": Bad(HEAD.encode("utf-16-le"), "FR002", 1, 1),
    "UTF-32": Bad(HEAD.encode("utf-32"), "FR002", 1, 1),
    "Latin-1": Bad(HEAD.encode() + "# Müller\n".encode("latin-1"), "FR003", 5, 4),
    "a cut-off character": Bad(HEAD.encode() + "# ü".encode()[:-1], "FR003", 5, 3),
    "more than 1 MiB": after("# " + "x" * (1 << 20) + "\n", "FR001", -3, 1),
    "an empty file": Bad("", "FR016", 1, 1),
    "only a comment": Bad("# later\n", "FR016", 1, 1),
    "a text": Bad("hello\n", "FR403", 1, 1),
    "two documents": after("---\n" + HEAD, "FR112", 1, 1),
    "50,000 anchors": after(f"x: [{', '.join(f'&a{n} b' for n in range(50_000))}]\n", "FR401", 1, 1),
    "200 aliases": after(f"x: &a b\ny: [{', '.join(['*a'] * 200)}]\n", "FR126", 2, 405),
    "an alias in itself": after("x: &a [*a]\n", "FR125", 1, 8),
    "200,000 values": after(f"x: [{'a,' * 200_000}]\n", "FR127", 1, 199_935),
    "a key of a megabyte": after("a" * 900_000 + ": b\n", "FR104", 1, 1),
    "250,000 folded lines": after("x: >\n" + "  a\n" * 250_000, "FR401", 1, 1),
    "10,000 terms": when(" or ".join(["deal.paid"] * 10_000), "FR202", 1),
    "5,000 parentheses": when("(" * 5_000 + "deal.paid" + ")" * 5_000, "FR202", 1),
    "1,500 parentheses": when("(" * 1_500 + "deal.paid" + ")" * 1_500, "FR202", 41),
    "4,000 signs": when("-" * 4_000 + "1 > 2", "FR202", 41),
    "1,000 times not": when("not " * 1_000 + "deal.paid", "FR202", 161),
    "300 times if": when("deal.paid if " * 300 + "deal.paid", "FR202", 531),
    "a power of powers": when("2**3**2 > 1", "FR206", 2),
    "a power of digits": when("9**9**9**9 > deal.amount", "FR206", 2),
    "a text of two gigabytes": when("'a'*(2*10**9) == deal.note", "FR206", 10),
    "a number of 3,000 digits in a condition": when(f"deal.amount > {'9' * 3_000}", "FR217", 15),
}

CONDITIONS = [
    ("deal.amuont > 1", "FR203", 6),
    ("deal.paid or deal.amuont > 1", "FR203", 19),
    ("true or deal.amuont > 1", "FR203", 14),
    ("false and deal.amuont > 1", "FR203", 16),
    ("deal.paid if true else deal.piad", "FR203", 29),
    ("deal.paid and vars.bgi > 1", "FR204", 20),
    ("deal.amount | aps > 1", "FR209", 15),
    ("deal.note is startswith('a')", "FR210", 14),
    ("tody() > deal.on", "FR211", 1),
    ("deal.amount > '1'", "FR214", 1),
    ("deal.note > 1", "FR214", 1),
    ("deal.paid == 1", "FR214", 1),
    ("deal.on < deal.call_at", "FR214", 1),
    ("deal.amount == 1.234", "FR216", 16),
    ("deal.stage == 'sales.wno'", "FR215", 15),
    ("deal.seats", "FR220", 1),
    ("deal.on + 5 > today()", "FR213", 11),
    ("deal.on == date(2026, 2, 30)", "FR217", 12),
    ("deal.amount = 1", "FR207", 13),
    ("deal.paid && deal.paid", "FR207", 11),
    ("deal.paid || deal.paid", "FR207", 11),
    ("!deal.paid", "FR207", 1),
    ("deal.amount <> 1", "FR207", 13),
    ("deal.amount === 1", "FR207", 13),
    ("{{ deal.paid }}", "FR208", 1),
    ("{% if deal.paid %}", "FR208", 1),
    ("{# why #} deal.paid", "FR208", 1),
    ("deal.__class__ == 'x'", "FR203", 6),
    ("deal.note.__class__ == 'x'", "FR206", 1),
    ("''.__class__.__mro__[1] == 'x'", "FR206", 1),
    ("deal.note.upper() == 'A'", "FR206", 1),
    ("deal['amount'] > 1", "FR205", 1),
    ("self.x", "FR205", 1),
    ("cycler == 1", "FR205", 1),
    ("range(10)", "FR211", 1),
    ("now() > deal.call_at", "FR206", 1),
    ("deal.amount / 2 > 1", "FR206", 13),
    ("deal.amount // 2 > 1", "FR206", 13),
    ("'%s' % deal.note == 'a'", "FR206", 6),
    ("deal.paid ? 1 : 2", "FR206", 11),
    ("deal.paid;", "FR201", 10),
    ("lambda x: x", "FR201", 8),
    ("deal.note == 'open", "FR201", 14),
    ("deal.paid # a comment", "FR201", 11),
    ("1 <", "FR201", 4),
    ("1e5 > deal.amount", "FR217", 1),
    ("0x10 > deal.amount", "FR217", 1),
    ("1_000 > deal.amount", "FR217", 1),
    ("deal.seats > 99999999999999999999", "FR217", 14),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "flows").mkdir()
    return Place(tmp_path)


def bounded(place: Place, *arguments: str, **more: Any) -> Done:
    """`validate` within its bounds. Two seconds are the promise (`tests/bench/bad_input.py` times it); here a file must
    only not hang or blow up, whatever else the machine does."""
    before = sorted(place.folder.rglob("*"))
    done = place.run("validate", *arguments, measured=False, patience=PATIENCE, **more)
    assert done.peak < MEBIBYTES, done
    assert "Traceback" not in done.err
    assert "defect" not in done.err
    assert sorted(place.folder.rglob("*")) == before, "it wrote something"
    return done


def findings(done: Done) -> list[tuple[str, str, int, int]]:
    """The code and place of each finding of a run that failed."""
    assert done.status == 1, done
    document = done.json
    assert document["version"] == 1
    assert document["ok"] is False
    for one in document["diagnostics"]:
        assert "\n" not in one["message"]
        assert one["message"]
    return [(one["code"], one["file"], one["line"], one["column"]) for one in document["diagnostics"]]


@pytest.mark.parametrize("bad", FILES.values(), ids=FILES.keys())
def test_a_file(place: Place, bad: Bad) -> None:
    place.write("flows/x.yaml", bad.content)
    found = findings(bounded(place, "--format", "json"))
    assert (bad.code, "flows/x.yaml", bad.line, bad.column) in found


def test_every_condition_is_judged_in_one_run(place: Place) -> None:
    tunnels = [f"  t{n}:\n    from: sales.new\n    to: sales.won\n    action: move\n    when: " for n in range(99)]
    text = HEAD + "tunnels:\n"
    expected = []
    for start, (condition, code, column) in zip(tunnels, CONDITIONS, strict=False):
        text += f"{start}{json.dumps(condition)}\n"
        expected.append((condition, code, text.count("\n"), 11 + column))
    place.write("flows/x.yaml", text)
    found = {(code, line, column) for code, _, line, column in findings(bounded(place, "--format", "json"))}
    assert [one for one in expected if one[1:] not in found] == []


@pytest.mark.parametrize("name", ["10,000 terms", "a NUL", "an alias bomb", "UTF-16", "an id that turns around"])
def test_the_text_shows_where(place: Place, name: str) -> None:
    bad = FILES[name]
    place.write("flows/x.yaml", bad.content)
    done = bounded(place)
    assert done.status == 1
    assert done.out == ""
    assert f"[{bad.code}]: " in done.err
    assert f" --> flows/x.yaml:{bad.line}:{bad.column}\n" in done.err
    assert max(map(len, done.err.splitlines())) < 300
    assert not set(done.err) & {"\0", "\u202e", "\ufffe"}, "nothing of it reaches the terminal raw"


def folder_for_file(flows: Path) -> None:
    (flows / "x.yaml").mkdir()


def pipe_for_file(flows: Path) -> None:
    os.mkfifo(flows / "x.yaml")


def nothing(flows: Path) -> None:
    (flows / "readme.txt").touch()


def missing(flows: Path) -> None:
    flows.rmdir()


def file_for_folder(flows: Path) -> None:
    flows.rmdir()
    flows.touch()


def link_to_nothing(flows: Path) -> None:
    (flows / "x.yaml").symlink_to("y.yaml")


def link_in_a_ring(flows: Path) -> None:
    (flows / "x.yaml").symlink_to("x.yaml")


def folder_in_itself(flows: Path) -> None:
    (flows / "x").symlink_to(flows)


def device(flows: Path) -> None:
    (flows / "x.yaml").symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "code", "where"),
    [
        (folder_for_file, "FR011", "flows/x.yaml"),
        (pipe_for_file, "FR011", "flows/x.yaml"),
        (device, "FR011", "flows/x.yaml"),
        (nothing, "FR013", "flows"),
        (missing, "FR010", "flows"),
        (file_for_folder, "FR011", "flows"),
        (link_to_nothing, "FR012", "flows/x.yaml"),
        (link_in_a_ring, "FR012", "flows/x.yaml"),
        (folder_in_itself, "FR015", "flows/x"),
    ],
)
def test_what_is_no_file(place: Place, make: Callable[[Path], None], code: str, where: str) -> None:
    make(place.folder / "flows")
    assert (code, where, 1, 1) in findings(bounded(place, "--format", "json"))


@permissions
def test_a_file_that_may_not_be_read(place: Place) -> None:
    place.write("flows/x.yaml", HEAD).chmod(0)
    assert ("FR012", "flows/x.yaml", 1, 1) in findings(bounded(place, "--format", "json", limits=powerless))


@permissions
def test_a_folder_that_may_not_be_read(place: Place) -> None:
    (place.folder / "flows").chmod(0)
    done = place.run("validate", "--format", "json", limits=powerless, patience=20)
    (place.folder / "flows").chmod(0o755)
    assert ("FR012", "flows", 1, 1) in findings(done)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEAD.encode(),
        HEAD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode(),
        HEAD.rstrip("\n").encode(),
        ("---\n" + HEAD + "...\n").encode(),
        (HEAD + "# " + "x" * 1_000_000 + "\n").encode(),
    ],
    ids=["BOM", "CRLF", "BOM and CRLF", "no last line break", "document marks", "almost 1 MiB"],
)
def test_what_is_fine(place: Place, content: bytes) -> None:
    place.write("flows/x.yaml", content)
    assert bounded(place, "--strict").status == 0


@pytest.mark.parametrize("name", ["an alias bomb", "UTF-16", "a list nested 100,000 deep", "an empty file"])
def test_standard_input_is_bounded_too(place: Place, name: str) -> None:
    content = FILES[name].content
    given = content if isinstance(content, bytes) else content.encode()
    found = findings(bounded(place, "-", "--format", "json", stdin=given))
    assert (FILES[name].code, "<stdin>", FILES[name].line, FILES[name].column) in found


@pytest.mark.parametrize("command", ["diff", "apply", "graph"])
def test_other_commands_refuse_the_files_alike(place: Place, command: str) -> None:
    place.write("flows/x.yaml", FILES["an alias bomb"].content)
    done = place.run(command, patience=20)
    assert done.status == 1
    assert done.out == ""
    assert "error[FR127]: " in done.err
    assert [path.name for path in place.folder.iterdir()] == ["flows"]
