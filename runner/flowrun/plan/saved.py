"""Saved plans: what `diff --out` writes and `apply PLAN` takes, bound byte for byte to the store it was made for.

A saved plan is a JSON document whose last key is its seal: an HMAC-SHA-256, under a key that only the store has, over
every byte before the seal's value; what comes after it is fixed. The seal is checked on the bytes as they are, before
anything but the claim of which store it is for is read from them. A plan for a store without a revision has no key to
be sealed with: its seal is a plain SHA-256, which shows damage but no forgery, and it applies only to such a store.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowrun.clock import iso, parse_instant
from flowrun.flow.codec import BadFlow, dumps, loads
from flowrun.flow.model import Flow, Place, Places

VERSION = 1

LARGEST = 64 * 1024 * 1024
"""The most bytes of a plan. The flow files of the largest projects come to a few."""

_END = "\n}\n"
_SEAL = re.compile(rb',\n  "seal": "((hmac-sha256|sha256):[0-9a-f]{64})"\n\}\n\Z')
_BEGINNING = re.compile(rb'\s*\{\s*"version":\s*\d+,\s*"id":\s*"[0-9a-f]{32}",\s*"made_at":')
_SEAL_ROOM = 128
"""More bytes than the end of a document that `_SEAL` describes."""

_KEYED, _PLAIN = "hmac-sha256", "sha256"
_CHANGED = "it was changed, cut, or saved anew by another program; make a new plan: flowrun diff --out PLAN"


class BadPlan(ValueError):
    """The bytes are no plan that can be applied. `str(error)` goes on after the file's name; `help` says what to do."""

    def __init__(self, message: str, help: str) -> None:  # noqa: A002
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made the plan, from where, and what git said of the files. None where it isn't known."""

    name: str | None = None
    host: str | None = None
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """The store that a plan is for. `url` is without a password; the rest is None for a store without a revision.

    `identity` is the store's own, `revision` the number of the applied one, and `digest` that of its flow.
    """

    url: str
    identity: str | None = None
    revision: int | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved. Instants are ms, UTC; it may be applied before `valid_until`, once.

    `variables` are those that the command line gave, as texts (`flow` has their values). `difference` is the content
    of the JSON document that `diff` wrote at that time.
    """

    id: str
    made_at: int
    valid_until: int
    maker: Maker
    bound: Bound
    variables: Mapping[str, str]
    flow: Flow
    places: Places
    difference: Mapping[str, Any]


def content(plan: SavedPlan) -> dict[str, object]:
    """The content of the plan's document, but for the version before it and the seal after it."""
    return {
        "id": plan.id,
        "made_at": iso(plan.made_at),
        "valid_until": iso(plan.valid_until),
        "author": asdict(plan.maker),
        "store": asdict(plan.bound),
        "environment": plan.flow.environment,
        "variables": dict(plan.variables),
        "difference": dict(plan.difference),
        "flow": json.loads(dumps(plan.flow)),
        "places": {name: asdict(place) for name, place in plan.places.items()},
    }


def sealed(document: str, key: bytes | None) -> bytes:
    """A finished JSON document with its seal put in as the last key. `key` is None for a store without a revision."""
    assert document.endswith(_END), "an object, a key a line"
    algorithm = _PLAIN if key is None else _KEYED
    body = f'{document.removesuffix(_END)},\n  "seal": "'.encode()
    return body + f'{algorithm}:{_code(body, key)}"{_END}'.encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A document with a seal that isn't checked yet: nothing in it can be relied on.

    `body` are the bytes that the seal is over.
    """

    raw: bytes
    body: bytes
    seal: str

    @property
    def keyed(self) -> bool:
        """Whether it says that it was sealed with the key of a store."""
        return self.seal.startswith(_KEYED)

    def claim(self) -> Bound:
        """The store that it says it is for. Raises BadPlan."""
        store = _parsed(self.raw).get("store")
        if not isinstance(store, dict) or not isinstance(store.get("url"), str):
            raise BadPlan("is no saved plan: it names no store", _CHANGED)
        identity = store.get("identity")
        return Bound(store["url"], identity if isinstance(identity, str) else None)

    def plan(self, key: bytes | None) -> SavedPlan:
        """The plan, if that is the key that sealed it (None: it was made for a store without a revision).

        Raises BadPlan, with the reason.
        """
        algorithm = _PLAIN if key is None else _KEYED
        if not hmac.compare_digest(self.seal, f"{algorithm}:{_code(self.body, key)}"):
            raise BadPlan("doesn't fit its seal", _CHANGED)
        plan = _read(_parsed(self.raw))
        if (plan.bound.identity is None) != (key is None):
            raise BadPlan("is sealed for another kind of store than it names", _CHANGED)
        return plan


def unsealed(raw: bytes) -> Sealed:
    """The bytes of a plan's file, taken apart. Raises BadPlan for what is no plan at all, or ends in no seal."""
    if len(raw) > LARGEST:
        raise BadPlan(f"is no saved plan: it is larger than {LARGEST // 1024 // 1024} MiB", "give a plan's file")
    found = _SEAL.search(raw, max(0, len(raw) - _SEAL_ROOM))
    if found is None:
        if b'"seal"' in raw:
            raise BadPlan("has no whole seal at its end", _CHANGED)
        raise BadPlan("is no saved plan", "make one with: flowrun diff --out PLAN")
    return Sealed(raw, raw[: found.start(1)], found[1].decode())


def begins_plan(raw: bytes) -> bool:
    """Whether a file that begins so is a saved plan, be it of another version, touched or cut."""
    return _BEGINNING.match(raw) is not None


@dataclass(frozen=True, slots=True)
class Growth:
    """A figure of the impact that has grown since the plan was made: what it counts, then and now."""

    what: str
    before: int
    now: int


MORE_DEALS, MORE_PERCENT = 10, 10
"""A figure has grown if it is more by more than both of these: what a reviewer would want to see again."""


def grown(saved: Mapping[str, Any], fresh: Mapping[str, Any]) -> tuple[Growth, ...]:
    """What has grown of the impact, from a plan's `difference` to that of now; both as the JSON document has them."""
    before, now = _figures(saved), _figures(fresh)
    return tuple(
        Growth(what, before.get(what, 0), count)
        for what, count in now.items()
        if (more := count - before.get(what, 0)) > MORE_DEALS and more * 100 > before.get(what, 0) * MORE_PERCENT
    )


def _figures(difference: Mapping[str, Any]) -> dict[str, int]:
    impact = difference["impact"]
    tunnels = {f"deals that {id_} takes at once": effect["now"] for id_, effect in impact["tunnels"].items()}
    deals = {f"deals {what}": count for what, count in impact["deals"].items() if what != "total"}
    return {what: count for what, count in (tunnels | deals).items() if isinstance(count, int)}


def _code(body: bytes, key: bytes | None) -> str:
    return hashlib.sha256(body).hexdigest() if key is None else hmac.new(key, body, hashlib.sha256).hexdigest()


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise BadPlan("is no saved plan: it is no JSON that can be read", _CHANGED) from None
    if not isinstance(parsed, dict):
        raise BadPlan("is no saved plan: it is no JSON object", _CHANGED)
    return parsed


def _read(parsed: dict[str, Any]) -> SavedPlan:
    from flowrun.plan.wire import Mismatch, document

    if parsed.get("version") != VERSION:
        says = f"is a plan of version {parsed.get('version')!r:.20}; this flowrun reads version {VERSION}"
        raise BadPlan(says, "make and apply the plan with the same flowrun")
    try:
        found = document(parsed)
        flow = loads(json.dumps(found.flow))
    except Mismatch as error:
        raise BadPlan(f"is no saved plan: {error}", _CHANGED) from None
    except (BadFlow, RecursionError) as error:
        raise BadPlan(f"has no flow that can be read: {error}", "make the plan with this flowrun") from None
    made_at, valid_until = parse_instant(found.made_at), parse_instant(found.valid_until)
    if made_at is None or valid_until is None or flow.environment != found.environment:
        raise BadPlan("is no saved plan: its parts contradict each other", _CHANGED)
    return SavedPlan(
        id=found.id,
        made_at=made_at,
        valid_until=valid_until,
        maker=Maker(**found.author.model_dump()),
        bound=Bound(**found.store.model_dump()),
        variables=found.variables,
        flow=flow,
        places={name: Place(**place.model_dump()) for name, place in found.places.items()},
        difference=found.difference.model_dump(),
    )
