"""`moved` and `removed`: the history of identities, which must tell one story.

Entries are safe to keep, so what an entry names may itself have been renamed or removed since. Two stages may become
one; other things are renamed one to one.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.config.findings import Findings
from flowrun.config.known import Known
from flowrun.config.models import MovedBlock, RemovedBlock
from flowrun.config.namespace import Namespace, declared_twice
from flowrun.config.reading import Text, shown
from flowrun.config.sites import Sites
from flowrun.diagnostics import Related, Span
from flowrun.flow.model import Moved, Removed

_PREFIXES = {"tunnels": "tunnel", "fields": "field"}
_CODES = {"stage": "FR501", "pipeline": "FR501", "field": "FR502", "tunnel": "FR504"}


def _identity(ref: Text) -> tuple[str, str]:
    """The kind and id that a name of `moved` stands for."""
    first, dot, rest = ref.partition(".")
    if not dot:
        return "pipeline", str(ref)
    return (_PREFIXES[first], rest) if first in _PREFIXES else ("stage", str(ref))


class History:
    """Resolves `moved` and `removed` of one project."""

    def __init__(self, namespace: Namespace, known: Known, sites: Sites, findings: Findings) -> None:
        self._known = known
        self._sites = sites
        self._findings = findings
        self._declared: dict[str, set[str]] = {
            "stage": set(known.stages),
            "pipeline": set(namespace.pipelines),
            "tunnel": set(namespace.tunnels),
            "field": set(namespace.fields),
        }
        self._old: dict[tuple[str, str], Text] = {}
        self._gone: dict[str, Text] = {}
        self._moved = [block for block in namespace.moved if block.from_ and block.to]
        self._removed = [block for block in namespace.removed if block.stage and block.deals and block.deals.to]

    def resolve(self) -> tuple[tuple[Moved, ...], tuple[Removed, ...]]:
        """All entries that make sense; findings for the others."""
        moved = {rename: block for block in self._moved if (rename := self._rename(block))}
        removed = {removal: block for block in self._removed if (removal := self._removal(block))}
        self._check_rings(moved)
        self._check_merged(moved)
        for rename, block in moved.items():
            self._check_target(rename.kind, rename.new, _given(block.to))
        for removal, gone in removed.items():
            self._check_target("stage", removal.target, _given(gone.deals.to if gone.deals else None))
        return tuple(moved), tuple(removed)

    def _rename(self, block: MovedBlock) -> Moved | None:
        old, new = _given(block.from_), _given(block.to)
        kind, old_id = _identity(old)
        new_kind, new_id = _identity(new)
        if kind != new_kind:
            says = f"a {kind} can't become a {new_kind}: {shown(old)} to {shown(new)}"
            self._findings.error("FR520", says, new.node.span, "both are of one kind")
            return None
        if old == new:
            self._findings.error("FR520", f"{shown(old)} is moved to itself", new.node.span)
            return None
        if (kind, old_id) in self._old:
            declared_twice(
                self._findings, f"the move of {shown(old)}", old.node.span, self._old[kind, old_id].node.span
            )
            return None
        self._old[kind, old_id] = old
        self._check_gone(kind, old_id, old, "moved")
        return Moved(kind, old_id, new_id)

    def _removal(self, block: RemovedBlock) -> Removed | None:
        stage = _given(block.stage)
        target = _given(block.deals.to if block.deals else None)
        first = self._gone.get(stage) or self._old.get(("stage", str(stage)))
        if first is not None:
            declared_twice(self._findings, f"what becomes of {shown(stage)}", stage.node.span, first.node.span)
            return None
        if stage == target:
            self._findings.error("FR520", f"the deals of {shown(stage)} can't stay there", target.node.span)
            return None
        self._gone[str(stage)] = stage
        self._check_gone("stage", str(stage), stage, "removed")
        return Removed(str(stage), str(target))

    def _check_gone(self, kind: str, old: str, ref: Text, how: str) -> None:
        """What was moved away or removed may not be declared any more."""
        if old in self._declared[kind]:
            path = {"tunnel": f"tunnels.{old}", "field": f"fields.{old}"}.get(kind, old)
            related = Related("declared here", self._sites.span(path))
            says = f"{kind} '{old}' is in `{how}` and still declared"
            self._findings.error("FR521", says, ref.node.span, "remove one of the two", related)

    def _check_rings(self, moved: Iterable[Moved]) -> None:
        """A rename that leads back to where it began is an error, told once per ring."""
        steps = {(entry.kind, entry.old): (entry.kind, entry.new) for entry in moved}
        seen: set[tuple[str, str]] = set()
        for begin in steps:
            way: dict[tuple[str, str], None] = {}
            at = begin
            while at in steps and at not in seen and at not in way:
                way[at] = None
                at = steps[at]
            if at in way:
                ring = list(way)[list(way).index(at) :]
                path = " → ".join(name for _, name in [*ring, at])
                self._findings.error("FR520", f"`moved` goes round in a ring: {path}", self._old[at].node.span)
            seen.update(way)

    def _check_merged(self, moved: Iterable[Moved]) -> None:
        """Only stages may become one."""
        first: dict[tuple[str, str], Span] = {}
        for entry in moved:
            span = self._old[entry.kind, entry.old].node.span
            if entry.kind != "stage" and (entry.kind, entry.new) in first:
                related = Related("the other one", first[entry.kind, entry.new])
                says = f"two {entry.kind}s can't both become '{entry.new}'"
                self._findings.error("FR520", says, span, None, related)
            first.setdefault((entry.kind, entry.new), span)

    def _check_target(self, kind: str, name: str, ref: Text) -> None:
        """Where something went must exist, or have gone on from there."""
        pipeline = name.partition(".")[0]
        moved_on = (kind, name) in self._old or name in self._gone or ("pipeline", pipeline) in self._old
        sure = self._known.complete and pipeline not in self._known.unsure_pipelines
        if name not in self._declared[kind] and not moved_on and (sure or kind in {"tunnel", "field"}):
            hint = self._findings.near(name, self._declared[kind]) or "if it was removed since, remove this entry too"
            self._findings.error(_CODES[kind], f"there is no {kind} {shown(name)}", ref.node.span, hint)


def _given(text: Text | None) -> Text:
    assert text is not None, "blocks without it were left out"
    return text
