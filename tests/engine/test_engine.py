"""What only the engine can say: diffs, names, protection, and what the command line makes of a value.

The tests are one story of one stack, in this order. They run where a Pulumi CLI is on PATH.
"""

import json

import pytest

from contract.functions import FUNCTIONS
from tests.engine.conftest import Project
from tests.infra.evaluation import evaluate_stack

pytestmark = pytest.mark.verify


def test_a_preview_of_an_empty_stack_would_create_what_the_program_registers(project: Project):
    steps = project.preview()
    assert {step["op"] for step in steps.values()} == {"create"}
    registered = {f"{each.type}::{each.name}" for each in evaluate_stack(preview=True).registrations}
    assert {name for name in steps if not name.startswith("pulumi:pulumi:Stack")} == registered


def test_an_update_makes_it_all_and_names_it_within_the_limits(project: Project):
    project.pulumi("up", "--yes", "--skip-preview")
    resources = json.loads(project.pulumi("stack", "export"))["deployment"]["resources"]
    named = {each["urn"].rpartition("::")[2]: each for each in resources}
    assert named["ingestion-readings-role"]["inputs"]["name"].startswith("dev-ingestion-readings-role-")
    assert named["data-lake"]["type"] in {"mlops:lake:DataLake", "aws:s3/bucket:Bucket"}
    tables = [each["inputs"]["name"] for each in resources if each["type"] == "aws:dynamodb/table:Table"]
    assert tables
    assert all(name.startswith("mlops-industrial-dev-") for name in tables)


def test_the_same_program_once_more_changes_nothing(project: Project):
    project.pulumi("preview", "--expect-no-changes")


def test_a_changed_key_changes_what_it_says_and_nothing_else(project: Project):
    project.pulumi("config", "set", "lambdaMemoryMb", "512")
    steps = project.preview()
    assert {step["op"] for step in steps.values()} == {"update"}
    changed = {name for name in steps if name.startswith("aws:lambda/function:Function::")}
    assert changed == set(steps), "functions alone"
    assert all(set(step["detailedDiff"] or {"memorySize": 0}) == {"memorySize"} for step in steps.values())
    assert 3 <= len(changed) < len(FUNCTIONS)
    project.pulumi("config", "rm", "lambdaMemoryMb")


@pytest.mark.parametrize(
    ("words", "of_the_provider"),
    [
        (("--path", "tags.CostCenter", "4711"), True),
        (("--path", "tags.Critical", "true"), True),
        (("--path", "aws:allowedAccountIds[0]", "123456789012"), True),
        (("aws:maxRetries", "7"), True),
        (("lambdaTimeoutSeconds", "45"), False),
        (("--path", "reservedConcurrency.ingestion", "20"), False),
    ],
)
def test_what_the_command_line_stores_is_understood(project: Project, words, of_the_provider):
    key = words[-2].split(".")[0].split("[")[0]
    before = (project.folder / "Pulumi.dev.yaml").read_text()
    project.pulumi("config", "set", *words)
    steps = project.preview()
    assert any(name.startswith("pulumi:providers:aws") for name in steps) is of_the_provider, key
    assert steps
    (project.folder / "Pulumi.dev.yaml").write_text(before)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lambdaMemoryMb", "much"), "must be of type 'integer'"),
        (("lambdaMemoryMb", "64"), "greater than or equal to 128"),
        (("machineId", "A"), "Did you mean machineIds?"),
        (("owner", "a;b"), "pattern"),
        (("aws:region", "us-east1"), "pattern"),
        # Of these Pulumi itself knows the type, and takes what looks like a number for one.
        (("--path", "machineIds[0]", "101"), "must be of type 'array<string>'"),
        (("protectData", "yes"), "must be of type 'boolean'"),
    ],
)
def test_a_wrong_value_ends_the_preview_with_the_key_and_the_reason(project: Project, words, says):
    before = (project.folder / "Pulumi.dev.yaml").read_text()
    project.pulumi("config", "set", *words)
    ran = project.run("preview")
    assert ran.returncode != 0
    assert says in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    (project.folder / "Pulumi.dev.yaml").write_text(before)


def test_what_holds_data_is_protected_until_it_is_taken_back(project: Project):
    project.pulumi("config", "set", "protectData", "true")
    project.pulumi("up", "--yes", "--skip-preview")
    refused = project.run("destroy", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert "protected" in refused.stdout + refused.stderr
    project.pulumi("config", "set", "protectData", "false")
    project.pulumi("up", "--yes", "--skip-preview")
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert "resources" not in json.loads(project.pulumi("stack", "export"))["deployment"]
