"""The files of `deploy/` fit together and to the program: options, paths, secrets; and the roles do on a server."""

from __future__ import annotations

import configparser
import json
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
import yaml
from sqlalchemy.engine import make_url

from flowrun.cli.catalogue import COMMANDS
from flowrun.cli.frame import root
from flowrun.clock import FixedClock
from flowrun.engine.presence import Presence
from flowrun.store.connection import open_store
from tests.postgres import Database
from tests.unit.store.example import NOON

TOP = Path(__file__).parents[3]
DEPLOY = TOP / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")


def takes(words: list[str]) -> None:
    """The command line is one that flowrun takes."""
    assert words[0] in COMMANDS
    command = root.get_command(click.Context(root), words[0])
    assert command is not None
    command.make_context(words[0], words[1:])


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, their lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    found = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.strip().partition(" ") for line in found)]


def test_the_image_is_made_of_what_is_there() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*"
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied: set[str] = set()
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            copied |= set(rest.split()[:-1])
    assert copied == sent
    assert all((TOP / name).exists() for name in copied)


def test_the_image_runs_as_nobody_and_answers_for_its_health() -> None:
    found = instructions()
    (last,) = [index for index, (word, rest) in enumerate(found) if word == "FROM" and " AS " not in rest]
    final = dict(found[last:])
    assert final["USER"] == "10001"
    assert json.loads(final["ENTRYPOINT"]) == ["flowrun"]
    takes(json.loads(final["CMD"]))
    env = dict(pair.split("=", 1) for pair in shlex.split(final["ENV"]))
    port = env["FLOWRUN_LISTEN"].rpartition(":")[2]
    assert final["EXPOSE"] == port
    assert f"http://127.0.0.1:{port}/healthz" in final["HEALTHCHECK"]
    probe = json.loads(final["HEALTHCHECK"].partition(" CMD ")[2])
    compile(probe[-1], "probe", "exec")
    assert subprocess.run([sys.executable, *probe[1:]], capture_output=True, check=False).returncode == 1, (
        "nobody is there"
    )


@pytest.mark.parametrize("name", ["apply", "runner"])
def test_a_service_runs_a_command_with_the_password_of_its_role(name: str) -> None:
    service = SERVICES[name]
    shell, flag, script = service["entrypoint"]
    assert (shell, flag) == ("/bin/sh", "-c")
    script = script.replace("$$", "$")
    assert subprocess.run(["/bin/sh", "-n"], input=script, text=True, capture_output=True, check=False).stderr == ""
    takes(shlex.split(script.partition("exec flowrun ")[2]))
    address = make_url(service["environment"]["FLOWRUN_STORE"])
    assert (address.get_backend_name(), address.host, address.password) == ("postgresql", "postgres", None)
    role = str(address.username)
    assert f"CREATE ROLE {role} LOGIN" in (DEPLOY / "roles.sql").read_text("utf-8")
    assert service["secrets"] == [f"{role.removeprefix('flowrun_')}_password"]
    assert f"cat /run/secrets/{service['secrets'][0]}" in script


def test_two_runners_start_when_the_flows_are_applied() -> None:
    runner = SERVICES["runner"]
    assert runner["deploy"] == {"replicas": 2}
    assert runner["depends_on"]["apply"] == {"condition": "service_completed_successfully"}
    assert SERVICES["apply"]["restart"] == "no"
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists()
    build = runner["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert "/deploy/secrets/" in (TOP / ".gitignore").read_text("utf-8").splitlines()
    assert all(secret["file"].startswith("secrets/") for secret in COMPOSE["secrets"].values())


def test_the_unit_is_one_and_runs_a_command(tmp_path: Path) -> None:
    text = (DEPLOY / "flowrun.service").read_text("utf-8")
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/opt/flowrun/bin/flowrun"
    takes(words)
    assert (service["Restart"], service["RestartPreventExitStatus"], service["KillSignal"]) == (
        "on-failure",
        "64",
        "SIGTERM",
    )
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    if tool := shutil.which("systemd-analyze"):
        there = tmp_path / "flowrun.service"
        there.write_text(text.replace(program, sys.executable))
        done = subprocess.run([tool, "verify", "--man=no", there], capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if "flowrun.service" in line] == []


def test_the_roles_run_on_a_real_server(fast_postgres: Database) -> None:
    tag, password = secrets.token_hex(4), secrets.token_hex(8)
    text = (DEPLOY / "roles.sql").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("\\"))
    text = re.sub(r":'(owner|runner)_password'", f"'{password}'", text)
    roles = {name: f"flowrun_{name}_{tag}" for name in ("owner", "runner")}
    for name, role in roles.items():
        text = text.replace(f"flowrun_{name}", role)
    admin = make_url(fast_postgres.admin).set(database=fast_postgres.name).render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("GRANT CONNECT ON DATABASE {} TO PUBLIC".format(f'"{fast_postgres.name}"').encode())
        connection.execute(text.encode())
        try:
            owner, runner = (
                make_url(admin).set(username=role, password=password).render_as_string(hide_password=False)
                for role in roles.values()
            )
            open_store(owner, FixedClock(NOON), create=True).close()
            with open_store(runner, FixedClock(NOON)) as store, store.connect() as running:
                Presence(store, pytest.fail).sign(running, 0, 0)
            with psycopg.connect(runner) as running, pytest.raises(psycopg.errors.InsufficientPrivilege):
                running.execute("CREATE TABLE mine (id int)")
            with psycopg.connect(runner) as running, pytest.raises(psycopg.errors.InsufficientPrivilege):
                running.execute("ALTER TABLE runners ADD COLUMN mine int")
        finally:
            for role in roles.values():
                connection.execute(f'DROP OWNED BY "{role}" CASCADE; DROP ROLE "{role}"'.encode())
