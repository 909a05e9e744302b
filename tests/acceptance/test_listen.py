"""`flowrun run --listen` as a process: pages beside the work, and an end within two seconds whoever still asks."""

from __future__ import annotations

import base64
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest
from sqlalchemy.engine import make_url

from tests.acceptance.place import Place, Running, eventually
from tests.postgres import Server
from tests.unit.sources.webhooks.receiver import receiving

FLOW = """\
flowrun: 1
project: listening
pipelines: {sales: {stages: [new, next]}}
tunnels: {on: {from: sales.new, to: sales.next, action: move}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    return place


def url(runner: Running) -> str:
    eventually(lambda: "running; stop with" in runner.said() or '"began"' in runner.said())
    found = re.search(r"http://[0-9.]+:[0-9]+", runner.said())
    assert found is not None, runner.said()
    return found.group()


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())


def test_pages_are_served_beside_the_work(place: Place) -> None:
    with place.running("run", "--listen", ":0") as runner:
        at = url(runner)
        assert at.startswith("http://127.0.0.1:"), "this machine alone, where no host is named"
        assert get(f"{at}/healthz") == "ok\n"
        assert get(f"{at}/readyz") == "ready\n"
        place.run("deals", "add", "--at", "sales.new").fine()
        fired = 'flowrun_firings_total{result="fired",tunnel="on"} 1.0'
        eventually(lambda: fired in get(f"{at}/metrics"))
        runner.send(signal.SIGTERM)
        assert runner.wait().status == 0
    assert not Path(f"{place.store}-wal").exists(), "the last one to leave the store tidied up"


def test_it_stops_within_two_seconds_with_connections_open(place: Place) -> None:
    with place.running("run", measured=False, env={"FLOWRUN_LISTEN": "127.0.0.1:0"}) as runner:
        host, _, port = url(runner).removeprefix("http://").rpartition(":")
        clients = [socket.create_connection((host, int(port)), 20) for _ in range(3)]
        clients[1].sendall(b"GET /metr")
        clients[2].sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n")
        runner.send(signal.SIGTERM)
        assert runner.wait(10).status == 0, "two seconds, and what a busy machine adds"
    for client in clients:
        client.close()


def test_a_port_that_is_taken_ends_it(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = place.run("run", "--listen", f":{port}")
    assert ended.status == 1
    assert ended.complaints == [
        f"error: can't listen at 127.0.0.1:{port}: Address already in use",
        "help: choose another address with --listen",
    ]


def test_an_address_that_is_none_is_wrong_usage(place: Place) -> None:
    assert place.run("run", "--listen", "9464").status == 64


def test_without_the_extra_it_says_what_to_install(place: Place) -> None:
    code = "import sys; sys.modules['uvicorn'] = None; from flowrun.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--listen", ":0"],
        cwd=place.folder,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: --listen needs packages that are not installed (uvicorn)",
        "help: pip install 'flowrun[server]'",
    ]


def test_on_postgresql_it_waits_for_a_server_that_went_away_and_says_so(place: Place, own_postgres: Server) -> None:
    env = {"FLOWRUN_STORE": own_postgres.url}
    place.run("apply", "--yes", env=env).fine()
    with place.running("run", "--listen", ":0", "--log-format", "json", env=env) as runner:
        at = url(runner)
        assert get(f"{at}/readyz") == "ready\n"
        own_postgres.kill()
        eventually(lambda: "flowrun_store_up 0.0" in get(f"{at}/metrics"))
        with pytest.raises(HTTPError) as refused:
            get(f"{at}/readyz")
        assert "can't be reached" in refused.value.read().decode()
        assert get(f"{at}/healthz") == "ok\n"
        eventually(lambda: 'flowrun_troubles_total{about="store"} 1.0' in get(f"{at}/metrics"))
        own_postgres.start()
        eventually(lambda: runner.said().count('"began"') == 2)
        eventually(lambda: "flowrun_store_up 1.0" in get(f"{at}/metrics"))
        assert get(f"{at}/readyz") == "ready\n"
        runners = place.run("status", "--format", "json", env=env).fine().json["runners"]
        assert [row["pid"] for row in runners] == [runner.pid]
        runner.send(signal.SIGTERM)
        ended = runner.wait()
    assert ended.status == 0
    assert place.run("status", "--format", "json", env=env).fine().json["runners"] == []
    password = str(make_url(own_postgres.url).password)
    assert password not in ended.err + ended.out


TOKEN = "a-token-of-sixteen-or-more"
WEBHOOK = """\
webhooks: {all: {url: "URL", secret: {env: HOOK_SECRET}}}
"""


def test_deals_come_in_and_firings_are_told_without_a_secret_in_sight(place: Place) -> None:
    secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
    with receiving(secret) as receiver:
        place.write("flows/hooks.yaml", "flowrun: 1\n" + WEBHOOK.replace("URL", receiver.url))
        shown = [place.run("diff", "--format", "json").fine(), place.run("apply", "--yes").fine()]
        place.write("tokens", TOKEN + "\n")
        with place.running("run", "--listen", ":0", "--token-file", "tokens", env={"HOOK_SECRET": secret}) as runner:
            at = url(runner)
            assert f"listening at {at}: /healthz, /readyz, /metrics, /deals" in runner.said()
            command = Path(f"/proc/{runner.pid}/cmdline")
            listed = command.read_text() if command.exists() else ""
            request = urllib.request.Request(
                f"{at}/deals/d1",
                b'{"at": "sales.new", "title": "Acme"}',
                {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
                method="PUT",
            )
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert answer.status == 201
            eventually(lambda: receiver.deals() == ["d1"])
            eventually(lambda: 'flowrun_deliveries_total{result="taken",webhook="all"} 1.0' in get(f"{at}/metrics"))
            measured = get(f"{at}/metrics")
            runner.send(signal.SIGTERM)
            ended = runner.wait()
            assert ended.status == 0
        told = place.run("status", "--format", "json").fine()
        seen = "".join([listed, measured, ended.out, ended.err, *(one.out + one.err for one in (*shown, told))])
        assert TOKEN not in seen
        assert secret not in seen
        assert "HOOK_SECRET" in shown[0].out, "only where it stands"
    (got,) = receiver.got
    assert (got.body["data"]["to"], got.signatures) == ("sales.next", 1)


def test_a_run_that_ends_tells_what_it_fired(place: Place) -> None:
    secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
    answers = [500, 200]
    with receiving(secret, lambda number, _got: answers[min(number, 1)]) as receiver:
        place.write("flows/hooks.yaml", "flowrun: 1\n" + WEBHOOK.replace("URL", receiver.url))
        place.run("apply", "--yes").fine()
        place.run("deals", "add", "--at", "sales.new", "--id", "d1").fine()
        place.run("run", "--until-idle", env={"HOOK_SECRET": secret}).fine()
        assert receiver.deals() == ["d1"]
        (hook,) = place.run("status", "--format", "json").fine().json["webhooks"]
        assert (hook["waiting"], hook["dead"], hook["said"]) == (1, 0, "it answered 500 Internal Server Error")


def test_tokens_without_a_place_to_listen_are_wrong_usage(place: Place) -> None:
    place.write("tokens", TOKEN + "\n")
    assert place.run("run", "--token-file", "tokens").status == 64
    refused = place.run("run", "--listen", ":0", "--token-file", "none")
    assert refused.complaints == ["error: the token file 'none' can't be read: No such file or directory"]
