"""The running endpoint answers each documented path as docs/openapi.json says, and nobody whom IAM does not know."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from handlers.stores import LabelHistory, ModelRegistry
from infra.local.run.signed_http import request
from ops.stack import Stack
from tests import http_contract
from tests.emulator.conftest import Laptop
from tests.emulator.waiting import eventually
from tests.handlers.model_bundles import small_bundle
from tests.http_requests import Request, arbitrary

LIST, GET = "GET /machines", "GET /machines/{machine_id}"
POST = "POST /machines/{machine_id}/maintenance"

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(laptop: Laptop) -> Ask:
    """Send a signed request; what comes back must be as documented."""

    def send(route: str, path: str, **options: Any) -> tuple[int, Any]:
        answer = request(laptop.stack, path, method=route.split(" ")[0], **options)
        http_contract.check(route, *answer)
        return answer.status, answer.document

    return send


@pytest.fixture
def served(laptop: Laptop, ask: Ask) -> Iterator[str]:
    """The version of a model that serves, whether or not this laptop run came to have one."""
    registry, bundle = ModelRegistry(laptop.stack.lake), small_bundle()
    registry.store(bundle)
    before = registry.champion()
    registry.promote(bundle.version, after=before, at=datetime.now(UTC), reason="a test")

    def version() -> str | None:
        status, fleet = ask(LIST, "/machines")
        return bundle.version if status == 200 and fleet["model_version"] == bundle.version else None

    yield eventually(version, within=90, what="the promoted model's answers")
    if before is not None:
        registry.promote(before.value.version, after=registry.champion(), at=datetime.now(UTC), reason="a test")


def test_each_documented_path_answers_as_documented(laptop: Laptop, ask: Ask, served: str):
    machine_ids = laptop.stack.outputs.machine_ids
    status, fleet = ask(LIST, "/machines?limit=1000")
    assert status == 200
    assert {machine["machine_id"] for machine in fleet["machines"]} >= set(machine_ids)
    for machine_id in machine_ids:
        status, machine = ask(GET, f"/machines/{machine_id}")
        assert (status, machine["machine_id"], machine["model_version"]) == (200, machine_id, served)


def can_be_sent(request: Request) -> bool:
    """What is neither another path than the route's nor text that no URL holds."""
    return all(
        value.strip("./") and not {"/", "\\"} & set(value) and value.isprintable() for value in request.path.values()
    ) and all(text.isprintable() for pair in request.query.items() for text in pair)


# The answers of functions are fuzzed in tests/handlers; this is about what API Gateway makes of requests on their way.
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(
    made_up=st.one_of([arbitrary(each, machine_ids=["PUMP-A01"]) for each in http_contract.ROUTES]).filter(can_be_sent)
)
def test_whatever_is_asked_is_answered_as_documented(history: LabelHistory, ask: Ask, made_up: Request):
    status, document = ask(made_up.route, made_up.target(), body=made_up.body)
    assert status < 500 or document["error"] == "NO_MODEL"


@pytest.fixture
def history(laptop: Laptop) -> Iterator[LabelHistory]:
    """The label history, which forgets in the end what was recorded of the time before 2021."""
    table = laptop.stack.outputs.label_history_table_name
    yield laptop.stack.label_history
    for item in laptop.stack.dynamodb.scan(TableName=table)["Items"]:
        if item["event_timestamp"]["S"] < "2021":
            key = {name: item[name] for name in ("machine_id", "event_timestamp")}
            laptop.stack.dynamodb.delete_item(TableName=table, Key=key)


def test_a_technicians_record_is_kept_once_whichever_way_it_comes(laptop: Laptop, ask: Ask, history: LabelHistory):
    body = {"kind": "repair", "at": "2020-01-01T06:00:00Z", "note": "new bearing"}

    def post(machine_id: str, **changes: Any) -> tuple[int, Any]:
        return ask(POST, f"/machines/{machine_id}/maintenance", body=json.dumps(body | changes).encode())

    assert post("PUMP-A01")[0] == 201
    assert post("PUMP-A01")[0] == 200
    command = ["maintenance", "record", "PUMP-A01", "--kind", "repair", "--at", "2020-01-01T07:00:00+01:00"]
    assert laptop.json(*command)["is_new"] is False
    assert post("PUMP-A01", note="greased")[1]["error"] == "CONTRADICTION"
    assert post("PUMP-A01", at="tomorrow")[1]["faults"][0]["field"] == "at"
    assert post("NOBODY")[1]["error"] == "UNKNOWN_MACHINE"
    (kept,) = [entry for entry in history.entries() if entry.event_timestamp.year == 2020]
    assert (kept.machine_id, kept.kind, kept.note) == ("PUMP-A01", "repair", "new bearing")


@pytest.mark.parametrize(
    ("output", "may_ask", "may_record"), [("inference_invoke_arn", 200, 403), ("maintenance_invoke_arn", 403, 201)]
)
def test_iam_lets_each_in_by_the_paths_of_their_policy_alone(
    laptop: Laptop, history: LabelHistory, served: str, output: str, may_ask: int, may_record: int
):
    caller = with_policy(laptop, output)
    body = json.dumps({"kind": "repair", "at": "2020-02-02T02:00:00Z"}).encode()
    assert request(caller, "/machines").status == may_ask
    assert request(caller, "/machines/PUMP-A01/maintenance", method="POST", body=body).status == may_record


def with_policy(laptop: Laptop, output: str) -> Stack:
    """The stack as somebody sees it who may invoke what an output names, and nothing else."""
    iam, name = laptop.endpoint.client("iam"), f"only-{output}"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": getattr(laptop.stack.outputs, output)}
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=laptop.stack.session.region_name)
    return replace(laptop.stack, session=session)


@pytest.mark.parametrize("route", http_contract.ROUTES)
def test_nobody_unsigned_is_let_in(ask: Ask, route: str):
    assert ask(route, route.split(" ")[1].format(machine_id="PUMP-A01", episode_id="any"), signed=False)[0] == 403
