"""What the launcher changes in the emulator is there, does what AWS does, and cannot go missing unnoticed."""

import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from infra.local.engine import environments, launcher
from infra.local.engine.deploy import Deployment
from infra.local.engine.emulator import Emulator, Endpoint, answers, running
from infra.local.engine.environments import lambda_interpreter
from tests.emulator.waiting import eventually, invoke


def test_a_patched_name_that_is_gone_is_an_error_that_names_it():
    with pytest.raises(launcher.EmulatorChangedError, match=r"some_module\._missing"):
        launcher.patch(ModuleType("some_module"), "_missing", 1)


def test_lambda_workers_have_only_what_lambda_has(endpoint: Endpoint, sample: Deployment):
    answer = invoke(endpoint, sample.outputs["function"], {})
    assert Path(answer["prefix"]) == lambda_interpreter().parents[1]
    code = "import importlib.util as u; print([n for n in ('polars', 'pydantic', 'ministack') if u.find_spec(n)])"
    found = subprocess.run([lambda_interpreter(), "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_devices_are_served_on_loopback_alone(endpoint: Endpoint):
    with socket.create_connection(("127.0.0.1", endpoint.mqtt_port), timeout=5):
        pass
    with pytest.raises(OSError, match=r"refused|unreachable|assign|timed out"):
        socket.create_connection(("127.0.0.2", endpoint.mqtt_port), timeout=5)  # where a listener on 0.0.0.0 answers


def test_an_event_source_mapping_waits_for_its_window_and_takes_its_batch_size(endpoint: Endpoint, sample: Deployment):
    iot, s3 = endpoint.client("iot-data"), endpoint.client("s3")
    for number in range(120):
        iot.publish(topic="sample/A/temperature", payload=str(number).encode())

    def sizes() -> list[int]:
        objects = s3.list_objects_v2(Bucket=sample.outputs["bucket"], Prefix="raw/").get("Contents", [])
        counts = [int(each["Key"].removeprefix("raw/").split("-")[0]) for each in objects]
        return sorted(counts) if sum(counts) == 120 else []

    batches = eventually(sizes, within=30, what="120 messages in the lake")
    assert max(batches) == 50
    assert len(batches) < 120 / 10  # the stock emulator takes 10 at most


def test_an_exception_keeps_its_class_where_step_functions_looks(endpoint: Endpoint, sample: Deployment):
    assert invoke(endpoint, sample.outputs["function"], {"fail": True})["errorType"] == "TooWarmError"
    machines = endpoint.client("stepfunctions")
    role = endpoint.client("iam").get_role(RoleName=sample.outputs["role"])["Role"]["Arn"]
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": sample.outputs["function"], "Payload": {"fail": True}},
        "Catch": [{"ErrorEquals": ["TooWarmError"], "Next": "Cool"}],
        "End": True,
    }
    definition = {
        "StartAt": "Call",
        "States": {"Call": call, "Cool": {"Type": "Pass", "Result": "cooled", "End": True}},
    }
    arn = machines.create_state_machine(name="catching", definition=json.dumps(definition), roleArn=role)[
        "stateMachineArn"
    ]
    execution = machines.start_execution(stateMachineArn=arn)["executionArn"]

    def ended() -> dict[str, str] | None:
        execution_state = machines.describe_execution(executionArn=execution)
        return None if execution_state["status"] == "RUNNING" else execution_state

    assert eventually(ended, within=20, what="the state machine's end")["output"] == '"cooled"'


def test_the_scheduler_fires_within_seconds_of_the_time_it_was_given(endpoint: Endpoint, sample: Deployment):
    sqs = endpoint.client("sqs")
    queue = sqs.create_queue(QueueName="fired")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = endpoint.client("iam").get_role(RoleName=sample.outputs["role"])["Role"]["Arn"]
    endpoint.client("scheduler").create_schedule(
        Name="once",
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role, "Input": '{"fired": true}'},
    )
    body = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), within=6, what="the firing")[0][
        "Body"
    ]
    assert json.loads(body) == {"fired": True}


def test_an_environment_is_made_once_and_again_when_its_lock_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    commands: list[str] = []

    def uv(name: str, lock: Path, *arguments: str) -> None:
        commands.append(arguments[0])
        python = tmp_path / "envs" / name / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(environments, "_uv", uv)
    lock = tmp_path / "lock.txt"
    made: list[int] = []
    for content in ("boto3==1", "boto3==1", "boto3==2"):
        lock.write_text(content)
        environments.interpreter("small", lock, build=tmp_path)
        made.append(commands.count("venv"))
    assert made == [1, 1, 2]


def test_an_environment_that_cannot_be_made_says_what_uv_said(tmp_path: Path):
    lock = tmp_path / "lock.txt"
    lock.write_text("no-such-distribution-anywhere==1 --hash=sha256:00\n")
    with pytest.raises(environments.EnvironmentBuildError, match=r"'small' could not be made from lock\.txt"):
        environments.interpreter("small", lock, build=tmp_path)
    assert not (tmp_path / "envs" / "small" / "lock-key").exists()


HOLDER = """
import sys, time
from pathlib import Path
from infra.local.engine.emulator import Emulator, signals_raise
with signals_raise(), Emulator(Path(sys.argv[1])) as emulator:
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_emulator_outlives_what_started_it(tmp_path: Path, ending: signal.Signals):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as holder:
        assert holder.stdout.readline() == b"up\n"
        held = running(tmp_path)
        assert held is not None
        holder.send_signal(ending)
        holder.wait(20)
    eventually(lambda: not answers(held), within=10, what="the end of the emulator")


def test_a_kept_emulator_stays_until_the_next_run_in_its_folder(tmp_path: Path):
    with Emulator(tmp_path, keep=True) as first:
        pass
    kept = running(tmp_path)
    assert kept == first.endpoint
    with Emulator(tmp_path) as second:
        assert running(tmp_path) == second.endpoint != kept
        assert not answers(kept)
        first._process.wait(5)
    assert running(tmp_path) is None
