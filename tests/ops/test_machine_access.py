"""``mlops machines add | rotate | revoke | list``: who may publish, whatever call the command was stopped at."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from moto.iot.models import IoTBackend

from handlers.stores.device_registry import DeviceRegistry
from ops.device_access import DeviceAccess
from ops.device_keys import KeySet, newest
from tests.iot_in_process import certificate_request, delete_certificate
from tests.ops.conftest import REGION, Deployed

POLICY, GROUP = "devices-policy", "devices-machines"
MACHINE = "PUMP-1"


class Stopped(BaseException):
    """The computer is switched off: nothing catches this."""


@dataclass
class Plant:
    """The broker's registry (moto) beside a deployed stack, and the folder of keys."""

    deployed: Deployed
    iot: Any
    keys: Path
    stop_at: tuple[str, int] | None = None
    calls: int = 0

    @property
    def access(self) -> DeviceAccess:
        registry = DeviceRegistry(self.iot, policy=POLICY, group=GROUP, wait=lambda _: None)
        return DeviceAccess(registry, self.keys / "dev")

    def run(self, *arguments: str) -> str:
        ran = self.deployed.run("machines", *arguments, *self._folder(arguments[0]))
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    def json(self, *arguments: str) -> dict[str, Any]:
        return self.deployed.json("machines", *arguments, *self._folder(arguments[0]))

    def refused(self, *arguments: str) -> str:
        return self.deployed.refused("machines", *arguments, *self._folder(arguments[0]))

    def certificate_of(self, machine_id: str) -> str | None:
        return {row["machine_id"]: row["certificate"] for row in self.json("list")["machines"]}.get(machine_id)

    def _folder(self, verb: str) -> list[str]:
        return ["--keys", str(self.keys)] if verb in {"add", "rotate"} else []

    def active(self) -> list[str]:
        """ARNs of all active certificates, each of which must be attached to a thing and to the policy."""
        listed = [each for each in self.iot.list_certificates()["certificates"] if each["status"] == "ACTIVE"]
        for each in listed:
            assert len(self.iot.list_principal_things(principal=each["certificateArn"])["things"]) == 1
            assert [p["policyName"] for p in self.iot.list_attached_policies(target=each["certificateArn"])["policies"]]
        return [each["certificateArn"] for each in listed]

    def stopping(self, what: Callable[[], object], moment: str, call: int) -> bool:
        """Do it, and be stopped before the call or after it was made; False where it ended before that."""
        self.stop_at, self.calls = (moment, call), 0
        try:
            what()
        except Stopped:
            return True
        finally:
            self.stop_at = None
        return False

    def hook(self, event_name: str, **_: object) -> None:
        if self.stop_at is None or not event_name.startswith(self.stop_at[0]):
            return
        self.calls += 1
        if self.calls > self.stop_at[1]:
            raise Stopped


@pytest.fixture
def plant(deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    monkeypatch.setattr(IoTBackend, "delete_certificate", delete_certificate)
    iot = boto3.client("iot", region_name=REGION)
    iot.create_policy(policyName=POLICY, policyDocument='{"Version":"2012-10-17","Statement":[]}')
    iot.create_thing_group(thingGroupName=GROUP)
    endpoint = f"a1b2c3-ats.iot.{REGION}.amazonaws.com"
    deployed.set_outputs(device_policy_name=POLICY, device_group_name=GROUP, device_endpoint=endpoint)
    made = Plant(deployed, iot, tmp_path / "devices")
    for moment in ("before-call", "after-call"):
        iot.meta.events.register(f"{moment}.iot", made.hook)
    return made


def test_an_added_machine_has_an_active_certificate_of_its_own_key_and_is_told_how_to_connect(plant: Plant) -> None:
    granted = plant.json("add", MACHINE)
    assert granted["client_id"] == MACHINE
    assert (granted["host"], granted["port"]) == (f"a1b2c3-ats.iot.{REGION}.amazonaws.com", 8883)
    assert granted["topics"] == [f"industrial/machine/{MACHINE}/{last}" for last in (
        "readings", "temperature", "vibration", "event/failure")]  # fmt: skip
    key = serialization.load_pem_private_key(Path(granted["key"]).read_bytes(), password=None)
    request = x509.load_pem_x509_csr((plant.keys / "dev" / MACHINE / "1" / "request.pem").read_bytes())
    assert request.public_key() == key.public_key()
    assert request.subject.rfc4514_string() == f"CN={MACHINE}"
    assert len(plant.active()) == 1
    assert plant.certificate_of(MACHINE) == "active"
    for line in (granted["host"], granted["certificate"], *granted["topics"], *granted["examples"], "mosquitto_pub"):
        assert line in plant.run("add", MACHINE), "shown again, with nothing made anew"
    assert len(plant.active()) == 1


def test_the_private_key_is_readable_by_its_owner_alone_and_never_sent(plant: Plant) -> None:
    sent: list[str] = []
    plant.iot.meta.events.register("before-call.iot", lambda params, **_: sent.append(str(params)))
    keys = plant.access.add(MACHINE)
    assert stat.S_IMODE(keys.key.stat().st_mode) == 0o600
    assert not any("PRIVATE" in each for each in sent)


def test_a_machine_that_made_its_own_key_sends_a_request_and_no_key_is_made(plant: Plant, tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(certificate_request())
    granted = plant.json("add", MACHINE, "--csr", str(own))
    assert granted["key"] is None
    assert not list(plant.keys.rglob("key.pem"))
    assert "stays on the machine" in plant.run("add", MACHINE, "--csr", str(own))


@pytest.mark.parametrize("content", [b"", b"no request", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_is_refused_before_anything_is_made(plant: Plant, tmp_path: Path, content: bytes) -> None:
    assert "machine_id" in plant.refused("add", "../PUMP"), "and so is an id that no topic can carry"
    file = tmp_path / "bad.pem"
    file.write_bytes(content)
    assert "openssl req" in plant.refused("add", MACHINE, "--csr", str(file))
    assert plant.active() == []
    assert newest(plant.keys / "dev", MACHINE) is None


def test_a_machine_whose_files_are_elsewhere_is_not_added_twice(plant: Plant) -> None:
    plant.run("add", MACHINE)
    plant.keys.rename(plant.keys.with_name("lost"))
    assert f"mlops machines rotate {MACHINE}" in plant.refused("add", MACHINE)
    assert len(plant.active()) == 1


def test_both_certificates_are_active_until_the_rotation_is_finished(plant: Plant) -> None:
    first = plant.access.add(MACHINE).arn
    granted = plant.json("rotate", MACHINE)
    assert len(plant.active()) == 2
    assert plant.certificate_of(MACHINE) == "rotating"
    assert plant.json("rotate", MACHINE)["certificate"] == granted["certificate"], "run again, it is the same rotation"
    retired = plant.json("rotate", MACHINE, "--finish")["retired"]
    assert retired == [str(first).rpartition("/")[2]]
    assert plant.active() == [(Path(granted["certificate"]).parent / "certificate.arn").read_text()]
    assert plant.certificate_of(MACHINE) == "active"
    assert plant.json("rotate", MACHINE, "--finish")["retired"] == []


def test_only_a_machine_that_has_access_is_given_another_certificate(plant: Plant) -> None:
    assert f"mlops machines add {MACHINE}" in plant.refused("rotate", MACHINE)
    assert f"mlops machines add {MACHINE}" in plant.refused("rotate", MACHINE, "--finish")


def test_a_rotation_begun_elsewhere_is_not_begun_again(plant: Plant) -> None:
    plant.run("add", MACHINE)
    plant.run("rotate", MACHINE)
    plant.keys.rename(plant.keys.with_name("lost"))
    assert "--finish" in plant.refused("rotate", MACHINE)
    assert len(plant.active()) == 2


def test_a_revoked_machine_has_nothing_left_and_may_be_added_again(plant: Plant) -> None:
    plant.run("add", MACHINE)
    plant.run("rotate", MACHINE)
    assert len(plant.json("revoke", MACHINE)["revoked"]) == 2
    assert plant.iot.list_certificates()["certificates"] == []
    assert plant.iot.list_things()["things"] == []
    # What was recorded of the machine stays until it is retired; it can publish no more.
    assert [(each["machine_id"], each["certificate"]) for each in plant.json("list")["machines"]] == [(MACHINE, None)]
    assert plant.json("revoke", MACHINE)["revoked"] == []
    assert "mlops machines list" in plant.run("revoke", MACHINE)
    plant.run("add", MACHINE)
    assert plant.certificate_of(MACHINE) == "active"


def test_others_keep_their_access(plant: Plant) -> None:
    other = plant.access.add("FAN-1").arn
    plant.run("add", MACHINE)
    plant.run("revoke", MACHINE)
    assert plant.active() == [other]
    assert plant.certificate_of("FAN-1") == "active"


@pytest.mark.verify
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_adding_goes_on_wherever_it_was_stopped_and_lets_nobody_in_before_its_end(plant: Plant, moment: str) -> None:
    for call in range(100):
        machine_id = f"PUMP-{call}"
        was_stopped = plant.stopping(lambda name=machine_id: plant.access.add(name), moment, call)
        assert len(plant.active()) <= call + 1
        keys = plant.access.add(machine_id)
        assert keys.arn in plant.active()
        assert keys.folder.name == "1"
        assert len(plant.active()) == call + 1
        if not was_stopped:
            break
    assert 5 < call < 99


@pytest.mark.verify
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_rotating_goes_on_wherever_it_was_stopped_and_never_leaves_the_machine_without_access(
    plant: Plant, moment: str
) -> None:
    first = plant.access.add(MACHINE).arn
    was_stopped, call = True, 0
    while was_stopped:
        was_stopped = plant.stopping(lambda: plant.access.rotate(MACHINE), moment, call)
        assert first in plant.active()
        second = plant.access.rotate(MACHINE).arn
        assert sorted(plant.active()) == sorted([str(first), str(second)])
        plant.stopping(lambda: plant.access.finish(MACHINE), moment, call)
        assert second in plant.active()
        plant.access.finish(MACHINE)
        assert plant.active() == [second]
        first, call = second, call + 1
    assert call > 5


@pytest.mark.verify
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_revoking_goes_on_wherever_it_was_stopped_and_leaves_nothing(plant: Plant, moment: str) -> None:
    was_stopped, call = True, 0
    while was_stopped:
        plant.access.add(MACHINE)
        plant.access.rotate(MACHINE)
        was_stopped = plant.stopping(lambda: plant.access.revoke(MACHINE), moment, call)
        plant.access.revoke(MACHINE)
        assert plant.iot.list_certificates()["certificates"] == []
        assert plant.iot.list_things()["things"] == []
        call += 1
    assert call > 5


def test_all_certificates_are_inactive_before_any_is_taken_apart(plant: Plant) -> None:
    plant.access.add(MACHINE)
    plant.access.rotate(MACHINE)
    made: list[str] = []
    plant.iot.meta.events.register("before-call.iot", lambda model, **_: made.append(model.name))
    plant.access.revoke(MACHINE)
    changes = [each for each in made if not each.startswith(("List", "Describe"))]
    assert changes[:3] == ["UpdateCertificate", "UpdateCertificate", "DetachThingPrincipal"]


def test_the_last_set_of_files_is_the_one_with_the_highest_number(tmp_path: Path) -> None:
    for number in ("2", "10", "9", "notes"):
        (tmp_path / MACHINE / number).mkdir(parents=True)
    assert newest(tmp_path, MACHINE) == KeySet(tmp_path / MACHINE / "10")
