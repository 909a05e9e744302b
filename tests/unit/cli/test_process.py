"""What only a real process shows: what is loaded, pipes that close, disks that are full, locales."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flowrun.cli import main
from flowrun.cli.status import Status

_PACKAGE = Path(__file__).parents[3] / "runner"
_FLOW = "flowrun: 1\nproject: acme\npipelines:\n  sales: {name: Ж, stages: [{id: won, outcome: won}]}\n"


def _environment(**more: str) -> dict[str, str]:
    """As a user's: standard output is buffered, and nothing is set for flowrun."""
    ours = ("FLOWRUN_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(_PACKAGE), os.environ.get("PYTHONPATH", "")]), **more}


def _flowrun(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "flowrun", *arguments]
    return subprocess.run(command, cwd=cwd, env=_environment(**more), capture_output=True, check=False, timeout=60)


def _loaded_after(arguments: list[str], cwd: Path) -> set[str]:
    code = (
        "import sys\n"
        "from flowrun.cli import main\n"
        f"main({arguments!r})\n"
        "sys.stderr.write(' '.join(name for name in sys.modules if '.' not in name))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(_FLOW, encoding="utf-8")
    return tmp_path


def test_help_loads_no_command_and_no_library_but_click(tmp_path: Path) -> None:
    loaded = _loaded_after(["--help"], tmp_path)
    assert "click" in loaded
    unwanted = {"sqlalchemy", "alembic", "pydantic", "rich", "yaml", "jinja2", "asyncio", "structlog", "uvicorn"}
    assert loaded & unwanted == set()


def test_validate_loads_no_database(project: Path) -> None:
    loaded = _loaded_after(["validate"], project)
    assert "pydantic" in loaded
    assert loaded & {"sqlalchemy", "alembic", "rich"} == set()


def test_a_run_loads_nothing_for_a_log_or_a_server_that_nobody_asked_for(project: Path) -> None:
    loaded = _loaded_after(["run", "--once"], project)
    assert "sqlalchemy" in loaded
    assert loaded & {"structlog", "uvicorn", "starlette", "prometheus_client"} == set()


def test_the_module_runs_like_the_command(project: Path) -> None:
    done = _flowrun("validate", cwd=project)
    assert (done.returncode, done.stdout.decode()) == (0, "✓ no problems in 1 file\n")
    assert _flowrun("nope", cwd=project).returncode == 64


@pytest.mark.parametrize("arguments", [["schema"], ["--help"]])
def test_a_reader_that_goes_away_is_no_drama(arguments: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "flowrun", *arguments]
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            command, cwd=tmp_path, env=_environment(), stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_nobody_to_tell_changes_no_exit_status(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "flowrun", "nope"]
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(command, cwd=tmp_path, env=_environment(), stderr=pipe, check=False, timeout=60)
    assert done.returncode == 64


def test_shells_complete_commands(tmp_path: Path) -> None:
    more = {"_FLOWRUN_COMPLETE": "bash_complete", "COMP_WORDS": "flowrun val", "COMP_CWORD": "1"}
    assert _flowrun(cwd=tmp_path, **more).stdout == b"plain,validate\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["schema"], ["--help"], ["validate"]])
def test_a_full_disk_is_one_line(arguments: list[str], project: Path) -> None:
    command = [sys.executable, "-m", "flowrun", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=project, env=_environment(), stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, b"error: No space left on device\n")


def test_closed_streams_are_no_drama(project: Path) -> None:
    shell = f'"{sys.executable}" -m flowrun validate - <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", shell], cwd=project, env=_environment(), check=False, timeout=60)
    assert done.returncode == 1


def test_any_locale_will_do(project: Path) -> None:
    more = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    text = _flowrun("validate", cwd=project, **more)
    assert (text.returncode, text.stdout) == (0, b"\\u2713 no problems in 1 file\n")
    document = _flowrun("graph", cwd=project, **more)
    assert 'n_sales ["Ж"]' in document.stdout.decode("utf-8")


def test_an_interrupt_that_the_database_takes_for_a_failed_function_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        connection = sqlite3.connect(":memory:")
        connection.create_function("press", 0, lambda: signal.raise_signal(signal.SIGINT))
        connection.execute("SELECT press()")

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr("flowrun.commands.history.history", interrupted)
        assert main(["history"]) == Status.INTERRUPTED
        assert capsys.readouterr().err.endswith("error: interrupted\n")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)
