"""The deployer creates what a program registers, as it registered it, or says what it cannot."""

import json
from pathlib import Path

import pulumi
import pytest

from infra.local.engine.deploy import DeployError, Deployment, deploy
from infra.local.engine.emulator import Endpoint
from infra.local.engine.mapping import UnmappedInputError, to_parameters
from infra.local.engine.program import StackConfigError, stack_config
from infra.local.engine.resources import KINDS
from tests.emulator.conftest import Laptop
from tests.emulator.waiting import invoke


def program(folder: Path, body: str) -> Path:
    (folder / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (folder / "__main__.py").write_text("import pulumi, pulumi_aws as aws\n" + body)
    return folder


def test_every_type_that_is_known_here_was_deployed_by_the_sample_or_by_the_real_program(
    sample: Deployment, laptop: Laptop
):
    deployed = {each.type for each in (*sample.registrations, *laptop.deployment.registrations)}
    assert set(KINDS) <= deployed


def test_outputs_come_back_with_configuration_defaults_overrides_and_secrets_in_clear(sample: Deployment):
    assert sample.outputs["machines"] == ["PUMP-A01", "PUMP-A02"]
    assert sample.outputs["greeting"] == "good day"
    assert sample.outputs["account"] == "000000000000"


def test_generated_names_follow_the_projects_pattern(sample: Deployment):
    project, stack, *_ = sample.outputs["bucket"].split("-")
    assert (project, stack) == ("sample", "dev")


def test_components_and_providers_are_recorded_but_not_counted_as_resources(sample: Deployment):
    not_made = [each for each in sample.registrations if each.type in {"sample:index:Lake", "pulumi:providers:aws"}]
    assert len(not_made) == 2
    assert sample.resources == len(sample.registrations) - 2


def test_inputs_reach_aws_in_its_own_terms(endpoint: Endpoint, sample: Deployment):
    s3, bucket = endpoint.client("s3"), sample.outputs["bucket"]
    rule = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]
    assert rule["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "own", "Value": "yes"}]
    table = sample.outputs["table_arn"].split("/")[1]
    backups = endpoint.client("dynamodb").describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    attributes = endpoint.client("sqs").get_queue_attributes(
        QueueUrl=sample.outputs["queue_url"], AttributeNames=["All"]
    )
    assert json.loads(attributes["Attributes"]["RedrivePolicy"])["maxReceiveCount"] == 5


def test_default_tags_of_the_provider_reach_what_takes_tags(endpoint: Endpoint, sample: Deployment):
    tags = endpoint.client("iam").list_role_tags(RoleName=sample.outputs["role"])["Tags"]
    assert {"Key": "project", "Value": "sample"} in tags


def test_a_function_has_its_layer_and_is_denied_what_its_role_does_not_allow(endpoint: Endpoint, sample: Deployment):
    assert invoke(endpoint, sample.outputs["function"], {})["layer"] == "from the layer"
    denied = invoke(endpoint, sample.outputs["function"], {"deny": True})
    assert "not authorized to perform: s3:PutObject" in denied["errorMessage"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("aws.ec2.Vpc('net', cidr_block='10.0.0.0/16')", "no resource type aws:ec2/vpc:Vpc"),
        ("aws.sns.Topic('topic', firehose_success_feedback_sample_rate=5)", "nothing for the input"),
        ("aws.get_availability_zones()", "no provider function"),
        ("aws.s3.Bucket.get('old', 'old-bucket')", "is read, not made"),
        ("aws.s3.Bucket('b', bucket='No_Such_Name')", "InvalidBucketName"),
    ],
)
def test_what_cannot_be_deployed_raises_and_says_what(endpoint: Endpoint, tmp_path: Path, body: str, says: str):
    with pytest.raises((DeployError, LookupError), match=says):
        deploy(endpoint, root=program(tmp_path, body))


def test_an_error_of_the_program_itself_is_raised_as_it_is(endpoint: Endpoint, tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        deploy(endpoint, root=program(tmp_path, "1 / 0"))


def test_a_deployment_leaves_no_pulumi_settings_behind(endpoint: Endpoint, tmp_path: Path):
    deploy(endpoint, root=program(tmp_path, "pulumi.export('x', 1)"))
    assert pulumi.get_stack() != "local"


def test_encrypted_configuration_is_refused_by_name(tmp_path: Path):
    program(tmp_path, "")
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  small:token:\n    secure: abc\n")
    with pytest.raises(StackConfigError, match="small:token is encrypted"):
        stack_config("local", tmp_path)


def test_an_input_that_the_operation_lacks_is_named_with_its_path(endpoint: Endpoint):
    shape = endpoint.client("sqs").meta.service_model.operation_model("CreateQueue").input_shape
    with pytest.raises(UnmappedInputError, match=r"'colour'"):
        to_parameters("sqs.create_queue", shape, {"queueName": "q", "colour": "red"}, {})
