"""What `diff` and `apply` show: the changes, and what they do to the live deals.

A proposal is a flow beside a store; a bare comparison has two versions of the files, and no deals.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.engine.deploy import Proposal
from flowrun.plan import Comparison, Impact, Refusal, Side
from flowrun.render.diff import diff_content, diff_text, summary_text
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.notes import deals_text, impact_content, impact_notes
from flowrun.render.review import review
from flowrun.store.identity import without_password

_SHORT = 7


def proposal_text(proposal: Proposal, *, samples: bool = False) -> list[Line]:
    """For people, in the layout of cli.md's example. `samples` names some of the deals."""
    lines = [line(Run(_title(proposal), Ink.BOLD)), *_body(proposal, samples=samples)]
    if not proposal.changes_anything:
        lines.append(line("No changes: the store is as the files say."))
        return lines
    lines.append(line(_summary(proposal)))
    return lines + _refused(proposal.difference.refusals)


def proposal_markdown(proposal: Proposal, *, samples: bool = False) -> str:
    """The same for a comment in a pull request."""
    summary = _summary(proposal) if proposal.changes_anything else "No changes: the store is as the files say."
    refused = _refused(proposal.difference.refusals)
    return review(_title(proposal), summary, _compared(proposal), _body(proposal, samples=samples), refused)


def proposal_content(proposal: Proposal) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes")."""
    found = proposal.difference
    return {
        "base_revision": found.base.number if found.base else None,
        **diff_content(_compared(proposal)),
        "impact": impact_content(found.impact),
        "refusals": [{"rail": str(one.rail), "message": one.message, "allow": one.allow} for one in found.refusals],
    }


def comparison_text(compared: Comparison, folder: str) -> list[Line]:
    """Two versions of the files, for people."""
    lines = [line(Run(_versions(compared, folder), Ink.BOLD)), *diff_text(compared, impact_notes(compared, None))]
    return [*lines, line(_no_deals(compared))]


def comparison_markdown(compared: Comparison, folder: str) -> str:
    """The same for a comment in a pull request."""
    body = diff_text(compared, impact_notes(compared, None))
    return review(_versions(compared, folder), _no_deals(compared), compared, body, [])


def comparison_content(compared: Comparison) -> dict[str, object]:
    """The document of a proposal without a store: nothing is known of deals, so `impact.deals` is null."""
    return {
        "base_revision": None,
        "base": _side_content(compared.before),
        "head": _side_content(compared.after),
        **diff_content(compared),
        "impact": {"tunnels": {}, "deals": None},
        "refusals": [],
    }


def _side_content(side: Side) -> dict[str, object]:
    return {"ref": side.ref, "commit": side.commit}


def _versions(compared: Comparison, folder: str) -> str:
    return f"{_folder(folder)}   {_label(compared.before)} → {_label(compared.after)}"


def _no_deals(compared: Comparison) -> str:
    return summary_text(compared.plan) if compared.plan else "No changes: both mean the same."


def _compared(proposal: Proposal) -> Comparison:
    base, author = proposal.difference.base, proposal.author
    before = Side(base.flow, base.places, base.number, commit=base.author.commit) if base else Side(None)
    after = Side(proposal.flow, proposal.places, commit=author.commit, dirty=author.dirty, named=proposal.named)
    return Comparison(before, after, proposal.difference.plan)


def _label(side: Side) -> str:
    """`revision 41 (3f2a9c1)`, `main (3f2a9c1)`, `files at 9b07e55 with changes`, `no revision yet`."""
    commit = (side.commit or "")[:_SHORT]
    name = f"revision {side.revision}" if side.revision is not None else side.ref
    if name is not None:
        return f"{name} ({commit})" if commit and not name.startswith(commit) else name
    if side.flow is None:
        return "no revision yet"
    what = side.named or "files"
    return what + (f" at {commit}" if commit else "") + (" with changes" if commit and side.dirty else "")


def _title(proposal: Proposal) -> str:
    compared = _compared(proposal)
    files = "" if proposal.folder is None else f"{_folder(proposal.folder)} → "
    return f"{files}{without_password(proposal.store)}   {_label(compared.before)} → {_label(compared.after)}"


def _folder(folder: str) -> str:
    return f"{folder.rstrip('/')}/"


def _body(proposal: Proposal, *, samples: bool) -> list[Line]:
    compared = _compared(proposal)
    return diff_text(compared, impact_notes(compared, _impact(proposal), samples=samples))


def _impact(proposal: Proposal) -> Impact | None:
    return proposal.difference.impact if proposal.difference.base is not None else None


def _summary(proposal: Proposal) -> str:
    impact = _impact(proposal)
    return summary_text(proposal.difference.plan) + (f" {deals_text(impact)}" if impact is not None else "")


def _refused(refusals: Iterable[Refusal]) -> list[Line]:
    lines = []
    for refusal in refusals:
        lines.append(line(Run("refused: ", Ink.ERROR), f"{refusal.message} ({refusal.rail})"))
        lines.append(line(Run("help: ", Ink.CYAN), refusal.help))
    return lines
