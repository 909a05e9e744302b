"""`flowrun studio` as a process: from the printed URL to a live deal, and an end at once with pages open."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.place import Place, Running, eventually

FLOW = """\
flowrun: 1
project: studio
pipelines: {sales: {stages: [new, next]}}
tunnels:
  on: {from: sales.new, to: sales.next, action: move}  # at once
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    return place


class Page:
    """A page: what a browser would send, once it came in by the printed URL."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        with self.asked("GET", f"/?token={token}", cookie="") as answer:
            assert (answer.status, answer.getheader("location")) == (303, "/")
            self._cookie = str(answer.getheader("set-cookie")).partition(";")[0]

    @contextmanager
    def asked(self, method: str, path: str, content: object = None, **headers: str) -> Iterator[HTTPResponse]:
        """An answer; underscores in the names of headers are hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given.setdefault("cookie", getattr(self, "_cookie", ""))
        if method == "POST":
            given = {"content-type": "application/json", "origin": f"http://127.0.0.1:{self.port}", **given}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if content is None else json.dumps(content), given)
            with connection.getresponse() as answer:
                yield answer
        finally:
            connection.close()

    def told(self, method: str, path: str, content: object = None) -> Any:
        """The document."""
        with self.asked(method, path, content) as answer:
            found = json.loads(answer.read())
        assert answer.status == 200, found
        return found

    def refused(self, method: str, path: str, content: object = None, **headers: str) -> int:
        """The status of what is no success."""
        with self.asked(method, path, content, **headers) as answer:
            answer.read()
        assert answer.status >= 400
        return answer.status


@contextmanager
def opened(place: Place, *options: str) -> Iterator[tuple[Running, str]]:
    """A studio at any port, and what it has printed."""
    with place.running("studio", *options, measured=False) as studio:
        printed = Path(studio.out.name)
        eventually(lambda: "stop with Ctrl-C" in printed.read_text() or not studio.going, 60)
        yield studio, printed.read_text() + studio.said()


def came_in(printed: str) -> Page:
    found = re.search(r"http://127\.0\.0\.1:([0-9]+)/\?token=(\S+)", printed)
    assert found is not None, printed
    return Page(int(found[1]), found[2])


def test_from_the_printed_url_to_a_revision_and_an_end_at_once(place: Place) -> None:
    with opened(place, "--listen", "127.0.0.1:0", "--allow-apply") as (studio, printed):
        page = came_in(printed)
        etag = page.told("GET", "/api/project")["etag"]
        edit = {"kind": "tunnel.set", "id": "on", "key": "after", "value": "1h"}
        etag = page.told("POST", "/api/edit", {"etag": etag, "edit": edit})["etag"]
        edited = FLOW.replace("action: move", "action: move, after: 1h")
        assert (place.folder / "flows" / "flow.yaml").read_text() == edited
        plan = page.told("POST", "/api/preview", {"etag": etag})["plan"]
        assert page.told("POST", "/api/apply", {"plan": plan})["revision"] == 1
        assert page.refused("GET", "/api/project", host="evil.example") == 403
        assert page.refused("POST", "/api/edit", {}, origin="http://evil.example") == 403
        assert page.refused("POST", "/api/edit", {}, content_type="text/plain") == 415
        assert page.refused("GET", "/api/project", x="y" * 20_000) in {400, 431}
        with page.asked("GET", "/api/events") as one, page.asked("GET", "/api/events") as other:
            place.write("flows/flow.yaml", edited + "# by hand\n")
            while one.readline() != b"event: files\n":
                pass
            told = json.loads(one.readline().removeprefix(b"data: "))
            assert told["etag"] == page.told("GET", "/api/project")["etag"] != etag
            with socket.create_connection(("127.0.0.1", page.port), 60) as half:
                half.sendall(b"GET /api/li")
                studio.send(signal.SIGTERM)
                done = studio.wait(10)
                assert (done.status, done.err) == (0, ""), "two seconds, and what a busy machine adds"
            assert other.readline() == b"retry: 1000\n"
    assert place.value("SELECT revision FROM flowrun") == 1


def test_ctrl_c_ends_it_as_every_command(place: Place) -> None:
    with opened(place, "--listen", "127.0.0.1:0", "--read-only") as (studio, printed):
        page = came_in(printed)
        with page.asked("GET", "/api/events") as stream:
            assert stream.readline() == b"retry: 1000\n"
            studio.send(signal.SIGINT)
            assert studio.wait(10).status == 130


def test_other_machines_are_let_in_with_a_token_of_the_file(place: Place) -> None:
    place.write("tokens.txt", "a-token-of-sixteen-or-more\n")
    with opened(place, "--listen", "0.0.0.0:0", "--token-file", "tokens.txt") as (_, printed):
        found = re.search(r"http://0\.0\.0\.0:([0-9]+)/\?token=TOKEN", printed)
        assert found is not None, printed
        assert "a-token-of" not in printed
        assert Page(int(found[1]), "a-token-of-sixteen-or-more").told("GET", "/api/project")["ok"] is True


def test_without_the_extra_it_says_what_to_install(place: Place) -> None:
    code = "import sys; sys.modules['uvicorn'] = None; from flowrun.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "studio"],
        cwd=place.folder,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the studio needs packages that are not installed (uvicorn)",
        "help: pip install 'flowrun[server]'",
    ]
