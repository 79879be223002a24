"""The broker's registry: what is sent to it where the emulator would take less, and what is made up for."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto.iot.models import IoTBackend

from handlers.stores.device_registry import Certificate, DeviceRegistry, MachineElsewhereError, NotDetachedError
from tests.aws_emulation import mock_aws
from tests.iot_in_process import certificate_request, delete_certificate

MACHINE = "PUMP-1"


class Registry:
    """A registry in this process, and how long was waited."""

    def __init__(self) -> None:
        self.iot: Any = boto3.client("iot")
        self.waited: list[float] = []
        self.iot.create_policy(policyName="devices", policyDocument="{}")
        self.iot.create_thing_group(thingGroupName="machines")
        self.devices = DeviceRegistry(self.iot, policy="devices", group="machines", wait=self.waited.append)

    def added(self, machine_id: str) -> Certificate:
        arn = self.devices.sign(certificate_request().decode())
        self.devices.register(machine_id)
        certificate = self.devices.find(arn)
        assert not certificate.is_active
        self.devices.admit(machine_id, certificate)
        return certificate

    def refuse(self, call: str, error: str, times: int) -> Callable[[], int]:
        """Have the broker refuse a call so many times; returns how often it was made."""
        made: list[int] = []

        def refuse(**_: object) -> None:
            made.append(1)
            if len(made) <= times:
                raise getattr(self.iot.exceptions, error)({"Error": {"Code": error}}, call)

        self.iot.meta.events.register(f"before-call.iot.{call}", refuse)
        return lambda: len(made)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(IoTBackend, "delete_certificate", delete_certificate)
    with mock_aws():
        yield Registry()


def test_a_certificate_is_attached_to_one_machine_exclusively(registry: Registry):
    sent: list[dict[str, Any]] = []
    registry.iot.meta.events.register(
        "before-parameter-build.iot.AttachThingPrincipal", lambda params, **_: sent.append(dict(params))
    )
    registry.added(MACHINE)
    assert [each["thingPrincipalType"] for each in sent] == ["EXCLUSIVE_THING"]


def test_a_certificate_becomes_active_when_everything_else_is_done(registry: Registry):
    made: list[str] = []
    registry.iot.meta.events.register("before-call.iot", lambda model, **_: made.append(model.name))
    registry.added(MACHINE)
    assert made[-3:] == ["AttachThingPrincipal", "AttachPolicy", "UpdateCertificate"]


def test_a_certificate_that_somebody_attached_to_a_second_machine_is_retired_all_the_same(registry: Registry):
    certificate = registry.added(MACHINE)
    registry.devices.register("PUMP-2")
    registry.iot.attach_thing_principal(thingName="PUMP-2", principal=certificate.arn)
    registry.devices.retire([certificate])
    assert registry.devices.find(certificate.arn) is None


def test_a_thing_that_somebody_made_is_taken_as_it_is(registry: Registry):
    registry.devices.register(MACHINE)
    made = registry.refuse("CreateThing", "ResourceAlreadyExistsException", 1)
    registry.devices.register(MACHINE)
    assert made() == 1
    assert registry.devices.machines() == [MACHINE]


@pytest.mark.parametrize(
    ("call", "error"),
    [("DeleteCertificate", "DeleteConflictException"), ("DeleteThing", "InvalidRequestException")],
)
def test_a_deletion_that_comes_too_early_is_tried_again(registry: Registry, call: str, error: str):
    certificate = registry.added(MACHINE)
    made = registry.refuse(call, error, 3)
    registry.devices.retire([certificate])
    registry.devices.forget(MACHINE)
    assert made() == 4
    assert registry.waited == [0.5, 1.0, 2.0]
    assert registry.devices.machines() == []


def test_a_deletion_that_never_comes_through_is_named_and_lets_nobody_in(registry: Registry):
    certificate = registry.added(MACHINE)
    registry.refuse("DeleteCertificate", "DeleteConflictException", 100)
    with pytest.raises(NotDetachedError, match="Run the same command again"):
        registry.devices.retire([certificate])
    held = registry.devices.find(certificate.arn)
    assert not held.is_active


def test_a_machine_of_another_stack_of_the_account_is_left_alone(registry: Registry):
    certificate = registry.added(MACHINE)
    registry.iot.create_thing_group(thingGroupName="of-another-stack")
    other = DeviceRegistry(registry.iot, policy="devices", group="of-another-stack")
    assert other.certificates(MACHINE) == []
    other.forget(MACHINE)
    with pytest.raises(MachineElsewhereError, match="machines, which is not"):
        other.register(MACHINE)
    assert registry.devices.certificates(MACHINE) == [registry.devices.find(certificate.arn)]
    assert registry.devices.machines() == [MACHINE]
