"""The loader meets whatever a file system holds, and answers soon."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowrun.config import load, load_paths, load_texts, loader
from tests.unit.config.flows import PIPELINES

FLOW = f"flowrun: 1\n{PIPELINES}"
TEST = "tests: [{name: it, now: 2026-03-02T10:00, steps: [expect: {exact: true}]}]\n"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("flows").mkdir()
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < 30


def found(*paths: str) -> list[tuple[str, str]]:
    result = load_paths(map(Path, paths)) if paths else load(Path("flows"))
    assert (result.flow is None) == any(finding.severity == "error" for finding in result.findings)
    return [(finding.code, finding.span.file) for finding in result.findings]


def test_files_are_read_in_path_order_and_named_as_given() -> None:
    for name in ("b.yaml", "a/z.yml", "a-b.yaml", "c.test.yaml"):
        path = Path("flows", name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("flowrun: 1\n" + (TEST if "test" in name else ""))
    Path("flows/b.yaml").write_text(FLOW)
    result = load(Path("flows"))
    assert result.findings == ()
    assert result.files == ("flows/a-b.yaml", "flows/a/z.yml", "flows/b.yaml", "flows/c.test.yaml")
    assert result.sources["flows/b.yaml"] == FLOW


def test_hidden_files_and_other_endings_are_passed_over() -> None:
    for name in (".hidden.yaml", ".git/x.yaml", "notes.txt", "a.yaml.bak", "UPPER.YAML"):
        path = Path("flows", name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("nonsense: [")
    assert found() == [("FR013", "flows")]


def test_paths_together_are_one_namespace_and_read_once() -> None:
    Path("flows/a.yaml").write_text(FLOW)
    Path("other.flow").write_text("flowrun: 1\ntunnels:\n  t: {from: sales.new, to: sales.won, action: copy}\n")
    assert found("flows", "other.flow", "flows/a.yaml") == []
    assert found("other.flow") == [("FR501", "other.flow"), ("FR501", "other.flow")]


def test_a_path_that_is_missing_does_not_hide_the_others() -> None:
    Path("flows/a.yaml").write_text(FLOW + "colour: red\n")
    assert found("nowhere", "flows") == [("FR401", "flows/a.yaml"), ("FR010", "nowhere")]
    assert found("nowhere") == [("FR010", "nowhere")]


def test_a_folder_that_is_missing() -> None:
    Path("flows").rmdir()
    assert found() == [("FR010", "flows")]


def test_a_file_for_a_folder() -> None:
    Path("flows").rmdir()
    Path("flows").write_text(FLOW)
    assert found() == [("FR011", "flows")]


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("flows/pipe.yaml")
    assert found() == [("FR011", "flows/pipe.yaml")]
    assert found("flows/pipe.yaml") == [("FR011", "flows/pipe.yaml")]


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking and opening: opening does not wait, and what is read then is nothing."""
    os.mkfifo("flows/pipe.yaml")
    Path("file").write_text("")
    status = Path("file").stat()
    monkeypatch.setattr(loader, "_status", lambda path, findings: path.stat() if path.is_dir() else status)
    assert found() == [("FR016", "flows/pipe.yaml")]


def test_a_socket_and_a_device() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("flows/s.yaml")
        Path("flows/zero.yaml").symlink_to("/dev/zero")
        assert found() == [("FR011", "flows/s.yaml"), ("FR011", "flows/zero.yaml")]


def test_a_folder_named_like_a_file() -> None:
    Path("flows/a.yaml/b").mkdir(parents=True)
    assert found() == [("FR011", "flows/a.yaml")]


def test_links_are_followed() -> None:
    Path("elsewhere/deep").mkdir(parents=True)
    Path("elsewhere/deep/a.yaml").write_text(FLOW)
    Path("flows/linked").symlink_to("../elsewhere")
    Path("elsewhere/b.yaml").write_text("flowrun: 1\n")
    assert load(Path("flows")).files == ("flows/linked/b.yaml", "flows/linked/deep/a.yaml")


def test_links_that_lead_back_and_links_to_nothing() -> None:
    Path("flows/back").symlink_to("..")
    Path("flows/self").symlink_to("self")
    Path("flows/gone.yaml").symlink_to("nowhere")
    Path("flows/gone").symlink_to("nowhere")
    assert found() == [
        ("FR015", "flows/back/flows"),
        ("FR012", "flows/gone"),
        ("FR012", "flows/gone.yaml"),
        ("FR012", "flows/self"),
    ]


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("flows/a.yaml").write_text(FLOW)

    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    result = load(Path("flows"))
    assert [finding.message for finding in result.findings] == ["flows/a.yaml can't be read: permission denied"]


def test_a_file_is_read_to_its_limit_and_no_further() -> None:
    with Path("flows/huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert found() == [("FR001", "flows/huge.yaml")]


def test_too_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_ENTRIES", 5)
    for number in range(5):
        Path(f"flows/{number}.txt").write_text("")
    Path("flows/a.yaml").write_text(FLOW)
    assert found() == [("FR014", "flows")]


def test_too_much_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_TOTAL", len(FLOW) + 10)
    Path("flows/a.yaml").write_text(FLOW)
    assert found() == []
    Path("flows/b.yaml").write_text("flowrun: 1\n")
    assert ("FR014", "flows/b.yaml") in found()


def test_a_name_that_is_no_utf_8() -> None:
    Path(os.fsdecode(b"flows/\xff.yaml")).write_text(FLOW)
    assert load(Path("flows")).files == ("flows/\ufffd.yaml",)


def test_a_path_with_nul_in_it() -> None:
    assert found("a\0b") == [("FR010", "a\0b")]


def test_texts_without_a_folder() -> None:
    result = load_texts({"<stdin>": FLOW.encode()})
    assert result.flow is not None
    assert result.files == ("<stdin>",)
    assert [finding.code for finding in load_texts({}).findings] == ["FR013"]


def test_findings_about_the_command_line_have_their_text() -> None:
    result = load_texts({"a.yaml": FLOW.encode()}, environment="prod", variables={"x": "1", "y": "2"})
    assert [(f.code, f.span.file, f.span.line) for f in result.findings] == [
        ("FR506", "--env", 1),
        ("FR505", "--var", 1),
        ("FR505", "--var", 2),
    ]
    assert result.sources["--env"] == "prod"
    assert result.sources["--var"] == "x=1\ny=2\n"
