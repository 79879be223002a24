"""What runs on GitHub: with read access unless a job says otherwise, and a release by pinned code alone."""

import re

import pytest
import yaml

from tests.unit.test_architecture import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_what_writes_says_so_in_its_job(path):
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_hash_with_its_version_beside_it_and_keeps_no_credentials(path):
    text = path.read_text()
    actions = re.findall(r"uses: (.+)", text)
    assert actions
    assert all(re.match(r"[\w/-]+@[0-9a-f]{40} # v\d", action) for action in actions)
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_workflow_makes_a_stack():
    for path in WORKFLOWS:
        assert "stack init" not in path.read_text()
        assert "upsert: true" not in path.read_text()
    assert "$(if $(CI),,--create)" in (ROOT / "Makefile").read_text()


def test_a_release_uses_no_stored_secret():
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()


def test_each_make_target_of_a_workflow_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in WORKFLOWS:
        for command in re.findall(r"run: make ([a-z ]+)", path.read_text()):
            assert set(command.split()) <= targets
