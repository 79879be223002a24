"""A change of an alarm reaches a maintenance system by the program's own API destination, which may hear of it twice.

The emulator calls an endpoint once and does not retry: that it is tried for a day, and then kept, is held by
tests/infra/test_work_orders.py. A second delivery is made as the stream of the table makes it after a crash.
"""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from infra.local.engine.deploy import Deployer
from infra.local.engine.monitor import RecordingMonitor
from infra.local.engine.program import autoname, run_program
from infra.work_order_targets import WorkOrderTarget
from infra.work_orders import WorkOrders
from tests.emulator.conftest import Laptop
from tests.emulator.test_alarm_events import alarm, answered
from tests.emulator.waiting import eventually, invoke

SECRET = "Bearer of-the-cmms"
BODY = {
    "event_id": "$.detail.event_id",
    "change": "$.detail.change",
    "machine": "$.detail.episode.machine_id",
    "title": "$.detail.summary",
    "source": "mlops",
}


class Cmms(ThreadingHTTPServer):
    """A maintenance system: it takes who knows its secret, and has one entry for each event id."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.calls: list[str] = []
        self.work_orders: dict[str, dict[str, str]] = {}

    def ids_of(self, machine_id: str) -> list[str]:
        return [name for name, each in self.work_orders.items() if each["machine"] == machine_id]

    def of(self, machine_id: str) -> list[str]:
        return [self.work_orders[name]["change"] for name in self.ids_of(machine_id)]


class Desk(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        system = cast("Cmms", self.server)
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_known = self.headers["X-Key"] == SECRET
        if is_known:
            system.calls.append(event["event_id"])
            system.work_orders.setdefault(event["event_id"], event)
        self.send_response(201 if is_known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: the test does."""


@pytest.fixture
def cmms(laptop: Laptop) -> Iterator[Cmms]:
    """A system that the program's component tells of every change."""
    laptop.endpoint.client("secretsmanager").create_secret(Name="cmms-token", SecretString=SECRET)
    with Cmms() as system:
        thread = threading.Thread(target=system.serve_forever)
        thread.start()
        named = {"name": "cmms", "endpoint": "https://localhost/", "secretName": "cmms-token", "header": "X-Key"}
        target = WorkOrderTarget.model_validate({**named, "body": BODY}).model_copy(
            update={"endpoint": f"http://127.0.0.1:{system.server_port}/work-orders"}
        )  # HTTPS alone is taken

        def program() -> None:
            bus: Any = SimpleNamespace(name=pulumi.Output.from_input(laptop.stack.outputs.event_bus_name))
            WorkOrders("work-orders", {"bus": bus, "targets": [target]})

        monitor = RecordingMonitor(Deployer(laptop.endpoint, autoname("work-orders", "test", {})))
        run_program(monitor, program, project="work-orders", stack="test", config={}, timeout=60)
        yield system
        system.shutdown()
        thread.join()


def test_a_maintenance_system_has_one_work_order_of_each_change_however_often_it_hears_of_it(
    laptop: Laptop, cmms: Cmms
):
    machine_id = f"CMMS-{datetime.now(UTC):%H%M%S%f}"
    episode = alarm(laptop.stack, machine_id)
    table, client = laptop.stack.outputs.alarms_table_name, laptop.stack.dynamodb
    (stored,) = client.query(
        TableName=table,
        KeyConditionExpression="machine_id = :machine",
        ExpressionAttributeValues={":machine": {"S": machine_id}},
    )["Items"]
    eventually(lambda: cmms.of(machine_id) == ["OPENED"], within=60, what="the alarm at the maintenance system")
    again = {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"NewImage": stored}}
    assert invoke(laptop.endpoint, laptop.stack.outputs.alarm_events_function_name, {"Records": [again]}) == {
        "published": 1
    }
    answered(laptop, episode, action="close", verdict="NO_FAULT")
    eventually(lambda: len(cmms.of(machine_id)) == 2, within=60, what="its verdict there")
    opened, verdict = cmms.ids_of(machine_id)
    eventually(lambda: cmms.calls.count(opened) == 2, within=60, what="the second delivery of the first change")
    assert cmms.of(machine_id) == ["OPENED", "VERDICT"]
    assert cmms.calls.count(verdict) == 1
