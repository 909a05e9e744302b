"""The log of a run as JSON, one line an event, on stderr: `run --log-format json`.

Every line has `time` (UTC), `level` and `event`, and `runner` from the moment that the run has begun. structlog is
loaded only when such a log is asked for.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from flowrun.clock import SystemClock, iso


class Log:
    """Writes lines, from any thread. `mask` hides secrets in each text before it is written."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        import structlog

        def finished(_logger: object, level: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
            head = {"time": iso(SystemClock().now()), "level": level, "event": line.pop("event")}
            return {name: _masked(value, mask) for name, value in (head | dict(line)).items()}

        self._logger = None
        if sys.stderr:
            self._logger = structlog.wrap_logger(
                structlog.WriteLogger(sys.stderr),
                processors=[finished, structlog.processors.JSONRenderer()],
                wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            )

    def bind(self, **context: object) -> None:
        """Add this to every line from now on."""
        if self._logger is not None:
            self._logger = self._logger.bind(**context)

    def write(self, level: str, event: str, **content: object) -> None:
        """Write a line. If nobody can be told, nothing else changes."""
        if self._logger is not None:
            with suppress(OSError):
                getattr(self._logger, level)(event, **content)


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {name: _masked(one, mask) for name, one in value.items()}
    return value
