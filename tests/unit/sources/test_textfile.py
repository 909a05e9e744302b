"""Files of text: what is refused, and files that appear whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowrun.errors import WorkFailed
from flowrun.sources.textfile import LINE_BYTES, Output, reading


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "deals.csv"
    path.write_bytes(data)
    return path


def test_text_is_read_without_its_mark_and_with_its_line_breaks(tmp_path: Path) -> None:
    with reading(_file(tmp_path, b"\xef\xbb\xbfa\r\n\xd0\x96\n")) as text:
        assert text.read() == "a\r\nЖ\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n \n", "is empty"),
        (b"\xff\xfea\0", "is UTF-16"),
        (b"\xfe\xff\0a", "is UTF-16"),
        (b"\xc4", "byte 0xC4|middle of a character"),
        (b"a\nb\n\xd0\x96x\xe4y\n", "byte 0xE4 at line 3, byte 4"),
        (b"\xe4", "middle of a character"),
        (b"ab\xff", "byte 0xFF at line 1, byte 3"),
        (b"x" * (1 << 20) + b"\n" + b"ab\xff", "byte 0xFF at line 2, byte 3"),
        (b"x" * ((1 << 20) - 1) + b"\xd0\x96\xff", "byte 0xFF at line 1, byte 1,048,578"),
        (b"x" * ((1 << 20) - 1) + b"\xd0\xff", "byte 0xD0 at line 1, byte 1,048,576"),
        (b"a\n" + b"x" * (LINE_BYTES + 1), "line 2 .* is longer than 16 MiB"),
    ],
)
def test_what_is_no_text_is_refused_at_its_place(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(WorkFailed, match=message), reading(_file(tmp_path, data)):
        raise AssertionError


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("", "is a folder"), ("absent.csv", "No such file"), ("pipe", "is no file")):
        with pytest.raises(WorkFailed, match=message), reading(tmp_path / name):
            raise AssertionError


def test_an_output_appears_when_it_is_finished(tmp_path: Path) -> None:
    path = _file(tmp_path, b"old")
    output = Output(path)
    output.file.write("new Ж\n")
    assert path.read_bytes() == b"old"
    output.finish()
    assert path.read_bytes() == "new Ж\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_that_is_abandoned_leaves_no_trace(tmp_path: Path) -> None:
    path = _file(tmp_path, b"old")
    output = Output(path)
    output.file.write("new")
    output.abandon()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_takes_the_place_of_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WorkFailed, match="it is no file"):
        Output(tmp_path / "pipe")
    with pytest.raises(WorkFailed, match="can't be written: No such file"):
        Output(tmp_path / "absent" / "deals.csv")


def test_an_output_goes_where_a_link_points(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(_file(tmp_path, b"old"))
    output = Output(tmp_path / "link")
    output.file.write("new")
    output.finish()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "deals.csv").read_text() == "new"
