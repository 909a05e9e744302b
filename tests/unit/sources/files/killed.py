"""A process that has itself killed (SIGKILL) before every line that a rewriting runs, and looks at what is left.

`python -m tests.unit.sources.files.killed FOLDER` prints a JSON list: what was found after each death, null where all
is well. It is a process of its own, since it forks.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from flowrun.sources.files import rewriting
from flowrun.sources.interface import Done, NotDone, Outcome
from tests.unit.sources.files.place import Ground, copy, move

BEFORE = 'id,at,title\r\n"a","sales.new","Acme"\r\nb,sales.new,\r\nc,sales.won,"x\r\ny"'
AFTER = (
    'id,at,title\r\n"a","sales.offer","Acme, Ltd"\r\nb,sales.new,\r\nc,sales.won,"x\r\ny"\r\na~1,support.open,"Acme"'
)
ORDERS = (move("a", title="Acme, Ltd"), copy("a", "a~1", title="Acme"))


def dying(at: int) -> Any:
    """A tracer that kills the process before the line of that number."""
    left = at

    def line(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if event == "line":
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        return line

    def call(frame: FrameType, _event: str, _argument: object) -> Any:
        return line if frame.f_code.co_filename == rewriting.__file__ else None

    return call


def killed(ground: Ground, at: int) -> bool:
    """Perform the orders in a process that dies at that line; whether it got that far."""
    process = os.fork()
    if process == 0:
        sys.settrace(dying(at))
        ground.perform(*ORDERS)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def wrong(ground: Ground) -> str | None:
    """What is wrong with what a dead process left, or None."""
    content = ground.text()
    if content not in {BEFORE, AFTER}:
        return f"the file is neither the old nor the new one: {content!r}"
    if more := [name for name in ground.names() if name != "deals.csv" and not name.startswith(".deals.csv.")]:
        return f"files that anybody may take for deals: {more}"
    ground.restarted()
    expected: list[Outcome] = [Done("a"), Done("a~1")] if content == AFTER else [NotDone(), NotDone()]
    if (found := ground.source.find(ORDERS)) != expected:
        return f"it is looked up as {found}"
    if (done := ground.perform(*ORDERS)) != [Done("a"), Done("a~1")]:
        return f"performed again, it is {done}"
    if ground.text() != AFTER:
        return f"performed again, the file is {ground.text()!r}"
    ground.perform(move("b"))
    return None if ground.names() == ["deals.csv"] else f"left behind: {ground.names()}"


def main(folder: str) -> None:
    found: list[str | None] = []
    while True:
        ground = Ground(Path(folder))
        ground.write(BEFORE)
        ground.changes()
        if not killed(ground, len(found)):
            break
        found.append(wrong(ground))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
