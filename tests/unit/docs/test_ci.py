"""The workflows to copy are YAML, and what they run is there: commands, and shell that parses."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from flowrun.cli.catalogue import COMMANDS
from flowrun.cli.frame import root

TOP = Path(__file__).parent.parent.parent.parent
WORKFLOWS = sorted((TOP / "docs" / "ci").glob("*.yaml"))
COMMAND = re.compile(r"\bflowrun(?: --\w+ \S+)* ([a-z]+)([^\n|>]*)")
OPTION = re.compile(r"(?<=\s)--[a-z-]+")
SCRIPTS = ("run", "script", "before_script")


def scripts(node: Any) -> Iterator[str]:
    """Every piece of shell of a workflow."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in SCRIPTS:
                yield "\n".join(value) if isinstance(value, list) else value
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.name)
def test_what_a_workflow_runs_is_there(workflow: Path) -> None:
    text = "\n".join(scripts(yaml.safe_load(workflow.read_text("utf-8"))))
    used = COMMAND.findall(text.replace("pip install flowrun", ""))
    assert {"validate", "test", "diff", "apply"} <= {name for name, _ in used} <= {*COMMANDS}
    context = click.Context(root)
    for name, rest in used:
        command = root.get_command(context, name)
        assert command is not None
        there = {option for parameter in command.params for option in parameter.opts}
        assert {*OPTION.findall(rest)} <= there, name
    assert subprocess.run(["/bin/sh", "-n"], input=text, text=True, capture_output=True).stderr == ""


def test_there_is_one_for_each() -> None:
    assert [workflow.name for workflow in WORKFLOWS] == ["github.yaml", "gitlab.yaml"]


def test_jobs_of_github_name_jobs_and_hold_no_more_rights_than_they_need() -> None:
    workflow = yaml.safe_load((TOP / "docs/ci/github.yaml").read_text("utf-8"))
    jobs = workflow["jobs"]
    assert all(job.get("needs", "check") in jobs for job in jobs.values())
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs.items() if "write" in job.get("permissions", {}).values()] == ["comment"]
    shell = "\n".join(scripts(jobs))
    assert "${{" not in shell, "what a stranger names would run as shell"


def test_jobs_of_gitlab_stand_in_stages() -> None:
    workflow = yaml.safe_load((TOP / "docs/ci/gitlab.yaml").read_text("utf-8"))
    jobs = {name: job for name, job in workflow.items() if name != "stages" and not name.startswith(".")}
    assert {job["stage"] for job in jobs.values()} == set(workflow["stages"])
    assert all(job["extends"] in workflow for job in jobs.values())


def test_the_hook_for_pre_commit_runs_validate() -> None:
    (hook,) = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert (hook["id"], hook["entry"], hook["pass_filenames"]) == ("flowrun-validate", "flowrun validate", False)
    assert re.search(hook["files"], "flows/sales.yaml")
    assert not re.search(hook["files"], "flows/sales.py")
