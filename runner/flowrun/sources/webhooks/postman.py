"""The postman: takes deliveries that are due, posts them in threads, and settles what came of them.

A receiver that is slow or hangs keeps no other from being told: each has a few threads of its own, and one that does
not come back in time counts as failed, though its thread is left to itself. Whatever it says later that was taken is
still heard.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from sqlalchemy import Connection, select

from flowrun.clock import SystemClock
from flowrun.engine.deliveries import (
    Attempt,
    Delivery,
    Told,
    bury_strays,
    claim_deliveries,
    next_delivery,
    settle_deliveries,
    strays,
)
from flowrun.engine.events import Delivered, Event, Recovered, Warned
from flowrun.errors import Interfered, WorkFailed
from flowrun.flow.model import Flow, Webhook
from flowrun.sources.webhooks.message import body_of, id_of
from flowrun.sources.webhooks.posting import Poster
from flowrun.sources.webhooks.signing import keys, signature
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.tables import flowrun

AT_ONCE = 4
"""Posts to one receiver at once."""

PATIENCE = 45.0
LEASE = 120_000
"""Seconds for a post as a whole, and milliseconds of a delivery's lease, which is longer."""

LOOK = 5.0
"""Seconds between two looks at most: other runners leave deliveries behind, too."""

_TRIES = 20
_PAUSE = 0.020
_CHECK = 30.0
_LAST = 1.0


@dataclass(slots=True)
class _Round:
    """What belongs to one applied revision: its flow and the keys to sign with; `locked` says of webhooks why there are
    none for them."""

    number: int
    flow: Flow
    keys: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    checked: float = 0.0


class Postman:
    """Carries the deliveries of one store over one connection. `runner` is the id of whom they are leased to; `opening`
    gives what posts, when there is something to post."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        folder: Path,
        runner: str,
        hear: Callable[[Event], None],
        opening: Callable[[], Poster],
    ) -> None:
        self._store = store
        self._connection = connection
        self._folder = folder
        self._runner = runner
        self._hear = hear
        self._opening = opening
        self._post: Poster | None = None
        self._came: SimpleQueue[Attempt | None] = SimpleQueue()
        self._out: dict[int, tuple[Delivery, float]] = {}
        self._busy: Counter[str] = Counter()
        self._round: _Round | None = None
        self._warned: dict[str, str] = {}
        with store.read(connection):
            self._identity: str = connection.execute(select(flowrun.c.identity)).scalar_one()

    @property
    def needed(self) -> bool:
        """Whether the applied flow has webhooks."""
        found = self._load()
        return found is not None and bool(found.flow.webhooks)

    def wake(self) -> None:
        """End a turn that waits. May be called by any thread."""
        self._came.put(None)

    def turn(self, most: float = LOOK) -> bool:
        """Take what is due, wait for what comes back or something new, `most` seconds at most, and settle it. Whether
        anything is out, or came."""
        found = self._load()
        if found is None:
            return False
        self._send(found)
        with self._store.read(self._connection):
            due = next_delivery(self._connection, found.flow)
        # What is due by now has no room, or no secret: it waits for what is out, or for a look at the secret.
        later = None if due is None else (due - self._store.clock.now()) / 1000
        wait = most if later is None or later <= 0 else min(most, later)
        came = self._gathered(wait)
        self._settle(found.flow, [*came, *self._late()])
        return bool(came or self._out)

    def until_idle(self, stopped: Callable[[], bool]) -> None:
        """Carry what is due now, each once; what fails is left for later."""
        while not stopped():
            found = self._load()
            if found is None or not found.flow.webhooks:
                return
            self._send(found)
            if not self._out:
                return
            self.turn(0.2)

    def close(self) -> None:
        """Settle what comes back within a second; what is still out is left to its lease."""
        ends = time.monotonic() + _LAST
        while self._round is not None:
            wait = min(0.1, max(0.0, ends - time.monotonic())) if self._out else 0.0
            self._settle(self._round.flow, self._gathered(wait))
            if not self._out or time.monotonic() > ends:
                return

    def _load(self) -> _Round | None:
        """The applied revision; secrets that were missing are looked for again now and then."""
        with self._store.read(self._connection):
            stray = False
            number = self._connection.execute(select(flowrun.c.revision)).scalar_one()
            if number is None:
                return None
            fresh = self._round is None or self._round.number != number
            if fresh:
                self._round = _Round(number, revisions.revision(self._connection, number).flow)
                stray = strays(self._connection, self._round.flow)
        found = self._round
        assert found is not None
        if fresh and stray:
            with self._store.write(self._connection) as transaction:
                lost = bury_strays(transaction, found.flow)
            what = "1 delivery is" if lost == 1 else f"{lost:,} deliveries are"
            self._warn("", f"{what} dead: there is no such webhook any more")
        if fresh or (found.locked and time.monotonic() - found.checked > _CHECK):
            self._open(found)
        return found

    def _open(self, found: _Round) -> None:
        found.checked = time.monotonic()
        found.locked.clear()
        for webhook in found.flow.webhooks.values():
            try:
                found.keys[webhook.id] = keys(webhook.secrets, self._folder, webhook.id)
                self._over(webhook.id)
            except WorkFailed as error:
                found.locked[webhook.id] = str(error)
                self._warn(webhook.id, f"{error}; what it is to be told waits")

    def _send(self, found: _Round) -> None:
        room = {name: AT_ONCE - self._busy[name] for name in found.flow.webhooks if name not in found.locked}
        with self._store.read(self._connection):
            due = next_delivery(self._connection, found.flow)
        now = self._store.clock.now()
        if due is None or due > now or not any(most > 0 for most in room.values()):
            return
        post = self._post = self._post or self._opening()
        with self._store.write(self._connection) as transaction:
            claimed = claim_deliveries(transaction, found.flow, self._runner, room=room, lease=LEASE)
        for delivery in claimed:
            self._out[delivery.seq] = (delivery, time.monotonic())
            self._busy[delivery.webhook] += 1
            webhook = found.flow.webhooks[delivery.webhook]
            arguments = (post, delivery, webhook, found.keys[webhook.id], found.flow.project)
            Thread(target=self._go, args=arguments, name="flowrun-webhook", daemon=True).start()

    def _go(self, post: Poster, delivery: Delivery, webhook: Webhook, signing: tuple[bytes, ...], project: str) -> None:
        """In a thread of its own: post it, and say what came of it."""
        now = SystemClock().now()  # the receiver's clock decides, whatever that of the store is
        try:
            id_, body = id_of(self._identity, webhook.id, delivery.firing), body_of(project, delivery.firing)
            headers = {
                "webhook-id": id_,
                "webhook-timestamp": str(now // 1000),
                "webhook-signature": signature(signing, id_, now // 1000, body),
            }
            attempt = Attempt(delivery, *post(webhook.url, headers, body, now))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the delivery must come back
            attempt = Attempt(delivery, Told.FAILED, f"the request failed ({type(error).__name__})")
        self._came.put(attempt)

    def _gathered(self, wait: float) -> list[Attempt]:
        """What has come back; waits that many seconds for the first of it, or to be woken."""
        found: list[Attempt] = []
        try:
            one = self._came.get(timeout=wait) if wait > 0 else self._came.get_nowait()
            while True:
                if one is not None:
                    found.append(one)
                    self._busy[one.delivery.webhook] -= 1
                    self._out.pop(one.delivery.seq, None)
                one = self._came.get_nowait()
        except Empty:
            return found

    def _late(self) -> list[Attempt]:
        """What has been out for too long counts as failed; its thread still has its place."""
        now = time.monotonic()
        late = [delivery for delivery, since in self._out.values() if now - since > PATIENCE]
        for delivery in late:
            del self._out[delivery.seq]
        return [Attempt(delivery, Told.FAILED, f"no answer within {PATIENCE:.0f} s") for delivery in late]

    def _settle(self, flow: Flow, attempts: list[Attempt]) -> None:
        if not attempts:
            return
        dead = self._written(flow, attempts)
        counted: Counter[tuple[str, str]] = Counter()
        buried = {one.delivery.seq for one in dead}
        for one in attempts:
            counted[one.delivery.webhook, "dead" if one.delivery.seq in buried else one.told.value] += 1
        self._hear(Delivered(dict(counted)))
        for name, said in {one.delivery.webhook: one.said for one in dead}.items():
            gone = any(one.told is Told.GONE for one in dead if one.delivery.webhook == name)
            way = "is not told any more" if gone else "was told in vain for a day"
            self._warn(name, f"the webhook '{name}' {way}: {said}; when that is mended: flowrun retry")
        for name in {one.delivery.webhook for one in attempts if one.told is Told.TAKEN}:
            self._over(name)

    def _written(self, flow: Flow, attempts: list[Attempt]) -> list[Attempt]:
        """Settle in one transaction, which may be in the way of others: it is tried until it isn't."""
        for tried in range(_TRIES):
            try:
                with self._store.write(self._connection) as transaction:
                    return settle_deliveries(transaction, flow, self._runner, attempts)
            except Interfered:
                if tried == _TRIES - 1:
                    raise
                time.sleep(_PAUSE * (tried + 1))
        raise AssertionError

    def _warn(self, webhook: str, message: str) -> None:
        """Say it, unless it was the last thing that was said of that webhook."""
        if self._warned.get(webhook) != message:
            self._warned[webhook] = message
            self._hear(Warned(message, "webhooks"))

    def _over(self, webhook: str) -> None:
        if self._warned.pop(webhook, None) is not None:
            self._hear(Recovered(f"the webhook '{webhook}' is told again", "webhooks"))
