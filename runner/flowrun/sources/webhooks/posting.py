"""Posting: what a postman needs of an HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from flowrun.engine.deliveries import Told


class Poster(Protocol):
    """Sends a body to an address; says what came of it, what is to be said of it, and how many ms the receiver wants
    to be left alone for (null: it doesn't say). `now` is in ms, UTC."""

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, now: int
    ) -> tuple[Told, str | None, int | None]: ...
