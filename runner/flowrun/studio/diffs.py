"""What differs between two states of files, as unified diffs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

_AROUND = 3
_NOTHING = "/dev/null"


def differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, str]:
    """A diff for each file that is not the same in both, by its path, in path order."""
    paths = sorted({*before, *after})
    both = ((path, before.get(path), after.get(path)) for path in paths)
    return {path: difference(path, old, new) for path, old, new in both if old != new}


def difference(path: str, before: bytes | None, after: bytes | None) -> str:
    """The diff of one file; None: it is not there."""
    old, new = _lines(before or b""), _lines(after or b"")
    begin = _alike(old, new)
    end = _alike(old[begin:][::-1], new[begin:][::-1])
    begin, end = max(0, begin - _AROUND), max(0, end - _AROUND)
    matcher = SequenceMatcher(None, old[begin : len(old) - end], new[begin : len(new) - end], autojunk=False)
    names = (_NOTHING if before is None else f"a/{path}", _NOTHING if after is None else f"b/{path}")
    parts = [f"--- {names[0]}\n+++ {names[1]}\n"]
    for group in matcher.get_grouped_opcodes(_AROUND):
        first, last = group[0], group[-1]
        spans = _span(first[1] + begin, last[2] + begin), _span(first[3] + begin, last[4] + begin)
        parts.append(f"@@ -{spans[0]} +{spans[1]} @@\n")
        for tag, i, j, k, m in group:
            parts += _marked(" " if tag == "equal" else "-", old[i + begin : j + begin])
            parts += _marked("+", new[k + begin : m + begin]) if tag != "equal" else []
    return "".join(parts)


def _lines(data: bytes) -> list[str]:
    """The lines with their ends."""
    text = data.decode("utf-8", "replace")
    lines = [one + "\n" for one in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _alike(old: list[str], new: list[str]) -> int:
    """How many lines are the same from the beginning."""
    both = zip(old, new, strict=False)
    return next((at for at, (one, other) in enumerate(both) if one != other), min(len(old), len(new)))


def _span(start: int, end: int) -> str:
    length = end - start
    return str(start + 1) if length == 1 else f"{start + 1 if length else start},{length}"


def _marked(sign: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
