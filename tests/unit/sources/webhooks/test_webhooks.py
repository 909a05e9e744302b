"""Webhooks: what is written down, what is told and how it is signed; and that nothing is lost when receivers fail."""

from __future__ import annotations

import base64
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from flowrun.calendars.durations import Duration
from flowrun.clock import SystemClock, VirtualClock
from flowrun.engine import deliveries, tick
from flowrun.engine.deliveries import GIVEN_UP, LATEST, Told, free, wait
from flowrun.engine.events import Delivered, Event, Warned
from flowrun.engine.live import apply_flow
from flowrun.engine.operate import retry
from flowrun.engine.retention import doomed, prune
from flowrun.engine.runner import Runner
from flowrun.engine.status import status
from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow, SecretRef, Webhook
from flowrun.sources.webhooks import postman as module
from flowrun.sources.webhooks.beside import posting, postman
from flowrun.sources.webhooks.post import meaning, retry_after
from flowrun.sources.webhooks.signing import keys, signature
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from tests.acceptance.place import eventually
from tests.postgres import Database
from tests.unit.sources.webhooks.receiver import Receiver, receiving
from tests.unit.store.example import NOON, flow, opened, rows

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
WRONG = "whsec_" + base64.b64encode(bytes(40)).decode()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("HOOK_NEXT", OTHER)


def told(url: str, *, tunnels: tuple[str, ...] = (), results: tuple[str, ...] = ("fired",), env: str = "HOOK") -> Flow:
    hook = Webhook("crm", url, (SecretRef(env=env),), tunnels, results)
    return replace(flow(), webhooks={"crm": hook})


def apply(store: Store, wanted: Flow) -> None:
    with store.write() as transaction:
        apply_flow(transaction, wanted, {}, Author())


def sell(store: Store, *ids: str, stage: str = "sales.new", amount: int = 20_000) -> None:
    with store.write() as transaction:
        for id_ in ids:
            statement = f"INSERT INTO deals (id, stage, amount) VALUES ('{id_}', '{stage}', {amount})"
            transaction.connection.exec_driver_sql(statement)


class Post:
    """Carries what is due, and hears what is told of it."""

    def __init__(self, store: Store, folder: Path = Path()) -> None:
        self.store = store
        self.folder = folder
        self.events: list[Event] = []

    def idle(self) -> None:
        Runner(self.store).until_idle()
        with postman(self.store, self.folder, "me", self.events.append) as one:
            one.until_idle(lambda: False)

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for one in self.events:
            if isinstance(one, Delivered):
                found.update(one.counts)
        return found

    @property
    def warnings(self) -> list[str]:
        return [one.message for one in self.events if isinstance(one, Warned)]


@contextmanager
def selling(folder: Path, receiver: Receiver, **more: object) -> Iterator[Post]:
    with opened(folder, VirtualClock(NOON), told(receiver.url, **more)) as store:  # type: ignore[arg-type]
        yield Post(store, folder)


def test_the_standard_s_own_example() -> None:
    (key,) = keys([SecretRef(env="HOOK")], Path(), "x")
    assert key == bytes(range(32))
    known = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature([known], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_firing_is_told_once_and_as_the_journal_has_it(tmp_path: Path) -> None:
    before = SystemClock().now() // 1000
    with receiving(SECRET) as receiver, selling(tmp_path, receiver) as post:
        sell(post.store, "d1", "Ω")
        sell(post.store, "small", amount=1)
        post.idle()
        post.idle()
        assert sorted(receiver.deals()) == ["d1", "Ω"]
        (got,) = [one for one in receiver.got if one.body["data"]["deal"] == "d1"]
        assert got.body == {
            "version": 1,
            "type": "firing.fired",
            "timestamp": "2026-03-06T12:00:00.000Z",
            "project": "example",
            "data": {
                "tunnel": "offers",
                "deal": "d1",
                "entry": 1,
                "action": "move",
                "from": "sales.new",
                "to": "sales.offer",
                "result": "fired",
                "target": "d1",
                "due_at": "2026-03-06T12:00:00.000Z",
                "fired_at": "2026-03-06T12:00:00.000Z",
                "revision": 1,
                "reason": None,
            },
        }
        assert got.timestamp >= before, "the real time, whatever the store's clock says"
        assert {name.lower(): text for name, text in got.headers.items()}["content-type"] == "application/json"
        assert rows(post.store, "SELECT count(*) FROM deliveries") == [(0,)]
        assert post.counts == {("crm", "taken"): 2}


def test_only_what_is_wanted_is_told(tmp_path: Path) -> None:
    with receiving(SECRET) as receiver, selling(tmp_path, receiver, tunnels=("wins",)) as post:
        with post.store.write() as transaction:
            transaction.connection.exec_driver_sql("INSERT INTO deals (id, stage, paid) VALUES ('p', 'sales.offer', 1)")
        sell(post.store, "d1")
        post.idle()
        assert [(one.body["data"]["deal"], one.body["data"]["tunnel"]) for one in receiver.got] == [("p", "wins")]


def test_what_is_parked_is_told_and_again_when_it_fires(tmp_path: Path) -> None:
    text = "flowrun: 1\nlimits: {max_hops: 1}\n"
    with receiving(SECRET) as receiver:
        hook = Webhook("crm", receiver.url, (SecretRef(env="HOOK"),), (), ("fired", "parked"))
        with opened(tmp_path, VirtualClock(NOON), replace(flow(more=text), webhooks={"crm": hook})) as store:
            post = Post(store)
            with store.write() as transaction:
                insert = "INSERT INTO deals (id, stage, amount, paid) VALUES ('d', 'sales.new', 20000, 1)"
                transaction.connection.exec_driver_sql(insert)
            post.idle()
            with store.write() as transaction:
                assert retry(transaction, None) == 1
            post.idle()
    told = [(one.body["type"], one.body["data"]["reason"]) for one in receiver.got]
    assert sorted(told[:2]) == [("firing.fired", None), ("firing.parked", "hops")], "several are sent at once"
    assert told[2:] == [("firing.fired", None)]
    assert len({one.id for one in receiver.got}) == 3


def test_a_flow_without_webhooks_takes_no_statement_more(tmp_path: Path) -> None:
    counts: list[list[str]] = []
    for number, hooks in enumerate((False, True)):
        (tmp_path / str(number)).mkdir()
        wanted = told("http://127.0.0.1:9") if hooks else flow()
        with opened(tmp_path / str(number), VirtualClock(NOON), wanted) as store:
            sell(store, *(f"d{at}" for at in range(5)))
            statements: list[str] = []

            def counting(_c: object, _cursor: object, statement: str, *_: object, to: list[str] = statements) -> None:
                to.append(statement)

            event.listen(Engine, "before_cursor_execute", counting)
            try:
                Runner(store).until_idle()
            finally:
                event.remove(Engine, "before_cursor_execute", counting)
            counts.append(statements)
            waiting = rows(store, "SELECT count(*) FROM deliveries")
            assert waiting == [(5 if hooks else 0,)]
    without, with_ = counts
    assert not any("deliveries" in one for one in without)
    ticks = sum("deliveries" in one for one in with_)
    assert ticks
    assert len(with_) == len(without) + ticks, "one statement a tick, however many firings"


def test_a_tick_that_comes_to_nothing_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, VirtualClock(NOON), told("http://127.0.0.1:9")) as store:
        sell(store, "d1")
        with monkeypatch.context() as patch:
            patch.setattr(tick, "_count", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                Runner(store).until_idle()
        assert rows(store, "SELECT count(*) FROM deliveries") == rows(store, "SELECT count(*) FROM firings") == [(0,)]
        Runner(store).until_idle()
        assert rows(store, "SELECT count(*) FROM deliveries") == [(1,)]


@pytest.mark.parametrize("seed", range(2))
def test_lost_answers_and_errors_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 1)
    monkeypatch.setattr(deliveries, "LONGEST_WAIT", 5)
    chance = random.Random(seed)
    many = [f"d{at}" for at in range(60)]
    answers = [204, 200, 500, 503, 302, None]
    with (
        receiving(SECRET, lambda _n, _g: chance.choice(answers)) as receiver,
        opened(tmp_path, SystemClock(), told(receiver.url)) as store,
    ):
        post = Post(store)
        sell(store, *many)
        for _ in range(200):
            post.idle()
            if rows(store, "SELECT count(*) FROM deliveries") == [(0,)]:
                break
        assert set(receiver.deals()) == set(many), "each at least once"
        ids = {one.id: one.body["data"]["deal"] for one in receiver.got}
        assert len(ids) == len(many), "under one id each"
        assert len(receiver.got) > len(many), "the receiver did fail"
        assert post.counts["crm", "taken"] == len(many)
        assert not receiver.refused


def test_two_secrets_while_they_change(tmp_path: Path) -> None:
    both = (SecretRef(env="HOOK_NEXT"), SecretRef(file="old"))
    (tmp_path / "old").write_text(SECRET + "\n")
    for secret in (SECRET, OTHER):
        with receiving(secret) as receiver:
            (folder := tmp_path / secret[-4:-1].replace("/", "_")).mkdir()
            wanted = replace(flow(), webhooks={"crm": Webhook("crm", receiver.url, both)})
            with opened(folder, VirtualClock(NOON), wanted) as store:
                sell(store, "d1")
                Post(store, tmp_path).idle()
            assert [one.signatures for one in receiver.got] == [2]


def test_a_receiver_with_another_secret_takes_nothing(tmp_path: Path) -> None:
    with receiving(WRONG) as receiver, selling(tmp_path, receiver) as post:
        sell(post.store, "d1")
        post.idle()
        assert (len(receiver.refused), receiver.got) == (1, [])
        assert rows(post.store, "SELECT state, attempts, said FROM deliveries") == [
            ("due", 1, "it answered 401 Unauthorized")
        ]


def test_a_secret_that_is_not_there_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK")
    with receiving(SECRET) as receiver, selling(tmp_path, receiver) as post:
        sell(post.store, "d1")
        post.idle()
        (warning,) = post.warnings
        assert warning.startswith(
            "the secret of the webhook 'crm' is to be in the environment variable HOOK, which isn't"
        )
        assert warning.endswith("; what it is to be told waits")
        assert rows(post.store, "SELECT state, attempts FROM deliveries") == [("due", 0)]
        monkeypatch.setenv("HOOK", SECRET)
        post.idle()
        assert receiver.deals() == ["d1"]


@pytest.mark.parametrize(
    "text", ["geheim", SECRET.removeprefix("whsec_"), "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_" + "A" * 200]
)
def test_what_is_no_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HOOK", text)
    with pytest.raises(WorkFailed, match="the secret of the webhook 'crm' is none: expected whsec_") as refused:
        keys([SecretRef(env="HOOK")], Path(), "crm")
    assert text not in f"{refused.value} {refused.value.help}"


def test_after_a_day_it_is_dead_until_retry(tmp_path: Path) -> None:
    answers = [500]
    with receiving(SECRET, lambda _n, _g: answers[0]) as receiver, selling(tmp_path, receiver) as post:
        clock = post.store.clock
        assert isinstance(clock, VirtualClock)
        sell(post.store, "d1")
        post.idle()
        while rows(post.store, "SELECT state FROM deliveries") == [("due",)]:
            ((next_at,),) = rows(post.store, "SELECT next_at FROM deliveries")
            clock.instant = max(clock.instant + 1, next_at)
            post.idle()
        tried = len(receiver.got)
        assert deliveries.FEWEST <= tried < 200
        assert GIVEN_UP <= clock.instant - NOON < GIVEN_UP + deliveries.LONGEST_WAIT
        assert len({one.id for one in receiver.got}) == 1
        assert post.warnings[-1] == (
            "the webhook 'crm' was told in vain for a day: it answered 500 Internal Server Error; "
            "when that is mended: flowrun retry"
        )
        found = status(post.store)
        assert not found.healthy
        (hook,) = found.webhooks
        assert (hook.waiting, hook.dead, hook.said, hook.disabled_at) == (
            0,
            1,
            "it answered 500 Internal Server Error",
            None,
        )
        answers[0] = 200
        clock.instant += GIVEN_UP
        post.idle()
        assert len(receiver.got) == tried, "it waits for a person"
        with post.store.write() as transaction:
            assert free(transaction, "other") == 0
            assert free(transaction, "d1") == 1
        post.idle()
        assert len(receiver.got) == tried + 1
        assert status(post.store).healthy


def test_a_long_absence_of_runners_gives_nothing_up(tmp_path: Path) -> None:
    with receiving(SECRET, lambda n, _g: 500 if n < 2 else 200) as receiver, selling(tmp_path, receiver) as post:
        assert isinstance(post.store.clock, VirtualClock)
        sell(post.store, "d1")
        for _ in range(3):
            post.idle()
            post.store.clock.instant += 3 * GIVEN_UP
        assert len(receiver.got) == 3
        assert rows(post.store, "SELECT count(*) FROM deliveries") == [(0,)]


def test_who_is_gone_for_good_is_told_nothing_more(tmp_path: Path) -> None:
    with receiving(SECRET, lambda _n, _g: 410) as receiver, selling(tmp_path, receiver) as post:
        sell(post.store, "d1")
        post.idle()
        sell(post.store, "d2")
        post.idle()
        assert len(receiver.got) == 1
        assert "is not told any more: it answered 410 Gone" in post.warnings[-1]
        (hook,) = status(post.store).webhooks
        assert (hook.dead, hook.disabled_at) == (2, NOON)
        with receiving(SECRET) as other:
            apply(post.store, told(other.url))
            sell(post.store, "d3")
            post.idle()
            assert other.deals() == ["d3"], "another address is another receiver"
            (hook,) = status(post.store).webhooks
            assert (hook.dead, hook.disabled_at) == (2, None)
            with post.store.write() as transaction:
                assert free(transaction, None) == 2
            post.idle()
            assert sorted(other.deals()) == ["d1", "d2", "d3"]


def test_a_webhook_that_is_removed_leaves_dead_letters(tmp_path: Path) -> None:
    with opened(tmp_path, VirtualClock(NOON), told("http://127.0.0.1:9")) as store:
        sell(store, "d1")
        Runner(store).until_idle()
        apply(store, flow())
        post = Post(store)
        post.idle()
        (hook,) = status(store).webhooks
        assert (hook.id, hook.dead, hook.said) == ("crm", 1, "there is no such webhook any more")
        clock = store.clock
        assert isinstance(clock, VirtualClock)
        clock.instant += 2 * GIVEN_UP
        assert prune(store, Duration(days=3)).deliveries == 0
        assert doomed(store, Duration(days=1)).deliveries == 1
        assert prune(store, Duration(days=1)).deliveries == 1
        assert status(store).webhooks == ()
        assert post.warnings == ["1 delivery is dead: there is no such webhook any more"]


def test_redirects_are_not_followed(tmp_path: Path) -> None:
    with (
        receiving(SECRET) as other,
        receiving(SECRET, lambda _n, _g: 307, location=other.url) as receiver,
        selling(tmp_path, receiver) as post,
    ):
        sell(post.store, "d1")
        post.idle()
        assert (len(receiver.got), len(other.got)) == (1, 0)
        assert rows(post.store, "SELECT said FROM deliveries") == [
            ("it answered 307 Temporary Redirect, and redirects are not followed",)
        ]


def test_a_receiver_that_wants_to_be_left_alone_is(tmp_path: Path) -> None:
    with receiving(SECRET, lambda _n, _g: 429, retry_after="3600") as receiver, selling(tmp_path, receiver) as post:
        sell(post.store, "d1")
        post.idle()
        ((next_at,),) = rows(post.store, "SELECT next_at FROM deliveries")
        assert next_at >= NOON + 3_600_000


def test_a_receiver_that_is_not_there(tmp_path: Path) -> None:
    with opened(tmp_path, VirtualClock(NOON), told("http://127.0.0.1:9/hooks?token=geheim")) as store:
        sell(store, "d1")
        post = Post(store)
        post.idle()
        assert rows(store, "SELECT said FROM deliveries") == [("it can't be reached",)]
        assert "geheim" not in repr(post.events)


def test_waits_grow_with_full_jitter_up_to_a_bound() -> None:
    assert [wait(tried, None, 1.0) for tried in (1, 2, 3)] == [5_000, 10_000, 20_000]
    assert wait(60, None, 1.0) == deliveries.LONGEST_WAIT
    assert wait(5, None, 0.0) == 0
    assert wait(1, 60_000, 0.5) == 60_000
    assert wait(1, 10**12, 0.5) == LATEST


@pytest.mark.parametrize(
    ("status_", "outcome"),
    [(200, Told.TAKEN), (299, Told.TAKEN), (410, Told.GONE), (404, Told.FAILED), (799, Told.FAILED)],
)
def test_what_answers_mean(status_: int, outcome: Told) -> None:
    assert meaning(status_, None)[0] is outcome


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        (None, None),
        ("120", 120_000),
        ("Fri, 06 Mar 2026 12:01:00 GMT", 60_000),
        ("Fri, 06 Mar 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("9" * 30, 999_999_999_000),
    ],
)
def test_retry_after(text: str | None, ms: int | None) -> None:
    assert retry_after(text, NOON) == ms


def test_one_that_hangs_keeps_no_other_from_being_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    let_go = threading.Event()

    def hangs(_number: int, _got: object) -> int:
        let_go.wait(20)
        return 200

    try:
        with receiving(SECRET, hangs) as slow, receiving(SECRET) as quick:
            hooks = {
                name: Webhook(name, one.url, (SecretRef(env="HOOK"),)) for name, one in (("a", slow), ("b", quick))
            }
            with opened(tmp_path, VirtualClock(NOON), replace(flow(), webhooks=hooks)) as store:
                sell(store, *(f"d{at}" for at in range(8)))
                post = Post(store)
                post.idle()
                assert len(quick.got) == 8
                said = rows(store, "SELECT DISTINCT said FROM deliveries WHERE webhook = 'a' AND attempts > 0")
                assert said == [("no answer within 0 s",)]
                let_go.set()
    finally:
        let_go.set()


def test_beside_a_run_it_is_woken_and_stops(tmp_path: Path) -> None:
    events: list[Event] = []
    with receiving(SECRET) as receiver, opened(tmp_path, SystemClock(), told(receiver.url)) as store:
        with posting(lambda: open_store(store.url), tmp_path, "me", events.append, 5.0) as beside:
            sell(store, "d1")
            Runner(store).until_idle()
            beside.wake()
            eventually(lambda: receiver.deals() == ["d1"])
            eventually(lambda: rows(store, "SELECT count(*) FROM deliveries") == [(0,)])
        assert events == [Delivered({("crm", "taken"): 1})]


def test_on_postgresql_two_postmen_tell_each_once(fast_postgres: Database) -> None:
    many = [f"d{at}" for at in range(30)]
    with receiving(SECRET) as receiver, open_store(fast_postgres.url, create=True) as store:
        apply(store, told(receiver.url, results=("fired", "declined")))
        sell(store, *many)
        Runner(store).until_idle()
        with (
            posting(lambda: open_store(fast_postgres.url), Path(), "one", lambda _: None, 5.0),
            posting(lambda: open_store(fast_postgres.url), Path(), "two", lambda _: None, 5.0),
        ):
            eventually(lambda: len(receiver.got) >= len(many))
            eventually(lambda: rows(store, "SELECT count(*) FROM deliveries") == [(0,)])
        assert sorted(receiver.deals()) == sorted(many)
        assert len({one.id for one in receiver.got}) == len(many)
