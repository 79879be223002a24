"""Models on the deployed stack: made by the state machine, damaged, rolled back; a good one serves."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.stores import ModelRegistry
from infra.local.run.signed_http import request
from mlops_core.prognosis import ModelBundle
from ops.training import Training, finished_training, start_training
from tests.emulator.conftest import Laptop
from tests.emulator.failing_fleet import failing_fleet, nothing_recorded
from tests.emulator.waiting import eventually, invoke
from tests.handlers.model_bundles import small_bundle

GOOD, DAMAGED = small_bundle(11), small_bundle(12)
LONGER = replace(
    DAMAGED,
    schema=replace(
        DAMAGED.schema, names=tuple(name.replace("_count_1h", "_count_72h") for name in DAMAGED.schema.names)
    ),
)
"""A sound model of windows that the stack does not compute, as it may have done once."""


@pytest.fixture(scope="module", autouse=True)
def _no_failures_of_other_tests(laptop: Laptop) -> Iterator[None]:
    with nothing_recorded(laptop.stack):
        yield


@pytest.fixture(scope="module")
def registry(laptop: Laptop) -> ModelRegistry:
    return ModelRegistry(laptop.stack.lake)


@pytest.fixture(scope="module")
def messages(laptop: Laptop) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What subscribers of the topic receive, read from a queue."""
    queue = laptop.stack.sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = laptop.stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    deliver = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": laptop.stack.outputs.notice_topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deliver]})
    laptop.stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    topic = laptop.endpoint.client("sns")
    subscription = topic.subscribe(
        TopicArn=laptop.stack.outputs.notice_topic_arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )["SubscriptionArn"]

    def received() -> list[dict[str, Any]]:
        answer = laptop.stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    yield received
    topic.unsubscribe(SubscriptionArn=subscription)
    laptop.stack.sqs.delete_queue(QueueUrl=queue)


def train(laptop: Laptop) -> Training:
    return finished_training(laptop.stack, start_training(laptop.stack), patience_seconds=300, look_each=0.3)


@pytest.fixture(scope="module")
def trained(laptop: Laptop, registry: ModelRegistry) -> Training:
    """A model made by the state machine from a fleet that fails, after a champion that was damaged since."""
    registry.store(DAMAGED)
    registry.promote(DAMAGED.version, after=registry.champion(), at=datetime.now(UTC), reason="to be damaged")
    overwrite(laptop, DAMAGED, "life.txt", b"tree")
    with failing_fleet(laptop.stack):
        ended = train(laptop)
    assert ended.version is not None, ended.reason
    registry.store(GOOD)
    return ended


def overwrite(laptop: Laptop, bundle: ModelBundle, name: str, body: bytes) -> None:
    laptop.stack.s3.put_object(
        Bucket=laptop.stack.outputs.data_lake_bucket, Key=f"models/{bundle.version}/{name}", Body=body
    )


def serve(registry: ModelRegistry, version: str) -> None:
    if registry.champion().value.version != version:
        registry.promote(version, after=registry.champion(), at=datetime.now(UTC), reason="a test")


def scored_by(laptop: Laptop) -> str:
    """The model that scoring uses now: it looks at the champion in every run."""
    answer = invoke(laptop.endpoint, laptop.stack.outputs.scoring_function_name, {})
    assert "errorMessage" not in answer, answer
    return answer["model_version"]


def test_the_state_machine_makes_a_model_and_promotes_it_although_the_champion_is_damaged(
    laptop: Laptop, registry: ModelRegistry, trained: Training
):
    assert trained.is_promoted
    assert "the champion is refused (life.txt" in trained.reason
    assert registry.champion().value.version == trained.version
    assert trained.outcome["evaluation"]["against"] == DAMAGED.version
    assert trained.outcome["training_set"]["failures"] == 10
    assert scored_by(laptop) == trained.version


def test_people_list_show_promote_and_roll_back_models(laptop: Laptop, registry: ModelRegistry, trained: Training):
    serve(registry, str(trained.version))
    versions = {one["version"]: one for one in laptop.json("models", "list")["versions"]}
    assert versions[trained.version]["is_champion"]
    assert "life.txt" in versions[DAMAGED.version]["problem"]
    assert "When not to trust it" in laptop.run("models", "show").stdout
    laptop.json("models", "promote", GOOD.version, "--reason", "to see what it does")
    assert scored_by(laptop) == GOOD.version
    assert laptop.json("models", "rollback")["champion"] == trained.version
    assert scored_by(laptop) == trained.version
    assert [move.reason for move in registry.champion().value.promotions[-2:]] == [
        "to see what it does",
        f"Rolled back by hand from {GOOD.version}",
    ]


HARM = {
    "truncated": {"failure.txt": DAMAGED.files()["failure.txt"][:-200]},
    "corrupt": {"calibration.json": DAMAGED.files()["calibration.json"].replace(b"1", b"2")},
    "swapped": GOOD.files(),
    "of an older layout": {"bundle.json": DAMAGED.files()["bundle.json"].replace(b'"layout":1', b'"layout":0')},
}


@pytest.mark.parametrize("harm", HARM)
def test_an_artefact_that_is_not_what_was_stored_is_refused_and_the_last_good_model_serves(
    laptop: Laptop, registry: ModelRegistry, trained: Training, harm: str
):
    serve(registry, str(trained.version))
    for name, body in DAMAGED.files().items():
        overwrite(laptop, DAMAGED, name, body)
    registry.promote(DAMAGED.version, after=registry.champion(), at=datetime.now(UTC), reason="to be damaged")
    for name, body in HARM[harm].items():
        overwrite(laptop, DAMAGED, name, body)
    assert scored_by(laptop) == trained.version
    answer = request(laptop.stack, "/machines")
    assert answer.status == 200
    fleet = answer.document
    assert {fleet["model_version"]} == {machine["model_version"] for machine in fleet["machines"]}
    assert fleet["model_version"] != DAMAGED.version
    serve(registry, str(trained.version))
    refused = laptop.run("models", "promote", DAMAGED.version)
    assert (refused.exit_code, registry.champion().value.version) == (1, trained.version)
    assert f"{DAMAGED.version} is refused" in refused.stderr


def test_a_model_of_features_that_are_no_longer_computed_is_refused_and_the_last_good_one_serves(
    laptop: Laptop, registry: ModelRegistry, trained: Training
):
    serve(registry, str(trained.version))
    registry.store(LONGER)
    refused = laptop.run("models", "promote", LONGER.version)
    assert refused.exit_code == 1
    assert "not computed here" in refused.stderr
    registry.promote(LONGER.version, after=registry.champion(), at=datetime.now(UTC), reason="past the command")
    assert scored_by(laptop) == trained.version


def test_without_failures_no_model_is_made_people_are_told_why_and_the_champion_stays(
    laptop: Laptop, registry: ModelRegistry, trained: Training, messages
):
    before = registry.champion()
    ended = train(laptop)
    assert ended.version is None
    assert ended.reason.startswith("NO_POSITIVES")
    assert registry.champion() == before
    [message] = eventually(messages, within=20, what="a message about training")
    assert message["Subject"] == "No new model could be made"
    assert message["Message"].startswith("UntrainableError: NO_POSITIVES")
    assert "The model that served goes on serving" in message["Message"]
