"""`moved` and `removed`: the history of identities, which must tell one story.

Entries are safe to keep, so what an entry names may itself have been renamed or removed since: from any old id one way
leads on, step by step, to something that is declared. A step is an entry of its own or, for a stage without one, the
move of its pipeline. Two stages, or two pipelines, may become one; fields and tunnels are renamed one to one.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.config.findings import Findings
from flowrun.config.known import Known
from flowrun.config.models import MovedBlock, RemovedBlock
from flowrun.config.namespace import Namespace, declared_twice
from flowrun.config.reading import Text, shown
from flowrun.config.sites import Sites
from flowrun.diagnostics import Related, Span, excerpt
from flowrun.flow.model import Moved, Removed

_Id = tuple[str, str]
"""Kind and id."""

_PREFIXES = {"tunnels": "tunnel", "fields": "field"}
_CODES = {"stage": "FR501", "pipeline": "FR501", "field": "FR502", "tunnel": "FR504"}


def _identity(ref: Text) -> _Id:
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
        self._old: dict[_Id, Text] = {}
        self._gone: dict[str, Text] = {}
        self._steps: dict[_Id, _Id] = {}
        self._ringed: set[_Id] = set()
        self._moved = [block for block in namespace.moved if block.from_ and block.to]
        self._removed = [block for block in namespace.removed if block.stage and block.deals and block.deals.to]

    def resolve(self) -> tuple[tuple[Moved, ...], tuple[Removed, ...]]:
        """All entries that make sense; findings for the others."""
        moved = {rename: block for block in self._moved if (rename := self._rename(block))}
        removed = {removal: block for block in self._removed if (removal := self._removal(block))}
        self._steps = {(entry.kind, entry.old): (entry.kind, entry.new) for entry in moved}
        self._steps |= {("stage", entry.stage): ("stage", entry.target) for entry in removed}
        self._check_rings()
        self._check_merged(moved)
        self._check_carried(removed)
        for rename, block in moved.items():
            self._check_target((rename.kind, rename.new), _given(block.to))
        for removal, gone in removed.items():
            self._check_target(("stage", removal.target), _given(gone.deals.to if gone.deals else None))
        return tuple(moved), tuple(removed)

    def _next(self, at: _Id) -> _Id | None:
        """Where the history leads from there; None where it ends."""
        kind, name = at
        if at in self._steps or kind != "stage":
            return self._steps.get(at)
        pipeline, _, short = name.partition(".")
        _, home = self._steps.get(("pipeline", pipeline), (None, None))
        return None if home is None else ("stage", f"{home}.{short}")

    def _place(self, at: _Id) -> Span:
        """Where the step from there is written."""
        kind, name = at
        written = self._old.get(at) or (self._gone.get(name) if kind == "stage" else None)
        return (written or self._old["pipeline", name.partition(".")[0]]).node.span

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

    def _check_rings(self) -> None:
        """A way that leads back to where it began is an error, told once per ring."""
        seen: set[_Id] = set()
        for begin in self._steps:
            way: dict[_Id, None] = {}
            at: _Id | None = begin
            while at is not None and at not in seen and at not in way:
                way[at] = None
                at = self._next(at)
            if at is not None and at in way:
                ring = list(way)[list(way).index(at) :]
                path = " → ".join(excerpt(name) for _, name in [*ring, at])
                others = [Related("and this leads back", self._place(other)) for other in ring[1:][-1:]]
                self._findings.error(
                    "FR520", f"the history goes round in a ring: {path}", self._place(at), "remove one of them", *others
                )
                self._ringed.update(ring)
            seen.update(way)

    def _check_merged(self, moved: Iterable[Moved]) -> None:
        """Only stages and pipelines may become one."""
        first: dict[_Id, Span] = {}
        for entry in moved:
            span = self._old[entry.kind, entry.old].node.span
            if entry.kind in {"field", "tunnel"} and (entry.kind, entry.new) in first:
                related = Related("the other one", first[entry.kind, entry.new])
                says = f"two {entry.kind}s can't both become '{entry.new}'"
                self._findings.error("FR520", says, span, None, related)
            first.setdefault((entry.kind, entry.new), span)

    def _check_carried(self, removed: Iterable[Removed]) -> None:
        """A removed stage may not come back by the move of its pipeline."""
        for removal in removed:
            pipeline, _, short = removal.stage.partition(".")
            at: _Id | None = ("pipeline", pipeline)
            passed: set[_Id] = set()
            while at is not None and at not in passed:
                passed.add(at)
                name = f"{at[1]}.{short}"
                if name != removal.stage and name in self._declared["stage"]:
                    related = (
                        Related("the pipeline is moved here", self._old["pipeline", pipeline].node.span),
                        Related("declared here", self._sites.span(name)),
                    )
                    says = f"stage '{removal.stage}' is in `removed`, and comes back as '{name}' with its pipeline"
                    place = self._gone[removal.stage].node.span
                    self._findings.error("FR521", says, place, "remove one of the two", *related)
                at = self._steps.get(at)

    def _check_target(self, target: _Id, ref: Text) -> None:
        """Where something went must exist, or have gone on from there."""
        kind, name = target
        if name in self._declared[kind] or target in self._steps or target in self._ringed:
            return
        carried = self._next(target)
        if carried is not None:
            self._check_carried_target(target, ref)
            return
        pipeline = name.partition(".")[0]
        sure = self._known.complete and pipeline not in self._known.unsure_pipelines
        if sure or kind in {"tunnel", "field"}:
            hint = self._findings.near(name, self._declared[kind]) or "if it was removed since, remove this entry too"
            self._findings.error(_CODES[kind], f"there is no {kind} {shown(name)}", ref.node.span, hint)

    def _check_carried_target(self, target: _Id, ref: Text) -> None:
        """A stage that went on with its pipeline must exist there."""
        at: _Id | None = target
        last = target
        while at is not None and at not in self._ringed:
            if at[1] in self._declared["stage"] or (at != target and at in self._steps):
                return
            last, at = at, self._next(at)
        home = last[1].partition(".")[0]
        if at is None and self._known.complete and home not in self._known.unsure_pipelines:
            pipeline = target[1].partition(".")[0]
            related = Related("its pipeline is moved here", self._old["pipeline", pipeline].node.span)
            says = f"there is no stage {shown(last[1])}, which {shown(target[1])} is by now"
            hint = self._findings.near(last[1], self._declared["stage"])
            self._findings.error("FR501", says, ref.node.span, hint, related)


def _given(text: Text | None) -> Text:
    assert text is not None, "blocks without it were left out"
    return text
