"""A real machine over MQTT and TLS: what it sends ends in the lake, and whatever it may not do is refused.

The broker is the emulator's, which evaluates the policy that the program deployed. A certificate and its files are made
as a person makes them, by what `mlops machines` calls. Two things the emulator does not do, and tests of the registry
look at instead: it lets an exclusive certificate be attached to a second machine, and it leaves a connection open whose
certificate is deactivated.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from handlers.stores.device_registry import Certificate
from infra.local.run.reconciliation import wait_until_drained
from mlops_core.lake import EVENTS_PREFIX, QUARANTINE_PREFIX, RAW_PREFIX, decode_failures, decode_readings
from mlops_core.telemetry import Message, failure_message, reading_message
from ops.device_access import DeviceAccess
from ops.device_connection import Connection, connection
from tests.emulator.conftest import Laptop
from tests.emulator.mqtt_device import CLOSED, GRANTED, REFUSED, answer, folder_of, opened

MACHINE, NEIGHBOUR = "PRESS-D01", "PRESS-D02"
Added = Callable[[str], Connection]
PREFIX = "industrial/local/machine"


@pytest.fixture
def access(laptop: Laptop, tmp_path: Path) -> DeviceAccess:
    return DeviceAccess(laptop.stack.device_registry, tmp_path)


@pytest.fixture
def added(laptop: Laptop, access: DeviceAccess) -> Iterator[Added]:
    """Add machines; they are revoked afterwards."""
    machine_ids: list[str] = []

    def add(machine_id: str) -> Connection:
        machine_ids.append(machine_id)
        return connection(laptop.stack, machine_id, access.add(machine_id))

    yield add
    for machine_id in machine_ids:
        access.revoke(machine_id)


@pytest.fixture
def machine(added: Added) -> Connection:
    return added(MACHINE)


def certificate_of(laptop: Laptop, of: Connection) -> Certificate:
    return laptop.stack.device_registry.find((folder_of(of) / "certificate.arn").read_text())


def reading(machine_id: str, value: float, channel: str = "temperature") -> Message:
    return reading_message(machine_id, channel, datetime.now(UTC), value, topic_prefix=PREFIX)


def objects(laptop: Laptop) -> frozenset[str]:
    prefixes = (RAW_PREFIX, EVENTS_PREFIX, QUARANTINE_PREFIX)
    return frozenset(key for prefix in prefixes for key in laptop.stack.lake.versions(prefix))


def stored_since(laptop: Laptop, before: frozenset[str], prefix: str) -> list[bytes]:
    wait_until_drained(laptop.stack, timeout=60)
    return laptop.stack.lake.read_all(sorted(laptop.stack.lake.versions(prefix).keys() - before))


def test_what_a_machine_sends_on_its_own_topics_ends_in_the_lake(laptop: Laptop, machine: Connection):
    before, now = objects(laptop), datetime.now(UTC)
    sent = [
        reading(MACHINE, 41.5),
        reading(MACHINE, 3.25, "vibration"),
        failure_message(MACHINE, now, "WEAR", 12, 11, topic_prefix=PREFIX),
    ]
    assert {message.topic for message in sent} <= set(machine.topics)
    with opened(machine) as (wire, granted):
        assert granted == GRANTED
        assert [wire.publish(message) for message in sent] == [GRANTED] * 3
    readings = decode_readings(stored_since(laptop, before, RAW_PREFIX)).sort("channel")
    assert readings.select("machine_id", "channel", "value").rows() == [
        (MACHINE, "temperature", 41.5),
        (MACHINE, "vibration", 3.25),
    ]
    failures = decode_failures(stored_since(laptop, before, EVENTS_PREFIX))
    assert failures.select("machine_id", "event_code").rows() == [(MACHINE, "WEAR")]


def test_a_machine_cannot_publish_to_another_machines_topic(laptop: Laptop, machine: Connection, added: Added):
    added(NEIGHBOUR)
    before = objects(laptop)
    with opened(machine) as (wire, granted):
        assert granted == GRANTED
        assert wire.publish(reading(NEIGHBOUR, 99.0)) == REFUSED
        assert wire.publish(reading("PUMP-A01", 99.0)) == REFUSED
        assert wire.publish(reading(MACHINE, 20.0)) == GRANTED, "the connection goes on"
    assert decode_readings(stored_since(laptop, before, RAW_PREFIX))["machine_id"].to_list() == [MACHINE]
    assert objects(laptop).isdisjoint(key for key in objects(laptop) - before if key.startswith(QUARANTINE_PREFIX))


@pytest.mark.parametrize(
    "topic",
    [
        "industrial/local/machine/PRESS-D01",
        "industrial/local/machine//temperature",
        "industrial/local/machine/PRESS-D0/temperature",
        "industrial/local/machine/PRESS-D011/temperature",
        "$aws/things/PRESS-D01/shadow/update",
        "$aws/rules/mlops_industrial_local_ingestion_rules_readings/industrial/local/machine/PUMP-A01/temperature",
    ],
)
def test_a_machine_cannot_publish_elsewhere_by_any_way_round(machine: Connection, topic: str):
    with opened(machine) as (wire, granted):
        assert granted == GRANTED
        assert wire.publish(Message(topic, b"{}")) in {REFUSED, CLOSED}


@pytest.mark.parametrize(
    "topic_filter", ["#", "industrial/local/machine/+/temperature", "industrial/local/machine/PRESS-D01/+"]
)
def test_a_machine_hears_nothing(machine: Connection, topic_filter: str):
    with opened(machine) as (wire, granted):
        assert granted == GRANTED
        assert wire.subscribe(topic_filter) != "Granted QoS 1"


def test_a_machine_connects_under_its_own_name_alone(machine: Connection, added: Added):
    added(NEIGHBOUR)
    assert [answer(machine, name) for name in (NEIGHBOUR, f"{MACHINE}-2", "PUMP-A01", "press-d01")] == [REFUSED] * 4
    assert answer(machine) == GRANTED


def test_an_inactive_certificate_is_refused_and_the_same_one_serves_when_it_is_active_again(
    laptop: Laptop, machine: Connection
):
    held = certificate_of(laptop, machine)
    assert answer(machine) == GRANTED
    laptop.stack.iot.update_certificate(certificateId=held.certificate_id, newStatus="INACTIVE")
    assert answer(machine) == CLOSED
    laptop.stack.iot.update_certificate(certificateId=held.certificate_id, newStatus="ACTIVE")
    assert answer(machine) == GRANTED


def test_a_certificate_that_is_attached_to_no_machine_is_refused(laptop: Laptop, machine: Connection):
    held = certificate_of(laptop, machine)
    laptop.stack.iot.detach_thing_principal(thingName=MACHINE, principal=held.arn)
    assert answer(machine) == REFUSED
    laptop.stack.iot.attach_thing_principal(thingName=MACHINE, principal=held.arn)
    assert answer(machine) == GRANTED


def test_a_certificate_without_the_policy_is_refused_and_so_is_none(laptop: Laptop, machine: Connection):
    held, policy = certificate_of(laptop, machine), laptop.stack.outputs.device_policy_name
    assert answer(machine, has_certificate=False) == CLOSED
    laptop.stack.iot.detach_policy(policyName=policy, target=held.arn)
    assert answer(machine) == REFUSED


def test_both_certificates_serve_during_a_rotation_and_the_new_one_after_it(
    laptop: Laptop, machine: Connection, access: DeviceAccess
):
    rotated = connection(laptop.stack, MACHINE, access.rotate(MACHINE))
    assert [answer(machine), answer(rotated)] == [GRANTED, GRANTED]
    access.finish(MACHINE)
    assert [answer(machine), answer(rotated)] == [CLOSED, GRANTED]


def test_a_revoked_machine_is_refused_and_the_broker_keeps_nothing_of_it(
    laptop: Laptop, machine: Connection, access: DeviceAccess
):
    held = certificate_of(laptop, machine)
    access.revoke(MACHINE)
    assert answer(machine) == CLOSED
    assert laptop.stack.device_registry.find(held.arn) is None
    assert MACHINE not in laptop.stack.device_registry.machines()


def test_the_command_lets_a_machine_in_shows_it_and_takes_its_access_away(laptop: Laptop, tmp_path: Path):
    def shown() -> str | None:
        listed = laptop.json("machines", "list")["machines"]
        return {row["machine_id"]: row["certificate"] for row in listed}.get("PRESS-D03")

    way_in = laptop.json("machines", "add", "PRESS-D03", "--keys", str(tmp_path))
    files = {name: Path(way_in[name]) for name in ("certificate", "key")}
    given = Connection(
        "PRESS-D03", way_in["host"], way_in["port"], (), **files, authority=way_in["certificate_authority"]
    )
    assert answer(given) == GRANTED
    assert shown() == "active"
    assert len(laptop.json("machines", "revoke", "PRESS-D03")["revoked"]) == 1
    assert answer(given) == CLOSED
    assert shown() is None


def deployed_policy(laptop: Laptop) -> dict[str, Any]:
    policy = laptop.stack.iot.get_policy(policyName=laptop.stack.outputs.device_policy_name)
    return json.loads(policy["policyDocument"])


@pytest.mark.parametrize("action", ["iot:Connect", "iot:Publish"])
def test_a_machine_needs_both_things_that_the_policy_grants(laptop: Laptop, machine: Connection, action: str):
    iot, name, document = laptop.stack.iot, laptop.stack.outputs.device_policy_name, deployed_policy(laptop)
    rest = [each for each in document["Statement"] if each["Action"] != [action]]
    shorter = json.dumps({**document, "Statement": rest})
    version = iot.create_policy_version(policyName=name, policyDocument=shorter, setAsDefault=True)["policyVersionId"]
    try:
        with opened(machine) as (wire, granted):
            assert (granted if granted != GRANTED else wire.publish(reading(MACHINE, 20.0))) == REFUSED
    finally:
        iot.set_default_policy_version(policyName=name, policyVersionId="1")
        iot.delete_policy_version(policyName=name, policyVersionId=version)
    assert answer(machine) == GRANTED
