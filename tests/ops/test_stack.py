"""How a stack is found: the local one by its file, a deployed one by the Pulumi CLI or a file of outputs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops.errors import (
    LocalStackAbsentError,
    OutputAbsentError,
    OutputsUnreadableError,
    PulumiAbsentError,
    PulumiFailedError,
)
from ops.stack import load_stack

LOCAL = {
    "endpoint_url": "http://127.0.0.1:4566",
    "region": "eu-north-1",
    "account_id": "000000000000",
    "access_key_id": "test",
    "secret_access_key": "test",
    "outputs": {"data_lake_bucket": "lake"},
}
DEPLOYED = {
    "data_lake_bucket": "lake",
    "data_lake_bucket_arn": "arn:aws:s3:::lake",
    "mqtt_topics": {"temperature": "p/+/temperature"},
    "simulator_function_arn": "arn:aws:lambda:sa-east-1:123456789012:function:simulator",
}


def written(folder: Path, document: object) -> Path:
    file = folder / "outputs.json"
    file.write_text(json.dumps(document))
    return file


def fake_pulumi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a ``pulumi`` on the path, and nothing else but the shell that runs it."""
    executable = folder / "pulumi"
    executable.write_text(f"#!/bin/sh\n{script}\n")
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.defpath}")


def test_the_local_stack_is_reached_at_its_endpoint_with_its_own_credentials(tmp_path: Path) -> None:
    stack = load_stack("local", local_file=written(tmp_path, LOCAL))
    assert stack.outputs.data_lake_bucket == "lake"
    for client in (stack.s3, stack.sqs, stack.dynamodb, stack.functions, stack.iot_data):
        assert client.meta.endpoint_url == "http://127.0.0.1:4566"
        assert client.meta.region_name == "eu-north-1"
    assert stack.s3.meta.config.s3["addressing_style"] == "path"


def test_without_a_local_stack_the_command_that_starts_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalStackAbsentError, match="make local KEEP=1"):
        load_stack("local", local_file=tmp_path / "stack.json")


def test_a_deployed_stack_takes_its_region_from_its_arns(tmp_path: Path) -> None:
    stack = load_stack("prod", written(tmp_path, DEPLOYED))
    assert stack.endpoint_url is None
    assert stack.sqs.meta.region_name == "sa-east-1"


def test_the_file_of_a_local_stack_is_read_as_one_wherever_it_lies(tmp_path: Path) -> None:
    assert load_stack("kept", written(tmp_path, LOCAL)).endpoint_url == LOCAL["endpoint_url"]


def test_the_pulumi_cli_is_asked_for_the_outputs_of_the_named_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = json.dumps(DEPLOYED)
    fake_pulumi(tmp_path, monkeypatch, f"echo \"$@\" > {tmp_path}/asked; echo '{outputs}'")
    read = load_stack("dev").outputs
    assert {name: getattr(read, name) for name in DEPLOYED} == DEPLOYED
    assert (tmp_path / "asked").read_text().split() == [
        "stack",
        "output",
        "--json",
        "--non-interactive",
        "--stack",
        "dev",
    ]


def test_what_the_pulumi_cli_refuses_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pulumi(tmp_path, monkeypatch, "echo \"error: no stack named 'dev' found\" >&2; exit 255")
    with pytest.raises(PulumiFailedError, match=r"no stack named 'dev' found.*pulumi stack ls"):
        load_stack("dev")


def test_without_the_pulumi_cli_the_other_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PulumiAbsentError, match="--outputs FILE"):
        load_stack("dev")


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_a_file_that_holds_no_outputs_says_how_to_make_one(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "outputs.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(OutputsUnreadableError, match="pulumi stack output --json"):
        load_stack("dev", file)


def test_a_missing_output_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    outputs = load_stack("dev", written(tmp_path, DEPLOYED)).outputs
    with pytest.raises(OutputAbsentError, match=r"no output dead_letter_queue_url .it has data_lake_bucket"):
        _ = outputs.dead_letter_queue_url


def test_an_output_of_another_type_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(OutputsUnreadableError, match="lake_shards"):
        load_stack("dev", written(tmp_path, DEPLOYED | {"lake_shards": "many"}))


def test_an_output_that_an_older_release_lacks_may_have_a_default_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    outputs = load_stack("dev", written(tmp_path, DEPLOYED | {"of_a_newer_release": 1})).outputs
    assert outputs.channels_key is None
    assert outputs.has("mqtt_topics")
    assert not outputs.has("device_group_name")


def test_a_local_file_that_lacks_a_part_is_not_taken_for_a_stack(tmp_path: Path) -> None:
    partial: dict[str, Any] = {name: value for name, value in LOCAL.items() if name != "outputs"}
    with pytest.raises(OutputsUnreadableError, match="outputs"):
        load_stack("local", local_file=written(tmp_path, partial))
