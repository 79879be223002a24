"""What runs on GitHub: with read access unless a job says otherwise, and a release by pinned code alone."""

import re

import pytest
import yaml

from tests.unit.test_architecture import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_what_writes_says_so_in_its_job(path):
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_a_release_runs_pinned_actions_alone_and_uses_no_stored_secret():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    actions = re.findall(r"uses: (\S+)", text)
    assert actions
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)
    assert "secrets." not in text


def test_each_make_target_of_a_workflow_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in WORKFLOWS:
        for command in re.findall(r"run: make ([a-z ]+)", path.read_text()):
            assert set(command.split()) <= targets
