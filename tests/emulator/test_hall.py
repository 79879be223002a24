"""The policy of a hall's computer, as docs/page.md gives it: enough for the page and its actions, and no more."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from handlers.stores.fleet_page import read_page
from ops.stack import Stack
from ops.ui.actions import alarm_actions, plan_action, repair_action
from tests.emulator.conftest import Laptop
from tests.emulator.test_alarm_events import alarm

PAGE = Path(__file__).parents[2] / "docs" / "page.md"


@pytest.fixture(scope="module")
def hall(laptop: Laptop) -> Stack:
    """The stack, seen by a user who has that policy alone."""
    outputs = laptop.stack.outputs
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = policy.replace("BUCKET", outputs.data_lake_bucket).replace("PREFIX", "mlops-industrial-local-")
    iam = laptop.endpoint.client("iam")
    iam.create_user(UserName="hall")
    iam.put_user_policy(
        UserName="hall", PolicyName="page", PolicyDocument=named.replace("ACCOUNT", laptop.endpoint.account_id)
    )
    key = iam.create_access_key(UserName="hall")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=laptop.endpoint.region)
    return Stack("local", outputs, session, laptop.endpoint.endpoint_url)


def test_a_hall_sees_the_page_and_does_what_it_offers_as_itself(laptop: Laptop, hall: Stack):
    now = datetime.now(UTC)
    machine_id = f"HALL-{now:%H%M%S%f}"
    episode = alarm(laptop.stack, machine_id)
    assert any(each.id == episode.id for each in read_page(hall.sources, now).alarms)
    act = alarm_actions(hall, hall.principal)
    record = {"machine_id": machine_id, "note": "Grease", "stated_name": "Ann"}
    act["acknowledge"]({"alarm_id": episode.id, "stated_name": "Ann"})
    repaired = {"kind": "repair", "occurred_at": (now - timedelta(minutes=1)).isoformat()}
    assert "Recorded" in repair_action(hall, hall.principal)(record | repaired)
    begins, ends = (now + timedelta(days=30, hours=hours) for hours in (0, 2))
    planned = {"starts_at": begins.isoformat(), "ends_at": ends.isoformat()}
    assert "Planned" in plan_action(hall, hall.principal)(record | planned)
    (answered,) = [each for each in read_page(laptop.stack.sources, now).alarms if each.id == episode.id]
    assert answered.state == "ACKNOWLEDGED"
    assert answered.steps[-1].by == "Ann (user/hall)"


def test_a_hall_may_do_nothing_else(laptop: Laptop, hall: Stack):
    bucket = laptop.stack.outputs.data_lake_bucket
    with pytest.raises(ClientError, match="AccessDenied"):
        hall.s3.put_object(Bucket=bucket, Key="models/champion.json", Body=b"{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        hall.functions.invoke(FunctionName=laptop.stack.outputs.processing_function_name)
    with pytest.raises(ClientError, match="AccessDenied"):
        hall.dynamodb.put_item(TableName=laptop.stack.outputs.machine_state_table_name, Item={"machine_id": {"S": "X"}})
