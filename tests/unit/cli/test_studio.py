"""`flowrun studio`: what is refused before anything is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.cli import main


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--read-only", "--allow-apply"], "error: --read-only and --allow-apply exclude each other"),
        (["--listen", "8765"], "error: --listen: '8765' is no HOST:PORT"),
        (["--store", "sqlite://"], "error: 'sqlite://' names no file"),
        (
            ["--listen", "0.0.0.0:0"],
            "error: --listen 0.0.0.0:0: other machines could reach the studio",
        ),
        (["--listen", "[::]:0"], "error: --listen [::]:0: other machines could reach the studio"),
        (
            ["--listen", "studio.example:80"],
            "error: --listen studio.example:80: other machines could reach ",
        ),
    ],
)
def test_wrong_usage(options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studio", *options]) == 64
    assert capsys.readouterr().err.startswith(complaint)


def test_tokens_that_could_be_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tokens.txt").write_text("short\n")
    assert main(["studio", "--listen", "0.0.0.0:0", "--token-file", str(tmp_path / "tokens.txt")]) == 1
    assert "has 5 characters; at least 16 are needed" in capsys.readouterr().err
