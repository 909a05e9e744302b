"""Secrets are read where their references lead, and nowhere shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.config.secrets import SecretRef
from flowrun.errors import WorkFailed
from flowrun.sources.secrets import reveal


def test_a_secret_is_in_the_environment_or_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_PASSWORD", "hunter2\n")
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfhunter3\r\n")
    assert reveal(SecretRef(env="QUEUE_PASSWORD"), tmp_path, "it") == "hunter2"
    assert reveal(SecretRef(file="secret"), tmp_path, "it") == "hunter3"
    assert reveal(SecretRef(file=str(tmp_path / "secret")), Path("elsewhere"), "it") == "hunter3"


def test_one_that_is_not_there_is_named_by_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUEUE_PASSWORD", raising=False)
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"x" * 70_000)
    for reference, says in (
        (SecretRef(env="QUEUE_PASSWORD"), "environment variable QUEUE_PASSWORD, which isn't set"),
        (SecretRef(file="none"), "the file none: No such file"),
        (SecretRef(file="empty"), "the file empty, which is empty"),
        (SecretRef(file="binary"), "which holds no short text"),
        (SecretRef(file="long"), "which holds no short text"),
    ):
        with pytest.raises(WorkFailed, match=rf"`password` is to be .*{says}"):
            reveal(reference, tmp_path, "`password`")
