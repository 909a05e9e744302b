"""Posting: one request to a receiver, and what its answer means. The only place that knows the HTTP client.

httpx2 keeps connections, obeys the proxies of the environment, and checks certificates as the system does. No redirect
is followed: what is signed for one place is sent to no other. Of an answer only the status and `Retry-After` are used;
what else it says is neither kept nor shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2

from flowrun import __version__
from flowrun.clock import to_ms
from flowrun.engine.deliveries import Told

CONNECT = 10.0
ANSWER = 20.0
"""Seconds to reach a receiver, and between two parts of its answer."""

_MOST = 65_536
"""Bytes of an answer that are read, and thrown away, so that the connection can be used again."""


class Client:
    """Posts over connections that it keeps. Several threads may use it at once."""

    def __init__(self) -> None:
        timeout = httpx2.Timeout(ANSWER, connect=CONNECT)
        self._client = httpx2.Client(timeout=timeout, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, now: int
    ) -> tuple[Told, str | None, int | None]:
        """See `posting.Poster`. Never raises: whatever goes wrong, the firing is told again."""
        own = {"user-agent": f"flowrun/{__version__}", "content-type": "application/json"}
        try:
            with self._client.stream("POST", url, headers={**own, **headers}, content=body) as answer:
                status, after = answer.status_code, retry_after(answer.headers.get("retry-after"), now)
                read = 0
                for part in answer.iter_raw():
                    read += len(part)
                    if read > _MOST:
                        break
        except httpx2.TimeoutException:
            return Told.FAILED, "it did not answer in time", None
        except httpx2.ConnectError:
            return Told.FAILED, "it can't be reached", None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
            return Told.FAILED, f"the request failed ({type(error).__name__})", None
        return meaning(status, after)


def meaning(status: int, after: int | None) -> tuple[Told, str | None, int | None]:
    """What an answer of that status means."""
    if 200 <= status < 300:
        return Told.TAKEN, None, None
    try:
        says = f"it answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        says = f"it answered {status}"
    if status == HTTPStatus.GONE:
        return Told.GONE, says, None
    if 300 <= status < 400:
        says += ", and redirects are not followed"
    return Told.FAILED, says, after


def retry_after(text: str | None, now: int) -> int | None:
    """Milliseconds that the header says, as seconds or a date; null where it says none."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return int(text[:9]) * 1000
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError):
        return None
    return max(0, to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now)
