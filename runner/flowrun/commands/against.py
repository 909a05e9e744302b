"""`flowrun diff --against`: what is different between two git revisions of the files, without a store."""

from __future__ import annotations

from dataclasses import replace

from flowrun.commands import git
from flowrun.commands.project import Project
from flowrun.config import load_texts
from flowrun.diagnostics import Diagnostic, has_errors
from flowrun.errors import InvalidFlow, WorkFailed
from flowrun.plan import Comparison, Side, changes
from flowrun.sources.registry import KINDS


def against(project: Project, revisions: str) -> Comparison:
    """Compare `A` with the files here, `A..B` with B, or `A...B`: where the two parted with B. An empty end is HEAD.

    A folder that the first one doesn't have is an empty one: everything is added. An environment or variable that the
    first one doesn't declare is left out there. Raises WorkFailed for what git doesn't have, InvalidFlow for files with
    errors on either side.
    """
    repository = git.repository(project.folder)
    first, dots, second = _ends(revisions)
    base = repository.commit(first)
    if not dots:
        flow, loaded = project.flow()
        commit = git.commit(project.folder)
        dirty = None if commit is None else git.changed(project.folder)
        after = Side(flow, loaded.places, commit=commit, dirty=dirty)
    else:
        head = repository.commit(second)
        if dots == "...":
            base = repository.merge_base(base, head)
        after = _side(project, repository, head, lenient=False)
        if after.flow is None:
            raise WorkFailed(f"there are no flow files in {project.folder} at {head.ref}", "check --flows")
    before = _side(project, repository, base, lenient=True)
    assert after.flow is not None
    return Comparison(before, after, changes(before.flow, after.flow))


def _ends(revisions: str) -> tuple[str, str, str]:
    for dots in ("...", ".."):
        first, found, second = revisions.partition(dots)
        if found:
            return first or "HEAD", dots, second or "HEAD"
    return revisions, "", ""


def _side(project: Project, repository: git.Repository, commit: git.Commit, *, lenient: bool) -> Side:
    texts = {f"{project.folder.as_posix()}/{name}": data for name, data in repository.texts(commit).items()}
    if not texts:
        return Side(None, ref=commit.ref, commit=commit.hash)
    loaded = load_texts(texts, environment=project.environment, variables=project.variables, kinds=KINDS)
    if lenient and (known := _without_unknown(project, loaded.findings)) != project:
        project = known
        loaded = load_texts(texts, environment=project.environment, variables=project.variables, kinds=KINDS)
    if loaded.flow is None or has_errors(loaded.findings):
        named = {f"{commit.ref}:{name}": data for name, data in texts.items()}
        loaded = load_texts(named, environment=project.environment, variables=project.variables, kinds=KINDS)
        error = InvalidFlow(loaded.findings, loaded.sources)
        error.subject = f"the flow files at {commit.ref} have"
        raise error
    return Side(loaded.flow, loaded.places, ref=commit.ref, commit=commit.hash)


def _without_unknown(project: Project, findings: tuple[Diagnostic, ...]) -> Project:
    """The project without the environment and the variables that these files don't declare yet."""
    unknown = {finding.span.line for finding in findings if finding.code == "FR505" and finding.span.file == "--var"}
    variables = {
        name: text for line, (name, text) in enumerate(project.variables.items(), start=1) if line not in unknown
    }
    absent = any(finding.code == "FR506" and finding.span.file == "--env" for finding in findings)
    return replace(project, environment=None if absent else project.environment, variables=variables)
