"""What takes deals, against its own OpenAPI document: whatever is sent, it answers as the document says, and never
breaks. FLOWRUN_FUZZ sets how many requests an operation gets (a soak: 2000)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from flowrun.clock import SystemClock
from flowrun.serving import deals as doors
from tests.unit.serving.test_deals import TOKEN, Client
from tests.unit.store.example import opened


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doors, "BURST", 1e9)
        patch.setattr(doors, "PER_SECOND", 1e9)
        folder = tmp_path_factory.mktemp("fuzz")
        with opened(folder, SystemClock()) as store, Client(store.url, SystemClock()) as client:
            yield client


EXAMPLES = int(os.environ.get("FLOWRUN_FUZZ", "40"))


def test_each_operation_answers_as_the_document_says(client: Client) -> None:
    status, found, _ = client.ask("GET", "/openapi.json")
    assert status == 200
    seen: Counter[int] = Counter()
    for result in schemathesis.openapi.from_dict(found).get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]
        fuzz(operation, f"http://{client.host}:{client.port}", seen)
    assert seen.keys() >= {200, 422}, "what is in order was taken, and what isn't was refused"
    assert len(client.told) == 1, "no trouble"


def fuzz(operation: APIOperation[Any, Any, Any, Any], base: str, seen: Counter[int]) -> None:
    """Send what the document allows, and what it doesn't, to the operation; `seen` counts how it answers."""
    # What a new deal needs, and whether a key was used before, depends on what is there; tokens are the test's own,
    # whatever a case would have sent; and a batch is answered item by item.
    left_out = [ignored_auth]
    left_out += [positive_data_acceptance] if operation.method != "get" else []
    left_out += [negative_data_rejection] if operation.method == "post" else []
    valid, invalid = (
        operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(valid | invalid)
    def sent(case: Case[Any]) -> None:
        answer = case.call(base_url=base, headers={"authorization": f"Bearer {TOKEN}"}, timeout=20)
        case.validate_response(answer, excluded_checks=left_out)
        assert answer.status_code < 500
        seen[answer.status_code] += 1

    sent()
