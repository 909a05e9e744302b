"""How long `validate` takes to answer the worst files there are, and with how much memory.

    python tests/bench/bad_input.py

Runs each file of `tests/acceptance/test_bad_input.py` in a process of its own and prints the slowest. The goal is 2 s
and 300 MiB whatever the file, on a machine that does nothing else.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LISTED = 5


def main() -> None:
    """Print the figures."""
    sys.path.insert(0, str(ROOT))
    from tests.acceptance.place import Place
    from tests.acceptance.test_bad_input import FILES

    figures = []
    for name, bad in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            place = Place(Path(folder))
            place.write("flows/x.yaml", bad.content)
            done = place.run("validate", "--format", "json", measured=False)
            figures.append((done.seconds, done.peak, name))
    for seconds, peak, name in sorted(figures, reverse=True)[:LISTED]:
        print(f"{seconds:.2f} s, {peak:.0f} MiB: {name}")
    print(f"{len(figures)} files: at most {max(figures)[0]:.2f} s, {max(peak for _, peak, _ in figures):.0f} MiB")


if __name__ == "__main__":
    main()
