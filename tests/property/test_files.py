"""Random files and random edits: what was ordered comes back as it is, and every other row is there byte for byte."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.sources.interface import Done, Record
from tests.unit.sources.files.place import Ground, copy, move

EXAMPLES = int(os.environ.get("FLOWRUN_FILES_EXAMPLES", "100"))

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from('",;\n\t =+-@'), max_size=8
)
breaks = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def rows(draw: st.DrawFn, delimiter: str, id_: str) -> str:
    """A row as somebody may write it: cells quoted or not, spaces before them, any line end."""
    stage = draw(st.sampled_from(["sales.new", '"sales.new"', " sales.new "]))
    cells = [draw(st.sampled_from([id_, f'"{id_}"', f" {id_}"])), stage]
    for _ in range(2):
        text = draw(texts)
        bare = (
            draw(st.booleans()) and not any(sign in text for sign in f'"\r\n{delimiter}') and not text.startswith(" ")
        )
        cells.append(text if bare else '"' + text.replace('"', '""') + '"')
    return delimiter.join(cells) + draw(breaks)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_rows_that_no_order_names_stay_byte_for_byte(data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from([",", ";", "\t", "|"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    count = data.draw(st.integers(1, 6))
    written = [data.draw(rows(delimiter, f"d{number}")) for number in range(count)]
    if data.draw(st.booleans()):
        written[-1] = written[-1].rstrip("\r\n") or written[-1]
    head = delimiter.join(["id", "at", "title", "note"]) + data.draw(breaks)
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder))
        ground.write((head + "".join(written)).encode(encoding))
        known = {change.id: change for change in ground.changes() if isinstance(change, Record)}
        assert set(known) == {f"d{number}" for number in range(count)}
        title = data.draw(texts)
        chosen = data.draw(st.integers(0, count - 1))
        done = ground.perform(move(f"d{chosen}", title=title or None), copy("d0", "d0~1", title=title or None))
        assert done == [Done(f"d{chosen}"), Done("d0~1")]
        after = ground.bytes().decode(encoding)
        assert ground.bytes()[:3] == (head + "x").encode(encoding)[:3]
        expected = head + "".join(written[:chosen])
        assert after.startswith(expected)
        assert "".join(written[chosen + 1 :]) in after[len(expected) :]
        found = {change.id: change for change in ground.changes() if isinstance(change, Record)}
        assert set(found) == {f"d{chosen}", "d0~1"}, "no other row has changed"
        for id_ in found:
            assert (found[id_].fields["title"] or "") == title.strip()
        table = [row for row in csv.reader(io.StringIO(after, newline=""), delimiter=delimiter) if row]
        assert len(table) == count + 2
        assert found[f"d{chosen}"].stage == "sales.offer"


def test_digits_stay_as_they_are_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder))
        ground.write("id,at,amount\na,sales.new,007.10\n")
        ground.changes()
        assert ground.perform(move("a", amount=Decimal("7.1"))) == [Done("a")]
        assert ground.text() == "id,at,amount\na,sales.offer,007.10\n"
