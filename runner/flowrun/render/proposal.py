"""A proposal, which is what `diff` and `apply` show: the changes, and what they do to the live deals."""

from __future__ import annotations

from flowrun.engine.deploy import Proposal
from flowrun.flow.model import Action, Mode
from flowrun.plan import ChangeAction, ChangeKind, Figure
from flowrun.render.diff import Notes, diff_content, diff_markdown, diff_text, summary_text
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import counted

_SHORT = 7


def proposal_text(proposal: Proposal) -> list[Line]:
    """For people, in the layout of cli.md's example; also pastes well into a pull request."""
    found = proposal.difference
    lines = [line(Run(_title(proposal), Ink.BOLD))]
    lines += diff_text(found.plan, proposal.places, _notes(proposal))
    if not proposal.changes_anything:
        lines.append(line("No changes: the store is as the files say."))
        return lines
    lines.append(line(f"{summary_text(found.plan)} {_deals_text(proposal)}".rstrip()))
    for refusal in found.refusals:
        lines.append(line(Run("refused: ", Ink.ERROR), f"{refusal.message} ({refusal.rail})"))
        lines.append(line(Run("help: ", Ink.CYAN), refusal.help))
    return lines


def proposal_markdown(proposal: Proposal) -> str:
    """The same for a comment in a pull request."""
    return diff_markdown(_title(proposal), proposal_text(proposal)[1:])


def proposal_content(proposal: Proposal) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes")."""
    found = proposal.difference
    impact: dict[str, object] = {
        "tunnels": {
            tunnel: {str(figure): effect[figure] for figure in Figure}
            for tunnel, effect in found.impact.tunnels.items()
        },
        "deals": {
            "relocated": found.impact.relocated,
            "moved": found.impact.moved,
            "copied": found.impact.copied,
        },
    }
    refusals = [{"rail": str(one.rail), "message": one.message, "allow": one.allow} for one in found.refusals]
    base = found.base.number if found.base else None
    return diff_content(found.plan, proposal.places, base, impact, refusals)


def _title(proposal: Proposal) -> str:
    base = proposal.difference.base
    before = "no revision yet" if base is None else f"revision {base.number}"
    if base is not None and base.author.commit:
        before += f" ({base.author.commit[:_SHORT]})"
    after = proposal.named or "files"
    if proposal.author.commit:
        after += f" at {proposal.author.commit[:_SHORT]}" + (" with changes" if proposal.author.dirty else "")
    files = "" if proposal.folder is None else f"{proposal.folder.rstrip('/')}/ → "
    return f"{files}{proposal.store}   {before} → {after}"


def _notes(proposal: Proposal) -> Notes:
    """How many deals each new or changed tunnel would take at once."""
    notes: dict[tuple[ChangeKind, str, str | None], str] = {}
    for change in proposal.difference.plan.changes:
        if change.kind is not ChangeKind.TUNNEL or change.action is ChangeAction.REMOVE:
            continue
        count = proposal.difference.impact.of(change.id)[Figure.NOW]
        if count:
            verb = "would qualify now" if _is_shadow(proposal, change.id) else _verb(proposal, change.id)
            notes[change.kind, change.id, None] = f"{counted(count, 'deal')} {verb}"
    return notes


def _verb(proposal: Proposal, tunnel: str) -> str:
    return "copied at once" if proposal.flow.tunnels[tunnel].action is Action.COPY else "moved at once"


def _is_shadow(proposal: Proposal, tunnel: str) -> bool:
    return proposal.flow.tunnels[tunnel].mode is Mode.SHADOW


def _deals_text(proposal: Proposal) -> str:
    if proposal.difference.base is None:
        return ""
    impact = proposal.difference.impact
    return f"Deals: {impact.moved:,} moved, {impact.copied:,} copied at once."
