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
    return f"{_folder(folder)}   {compared.before.label} → {compared.after.label}"


def _no_deals(compared: Comparison) -> str:
    return summary_text(compared.plan) if compared.plan else "No changes: both mean the same."


def _compared(proposal: Proposal) -> Comparison:
    base = proposal.difference.base
    before = "no revision yet" if base is None else f"revision {base.number}"
    if base is not None and base.author.commit:
        before += f" ({base.author.commit[:_SHORT]})"
    after = proposal.named or files_label(proposal.author.commit, dirty=proposal.author.dirty)
    return Comparison(
        Side(before, base.flow if base else None, base.places if base else {}),
        Side(after, proposal.flow, proposal.places),
        proposal.difference.plan,
    )


def files_label(commit: str | None, *, dirty: bool | None) -> str:
    """`files at 9b07e55 with changes`."""
    return "files" + (f" at {commit[:_SHORT]}{' with changes' if dirty else ''}" if commit else "")


def _title(proposal: Proposal) -> str:
    compared = _compared(proposal)
    files = "" if proposal.folder is None else f"{_folder(proposal.folder)} → "
    return f"{files}{proposal.store}   {compared.before.label} → {compared.after.label}"


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
