"""Webhooks: whom to tell of firings. Those of the chosen environment stand in place of all, as its source does."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.config.findings import Findings
from flowrun.config.known import Known
from flowrun.config.models import EnvironmentBlock, WebhookBlock
from flowrun.config.namespace import Namespace
from flowrun.flow.model import Webhook

_MOST = 20
"""Webhooks of a project: each is a part of a statement that every tick runs."""


def webhooks(
    namespace: Namespace, known: Known, chosen: EnvironmentBlock | None, findings: Findings
) -> dict[str, Webhook]:
    """Those that count; what is wrong with any is reported, whichever environment is chosen."""
    blocks = {name: declared.block for name, declared in namespace.webhooks.items()}
    result = _read(blocks, known, findings)
    if len(blocks) > _MOST:
        last = list(namespace.webhooks.values())[_MOST]
        findings.error("FR404", f"there are at most {_MOST} webhooks, found {len(blocks)}", last.span)
    for declared in namespace.environments.values():
        if declared.block is not None and declared.block.has("webhooks"):
            others = _read({str(name): one for name, one in declared.block.webhooks.items()}, known, findings)
            if declared.block is chosen:
                result = others
    return result


def _read(blocks: Mapping[str, WebhookBlock | None], known: Known, findings: Findings) -> dict[str, Webhook]:
    found = {name: _webhook(name, block, known, findings) for name, block in blocks.items() if block is not None}
    return {name: webhook for name, webhook in found.items() if webhook is not None}


def _webhook(name: str, block: WebhookBlock, known: Known, findings: Findings) -> Webhook | None:
    for key in ("tunnels", "results"):
        if block.has(key) and not getattr(block, key) and block.sound:
            findings.error("FR410", f"`{key}` names none", block.place_of(key), "leave it out for what is usual")
    tunnels = tuple(one for one in map(known.tunnel, block.tunnels) if one is not None)
    if block.url is None or not block.secret:
        return None
    return Webhook(name, str(block.url), block.secret, tunnels, tuple(str(one) for one in block.results))
