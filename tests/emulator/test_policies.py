"""Each role may do what it needs, and nothing else.

What a function does itself is tried: an action is taken away and the function must fail. Exempt is what AWS does with
a function's role, which the emulator does without asking IAM: writing the log, polling the queue, keeping the events
that an asynchronous run failed on (test_roles_on_behalf.py).
"""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest

from infra.local.run.reconciliation import wait_until_drained
from mlops_core.lake import encode_events
from mlops_core.telemetry import Event
from tests.emulator import model_events
from tests.emulator.conftest import Laptop
from tests.emulator.model_events import Models
from tests.emulator.pipeline_events import event_for
from tests.emulator.roles import ON_BEHALF, PIPELINE, inline_policy, may, policy, role_of
from tests.emulator.waiting import eventually, invoke
from tests.infra.evaluation import evaluate_stack

COUNTING = {"processing": "processing-features-policy", "training_set": "training-set-policy"}
"""The functions that count events, and their roles' policies in the program."""


def lacking_one_action(statements: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each way of taking one action of one statement away; the statement goes with its last action."""
    for index, statement in enumerate(statements):
        for action in statement["Action"]:
            kept = [each for each in statement["Action"] if each != action]
            rest = [{**statement, "Action": kept}] if kept else []
            yield f"{statement['Sid']}: {action}", [*statements[:index], *rest, *statements[index + 1 :]]


Try = Callable[[str], str]
"""Has a function do all that it can; returns how it failed, or nothing where it did not."""


def failed(laptop: Laptop, function: str, event: dict[str, Any]) -> str:
    answer = invoke(laptop.endpoint, laptop.stack.outputs.function_name(function), event)
    is_refused = answer.get("statusCode", HTTPStatus.OK) not in {HTTPStatus.OK, HTTPStatus.CREATED}
    return str(answer.get("errorMessage") or answer.get("batchItemFailures") or (answer if is_refused else ""))


@pytest.fixture
def attempt(rested: Laptop) -> Iterator[Try]:
    """Try a function of the pipeline."""

    def attempt(function: str) -> str:
        if function == "ingestion":
            restart(rested, function)  # it remembers alarms for a minute
        return failed(rested, function, event_for(rested, function))

    yield attempt
    wait_until_drained(rested.stack, timeout=60)


@pytest.fixture(scope="module")
def models(laptop: Laptop) -> Iterator[Models]:
    with model_events.models_in(laptop.stack) as standing:
        yield standing


@pytest.fixture
def attempt_with_models(laptop: Laptop, models: Models) -> Try:
    """Try a function of the models in a new process: one that holds a model goes on where it may no longer read it."""
    is_new = False

    def attempt(function: str) -> str:
        nonlocal is_new
        if not is_new:
            restart(laptop, function)
        failures = [failed(laptop, function, event) for event in models.events(function)]
        is_new = failures[-1] != ""  # the emulator ends the process of a run that failed
        return "; ".join(each for each in failures if each)

    return attempt


def restart(laptop: Laptop, function: str) -> None:
    """End the function's process, as any change of its configuration does."""
    client, name = laptop.endpoint.client("lambda"), laptop.stack.outputs.function_name(function)
    timeout = client.get_function_configuration(FunctionName=name)["Timeout"]
    client.update_function_configuration(FunctionName=name, Timeout=timeout)
    eventually(
        lambda: client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful",
        within=10,
        what=f"{name} takes its configuration",
    )


def works_without(laptop: Laptop, function: str, attempt: Try) -> list[str]:
    """The actions that the function's role grants and that the function does as well without."""
    role = role_of(laptop, function)
    own = [each for each in inline_policy(laptop, role)[1]["Statement"] if each["Sid"] not in ON_BEHALF]
    assert own
    unneeded: list[str] = []
    for taken, rest in lacking_one_action(own):
        with policy(laptop, role, rest):
            if not attempt(function):
                unneeded.append(taken)
    assert attempt(function) == "", "with all of them it works: what failed before, failed for want of one"
    return unneeded


def added_by_events(role: str) -> list[tuple[str, str]]:
    """What a role may do more in a stack that counts events: the statement, and the keys of the lake."""

    def granted(**config: object) -> set[tuple[str, str]]:
        document = evaluate_stack("local", config=config).of("RolePolicy")[role].inputs["policy"]
        return {(each["Sid"], keys) for each in json.loads(document)["Statement"] for keys in keys_of(each)}

    return sorted(granted(eventFeatures=["error"]) - granted())


def keys_of(statement: dict[str, Any]) -> list[str]:
    """The keys of the lake that a statement is about: those of its resources, or the prefixes that it may list."""
    listed = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", [])
    return [*listed, *(each.partition("/")[2] for each in statement["Resource"] if each.startswith("arn:aws:s3:"))]


def with_events(laptop: Laptop, own: list[dict[str, Any]], added: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The statements of the deployed stack, which counts no events, and what is added to each."""
    statements = deepcopy(own)
    by_sid = {statement["Sid"]: statement for statement in statements}
    for sid, keys in added:
        if "Condition" in by_sid[sid]:
            by_sid[sid]["Condition"]["StringLike"]["s3:prefix"].append(keys)
        else:
            by_sid[sid]["Resource"].append(f"{laptop.stack.outputs.data_lake_bucket_arn}/{keys}")
    return statements


@contextmanager
def counting_events(laptop: Laptop, function: str) -> Generator[None]:
    """The function with events among its features, for as long as the block lasts."""
    client, name = laptop.endpoint.client("lambda"), laptop.stack.outputs.function_name(function)
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables | {"EVENT_FEATURES": '["error"]'}}
    )
    restart(laptop, function)
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        restart(laptop, function)


@pytest.mark.parametrize("function", PIPELINE)
def test_a_function_fails_without_any_one_action_that_its_role_grants(rested: Laptop, function: str, attempt: Try):
    assert works_without(rested, function, attempt) == []


@pytest.mark.parametrize("function", model_events.FUNCTIONS)
def test_a_function_of_the_models_fails_without_any_one_action(laptop: Laptop, function: str, attempt_with_models: Try):
    assert works_without(laptop, function, attempt_with_models) == []


@pytest.mark.parametrize(("function", "role"), COUNTING.items())
def test_a_function_that_counts_events_fails_without_any_one_permission_that_this_adds(
    rested: Laptop, models: Models, function: str, role: str
):
    def attempt() -> str:
        now = datetime.now(UTC)
        event = Event(machine_id="POLICY-1", kind="error", event_code="E1", event_timestamp=now, received_at=now)
        for raw in encode_events([event]):
            rested.stack.lake.create(*raw)
        events = models.events(function) if function == "training_set" else [event_for(rested, function)]
        return "; ".join(each for event in events if (each := failed(rested, function, event)))

    added = added_by_events(role)
    own = inline_policy(rested, name := role_of(rested, function))[1]["Statement"]
    with counting_events(rested, function):
        with policy(rested, name, with_events(rested, own, added)):
            assert attempt() == ""
        unneeded: list[tuple[str, str]] = []
        for taken in added:
            with policy(rested, name, with_events(rested, own, [each for each in added if each != taken])):
                if not attempt():
                    unneeded.append(taken)
    assert len(added) > 3
    assert unneeded == []


def test_processing_cannot_write_raw_data_and_deletes_no_version_of_anything(laptop: Laptop):
    role, bucket = laptop.stack.outputs.processing_role_arn, laptop.stack.outputs.data_lake_bucket_arn
    assert may(laptop, role, "s3:GetObject", f"{bucket}/raw/x")
    assert may(laptop, role, "s3:PutObject", f"{bucket}/processed/features/x")
    assert may(laptop, role, "s3:DeleteObject", f"{bucket}/raw/x")  # a delete marker, once it is compacted
    refused = [
        ("s3:PutObject", "raw/x"),
        ("s3:DeleteObjectVersion", "raw/x"),
        ("s3:DeleteObject", "replaced/x"),
        ("s3:DeleteObject", "compacted/x"),
        ("s3:GetObject", "quarantine/x"),
    ]
    assert [each for each in refused if may(laptop, role, each[0], f"{bucket}/{each[1]}")] == []


def test_processing_may_invoke_itself_and_no_other_function(laptop: Laptop):
    client, role = laptop.endpoint.client("lambda"), laptop.stack.outputs.processing_role_arn
    arns = {
        function: client.get_function_configuration(FunctionName=laptop.stack.outputs.function_name(function))[
            "FunctionArn"
        ]
        for function in PIPELINE
    }
    assert {name for name, arn in arns.items() if may(laptop, role, "lambda:InvokeFunction", arn)} == {"processing"}


def test_the_simulator_cannot_publish_for_a_machine_that_is_not_its_own(laptop: Laptop):
    role = f"arn:aws:iam::000000000000:role/{role_of(laptop, 'simulator')}"
    topic = f"arn:aws:iot:us-east-1:000000000000:topic/{laptop.stack.topic_prefix}"
    own = laptop.stack.outputs.machine_ids[0]
    assert may(laptop, role, "iot:Publish", f"{topic}/{own}/temperature")
    assert not may(laptop, role, "iot:Publish", f"{topic}/{own}/pressure")
    assert not may(laptop, role, "iot:Publish", f"{topic}/SOMEBODY-ELSE/temperature")


def test_who_trains_cannot_promote_and_who_serves_cannot_write_models(laptop: Laptop):
    bucket = laptop.stack.outputs.data_lake_bucket_arn
    writes = {"training": f"{bucket}/models/v1/bundle.json", "promotion": f"{bucket}/models/champion.json"}
    for function in model_events.FUNCTIONS:
        role = f"arn:aws:iam::000000000000:role/{role_of(laptop, function)}"
        allowed = {key for key in writes.values() if may(laptop, role, "s3:PutObject", key)}
        assert allowed == {writes[function]} if function in writes else not allowed
        assert not may(laptop, role, "s3:DeleteObject", writes["training"])
        assert not may(laptop, role, "s3:PutObject", f"{bucket}/raw/x")
